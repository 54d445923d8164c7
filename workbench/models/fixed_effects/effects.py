"""The fixed effects themselves, recovered after the slopes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.data.design import prediction_numbers
from workbench.data.formula.fixed_effects import AbsorbedTerm
from workbench.data.levels import positions
from workbench.data.names import level_text, shown
from workbench.data.table import Table
from workbench.demeaners.automatic import Automatic
from workbench.demeaners.base import finish
from workbench.errors import DataError, InferenceError
from workbench.kernels.absorption.factors import Factor, Factors
from workbench.protocols import Numpy


@dataclass(frozen=True)
class Effects:
    """The effects of each factor, by level.

    Attributes
    ----------
    terms
        The factors, as in the formula.
    series
        The effects of each, in the same order, indexed by level.
    """

    terms: tuple[AbsorbedTerm, ...]
    series: tuple[pd.Series, ...]

    def by_name(self) -> dict[str, pd.Series]:
        """Return the effects by the name of their factor."""
        return {str(series.name): series for series in self.series}

    def at(self, table: Table) -> Numpy:
        """Sum the effects of each row of a table, ``(n,)``; NaN where a level is unknown.

        Raises
        ------
        DataError
            When the levels have another type than those of the fit, and one is none of them.
        """
        total = np.zeros(table.nrows)
        for term, series in zip(self.terms, self.series, strict=True):
            found = np.append(series.to_numpy(dtype=np.float64), np.nan)[_at(term, series, table)]
            slope = 1.0 if term.slope is None else prediction_numbers(table, term.slope)
            total += found * slope
        return total

    def refuse_unknown(self, effects: Numpy, table: Table) -> None:
        """Refuse sums of effects ``(n,)`` that are NaN in every one of several rows.

        Raises
        ------
        DataError
            Naming the levels of the first row, unless the levels are missing.
        """
        names = dict.fromkeys(name for term in self.terms for name in term.columns)
        columns = [table.column(name) for name in names]
        slopes = [table.column(term.slope) for term in self.terms if term.slope is not None]
        complete = ~np.logical_or.reduce([column.isna() for column in (*columns, *slopes)])
        rows = np.flatnonzero(complete)
        if len(effects) < 2 or not np.isnan(effects).all() or not len(rows):
            return
        levels = zip(names, (column.iloc[rows[0]] for column in columns), strict=True)
        found = " and ".join(f"{shown(name)} {shown(level_text(x))}" for name, x in levels)
        raise DataError(
            f"None of the {len(effects):,} rows has levels of the fixed effects that the fit has "
            f"an effect for: row {rows[0]} has {found}.",
            hint="levels of the data of the fit, of the same type; see fit.fixed_effects().",
            code="new-level",
            where=next(iter(names)),
        )


def recovered(
    terms: tuple[AbsorbedTerm, ...],
    factors: Factors,
    total: Numpy,
    table: Table,
    rows: npt.NDArray[np.int64],
) -> Effects:
    """Split the summed effects ``total (n,)`` of the rows into those of each factor.

    Only sums of effects are identified.  The first factor is not normalized; in each further
    factor the first level is zero in every connected component of its graph with the first.

    Raises
    ------
    InferenceError
        When the effects are not identified to the precision of the sum.
    """
    effects = _solved(factors, total)
    labels = [_levels(term, table)[rows[_first_rows(f)]] for term, f in _pairs(terms, factors)]
    orders = [_order(index) for index in labels]
    plain = [j for j, member in enumerate(factors.members) if member.slope is None]
    for later in plain[1:]:
        _normalise(factors, effects, plain[0], later, orders[later])
    series = [
        pd.Series(values[order], index=index[order], name=member.name)
        for values, index, order, member in zip(
            effects, labels, orders, factors.members, strict=True
        )
    ]
    return Effects(terms, tuple(series))


def _pairs(terms: tuple[AbsorbedTerm, ...], factors: Factors) -> list[tuple[AbsorbedTerm, Factor]]:
    return list(zip(terms, factors.members, strict=True))


def _solved(factors: Factors, total: Numpy) -> list[Numpy]:
    """Find effects that add up to ``total``, by the fastest demeaner available."""
    found = finish(Automatic().solve(factors.weighted(None), total[:, None]))
    if not found.converged:
        raise InferenceError(
            f"The fixed effects were not separated from each other within {found.iterations:,} "
            "iterations.",
            hint="the slopes are not affected; leave out weakly connected levels.",
            code="effects-not-found",
        )
    assert found.coefficients is not None
    return [effects[:, 0] for effects in found.coefficients]


def _normalise(
    factors: Factors, effects: list[Numpy], first: int, later: int, order: npt.NDArray[np.intp]
) -> None:
    """Move one constant per component from a factor to the first, so that its first level is 0."""
    components = factors.components(first, later)
    a, b = factors.members[first], factors.members[later]
    of_a = components[_first_rows(a)]
    of_b = components[_first_rows(b)]
    _, references = np.unique(of_b[order], return_index=True)
    shift = effects[later][order[references]]
    effects[later] = effects[later] - shift[of_b]
    effects[first] = effects[first] + shift[of_a]


def _first_rows(member: Factor) -> npt.NDArray[np.intp]:
    """Return for each level the first row that has it, ``(levels,)``."""
    return np.unique(member.codes, return_index=True)[1]


def _levels(term: AbsorbedTerm, table: Table) -> pd.Index:
    columns = [table.column(name) for name in term.columns]
    if len(columns) == 1:
        single: pd.Index = pd.Index(columns[0], name=term.columns[0])
        return single
    return pd.MultiIndex.from_arrays(columns, names=term.columns)


def _at(term: AbsorbedTerm, series: pd.Series, table: Table) -> npt.NDArray[np.int64]:
    """Return the position of each row's level among those of the effects; -1 where unknown."""
    if len(term.columns) == 1:
        return positions(table.column(term.columns[0]), series.index, term.columns[0])
    known, rows = [], []
    for number, name in enumerate(term.columns):
        codes, levels = pd.factorize(series.index.get_level_values(number))
        known.append(codes)
        rows.append(positions(table.column(name), levels, name))
    places = pd.MultiIndex.from_arrays(known).get_indexer(pd.MultiIndex.from_arrays(rows))
    return np.asarray(places, dtype=np.int64)


def _order(index: pd.Index) -> npt.NDArray[np.intp]:
    """Return the order of the levels, numbers before text."""
    keys = [
        pd.factorize(index.get_level_values(level), sort=True)[0]
        for level in reversed(range(index.nlevels))
    ]
    return np.lexsort(keys)
