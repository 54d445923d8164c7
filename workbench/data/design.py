"""From a table and a formula to the arrays of a likelihood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.data.complete_cases import CompleteCases, Positions, draw, fewer, note_on_levels
from workbench.data.formula.fixed_effects import columns_of, fewer_rows, read_factors
from workbench.data.formula.never_treated import with_marks_read
from workbench.data.formula.other_programs import ivreg
from workbench.data.formula.outcome import read_ordered, read_outcome, unused_levels
from workbench.data.formula.parser import (
    ParsedFormula,
    absorbed,
    further_equation,
    instrument_sides,
    parse_formula,
)
from workbench.data.formula.regressors import (
    Regressors,
    columns_predicted_from,
    prediction_matrix,
    prediction_numbers,
    read_regressors,
)
from workbench.data.names import shown
from workbench.data.table import Table
from workbench.data.weights import check_weights, note_on_weights, zero_weights
from workbench.errors import DataError, FormulaError
from workbench.kernels.absorption.factors import Factor
from workbench.names import either
from workbench.protocols import Numpy

__all__ = [
    "Design",
    "build_columns",
    "build_design",
    "columns_predicted_from",
    "prediction_matrix",
    "prediction_numbers",
]


@dataclass(frozen=True)
class Design:
    """The arrays of one run, n rows of the table in their order.

    Attributes
    ----------
    outcome
        The outcome, ``(n,)``; of a two-valued text, 1 for the level ``positive`` and 0 otherwise;
        of ordered levels their numbers from 0.
    outcome_name, outcome_levels
        Its name as written in the formula, and the levels in the order of their numbers.
    matrix, names
        The regressors, ``(n, p)`` float64 in C order, and their p names.
    weights, offset
        One number per row, ``(n,)``, or None.
    clusters
        For each cluster column the group of each row, ``(n,)``, numbered from 0.
    rows
        The positions in the table that were kept, ``(n,)``, increasing.
    dropped
        Rows left out by reason, most first.  A row that misses two columns counts for both; the
        rows left out altogether are ``table.nrows - len(rows)``.
    notes
        Sentences on other changes: unused levels, rounded integers.
    columns
        Columns read without a formula, ``(n,)`` each.
    state
        What `prediction_matrix` needs to build the same columns from another table, JSON types.
    fixed_effects
        The factors of the formula's second part; with a plain one there is no intercept.
    endogenous, instruments
        The two sides of the formula's third part, without intercepts, or None.
    equations
        The regressors of further equations, by their names.
    counts
        Whether a weight is the number of observations that a row stands for.
    """

    outcome: Numpy
    outcome_name: str
    outcome_levels: tuple[str, ...] | None
    matrix: Numpy
    names: tuple[str, ...]
    weights: Numpy | None
    offset: Numpy | None
    clusters: dict[str, Positions]
    rows: Positions
    dropped: dict[str, int]
    notes: tuple[str, ...]
    columns: Mapping[str, Numpy]
    state: dict[str, Any] = field(repr=False)
    fixed_effects: tuple[Factor, ...] = ()
    endogenous: Regressors | None = None
    instruments: Regressors | None = None
    equations: Mapping[str, Regressors] = field(default_factory=dict)
    counts: bool = False

    @property
    def copies(self) -> Numpy | None:
        """The observations that each row stands for, ``(n,)``; None where each is one."""
        return self.weights if self.counts else None

    def keeping(self, keep: npt.NDArray[np.bool_], dropped: Mapping[str, int]) -> Design:
        """Return the design of the rows that a mask ``(n,)`` keeps, the others counted by reason.

        Groups and levels are renumbered; there are no instruments here.
        """
        return replace(
            self,
            outcome=self.outcome[keep],
            matrix=np.ascontiguousarray(self.matrix[keep]),
            weights=None if self.weights is None else self.weights[keep],
            offset=None if self.offset is None else self.offset[keep],
            clusters={name: pd.factorize(codes[keep])[0] for name, codes in self.clusters.items()},
            rows=self.rows[keep],
            dropped=_added(self.dropped, dropped),
            columns={name: column[keep] for name, column in self.columns.items()},
            equations={name: _fewer(side, keep) for name, side in self.equations.items()},
            fixed_effects=fewer_rows(self.fixed_effects, keep),
        )


def _fewer(side: Regressors, keep: npt.NDArray[np.bool_]) -> Regressors:
    return side._replace(matrix=np.ascontiguousarray(side.matrix[keep]))


def _added(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    total = {**counts}
    for reason, count in more.items():
        total[reason] = total.get(reason, 0) + count
    return total


def build_design(
    table: Table,
    formula: str,
    *,
    cluster: Sequence[str] = (),
    weights: str | None = None,
    weight_kind: str | None = None,
    offset: str | None = None,
    missing: str = "drop",
    positive: str | None = None,
    extra_columns: Sequence[str] = (),
    fixef_rm: str | None = None,
    absorbing: Sequence[str] = (),
    equations: Mapping[str, str] | None = None,
    ordered: bool = False,
) -> Design:
    """Read a formula over a table.

    Parameters
    ----------
    table
        The data, any number of rows.
    formula
        ``outcome ~ terms``; the outcome is a column or a function of columns.
    cluster, weights, offset, extra_columns
        Names of columns.  A row that misses any of them is left out like one that misses a
        variable of the formula.
    weight_kind
        What the weights are; rows of weight zero are then left out.  None takes any that are
        zero or positive.
    missing
        ``"drop"`` leaves rows with a missing value out and counts them; ``"raise"`` refuses.
    positive
        The level of a two-valued text outcome that counts as 1.
    fixef_rm
        For models with fixed effects and instruments after ``|``: ``"singleton"`` leaves out
        rows alone in a level, ``"none"`` keeps them.  None refuses these parts.
    absorbing
        The models with fixed effects, which the error that refuses these parts names.
    equations
        The right sides of further equations, ``"~ z1 + z2"``, by their names.
    ordered
        Whether the outcome is read as one of a set of ordered levels.

    Raises
    ------
    FormulaError
        When the formula fails `check_formula`, or cannot be evaluated over these columns.
    DataError
        When no row is left, a value is infinite, a column holds invalid values, or a two-valued
        text outcome comes without ``positive``.
    """
    parsed = parse_formula(formula, table.names)
    if fixef_rm is None:
        _refuse_fixed_effects(parsed, absorbing)
    further = _further(parsed, equations or {}, table.names)
    terms, sides = absorbed(parsed.parts), instrument_sides(parsed, table.names)
    read = (parsed, *sides, *further.values())
    groups, slopes = columns_of(terms)
    plain = [*_given(weights, offset), *slopes, *extra_columns]
    numeric = {*plain, *(name for side in read for name in _arithmetic(side))}
    names = [*(name for side in read for name in side.columns), *plain]
    coded = {name for side in read for name in side.term_reads.factors}
    grouping = list(dict.fromkeys([*cluster, *groups]))
    marked = with_marks_read(table, read, numeric, grouping)
    outcomes = parsed.outcome_reads.columns
    sample = draw(marked.table, names, numeric, grouping, missing, coded, outcomes)
    sample = _weighted(sample, weights, weight_kind)
    factors: tuple[Factor, ...] = ()
    if fixef_rm is not None:
        copies = weights if weight_kind == "frequency" else None
        try:
            sample, factors = read_factors(terms, sample, copies, fixef_rm, cluster)
        except DataError as error:
            raise _or_instruments(error, formula) from None
    sample = replace(sample, notes=(*sample.notes, *marked.notes(sample.rows)))
    outcome, outcome_levels = (
        read_ordered(parsed, sample) if ordered else read_outcome(parsed, sample, positive)
    )
    regressors = read_regressors(parsed, sample, marked.codes)
    if any(factor.slope is None for factor in factors):
        regressors = _without_intercept(regressors)
    endogenous, instruments = [
        _without_intercept(read_regressors(side, sample, marked.codes)) for side in sides
    ] or (None, None)
    return Design(
        outcome=outcome,
        outcome_name=parsed.named(parsed.outcome.strip()),
        outcome_levels=outcome_levels,
        matrix=regressors.matrix,
        names=regressors.names,
        state=regressors.state,
        fixed_effects=factors,
        endogenous=endogenous,
        instruments=instruments,
        equations={
            name: read_regressors(side, sample, marked.codes) for name, side in further.items()
        },
        notes=(
            *(_notes(table, parsed, sample) if ordered else sample.notes),
            *_event_notes(regressors),
            *_as_ivreg(formula),
        ),
        counts=weight_kind == "frequency",
        **_fields_without_formula(sample, weights, offset, extra_columns),
    )


def _event_notes(regressors: Regressors) -> list[str]:
    """Return what the terms ``sunab()`` have to say of their cohorts."""
    events = regressors.state.get("events", [])
    return [note for event in events for note in event.get("notes", ())]


def _notes(table: Table, parsed: ParsedFormula, sample: CompleteCases) -> tuple[str, ...]:
    """Name the levels of an ordered outcome that no row has, where else they are counted."""
    name = parsed.named(parsed.outcome.strip())
    column = sample.columns.get(name)
    if not isinstance(column, pd.Series):
        return sample.notes
    counted_only = note_on_levels(table.column(name), column)
    named = [
        f'{shown(name)} has no row of the level "{level}", which is left out.'
        for level in unused_levels(column)
    ]
    return (*(note for note in sample.notes if note not in counted_only), *named)


def _as_ivreg(formula: str) -> tuple[str, ...]:
    """Note a regressor among the fixed effects, which another program reads as an instrument."""
    ours = ivreg(formula)
    return (f"What follows | are fixed effects; with instruments it is {ours}.",) if ours else ()


def _or_instruments(error: DataError, formula: str) -> DataError:
    """Return an error on fixed effects; with ours, where instruments may have been meant."""
    ours = ivreg(formula)
    if not ours:
        return error
    hint = f"{error.hint[:-1]}; with instruments {ours}."
    return DataError(error.problem, hint, code=error.code, where=error.where)


def _further(
    parsed: ParsedFormula, equations: Mapping[str, str], columns: Sequence[str]
) -> dict[str, ParsedFormula]:
    """Read the right sides of further equations as formulas of the same outcome."""
    return {
        name: further_equation(parsed.parts.outcome, text, columns, name)
        for name, text in equations.items()
    }


def _arithmetic(side: ParsedFormula) -> set[str]:
    return {*side.outcome_reads.arithmetic, *side.term_reads.arithmetic}


def _without_intercept(regressors: Regressors) -> Regressors:
    """Leave out the constant, which fixed effects or other regressors already span."""
    kept = [j for j, name in enumerate(regressors.names) if name != "Intercept"]
    if len(kept) == len(regressors.names):
        return regressors
    names = tuple(regressors.names[j] for j in kept)
    return Regressors(np.ascontiguousarray(regressors.matrix[:, kept]), names, regressors.state)


def build_columns(
    table: Table,
    columns: Sequence[str],
    *,
    cluster: Sequence[str] = (),
    weights: str | None = None,
    weight_kind: str | None = None,
    offset: str | None = None,
    missing: str = "drop",
) -> Design:
    """Read columns for a likelihood without a formula; otherwise as `build_design`."""
    plain = [*columns, *_given(weights, offset)]
    sample = draw(table, plain, set(plain), cluster, missing)
    sample = _weighted(sample, weights, weight_kind)
    return Design(
        outcome=np.empty(0),
        outcome_name="",
        outcome_levels=None,
        matrix=np.empty((len(sample.rows), 0)),
        names=(),
        state={},
        notes=sample.notes,
        counts=weight_kind == "frequency",
        **_fields_without_formula(sample, weights, offset, columns),
    )


def _given(*names: str | None) -> list[str]:
    return [name for name in names if name is not None]


def _fields_without_formula(
    sample: CompleteCases, weights: str | None, offset: str | None, columns: Iterable[str]
) -> dict[str, Any]:
    """Return the fields of a design that do not depend on a formula."""
    return {
        "weights": None if weights is None else sample.number(weights),
        "offset": None if offset is None else sample.number(offset),
        "clusters": sample.groups,
        "rows": sample.rows,
        "dropped": sample.dropped,
        "columns": {name: sample.number(name) for name in columns},
    }


def _weighted(sample: CompleteCases, weights: str | None, kind: str | None) -> CompleteCases:
    """Check the weights, and leave out and count the rows without any."""
    if weights is None:
        return sample
    values = sample.number(weights)
    check_weights(values, weights, kind, sample.rows)
    if kind is None:
        return sample
    sample = replace(sample, notes=(*sample.notes, note_on_weights(weights, kind)))
    keep = values > 0
    if keep.all():
        return sample
    return fewer(sample, keep, {zero_weights(weights): int((~keep).sum())})


def _refuse_fixed_effects(parsed: ParsedFormula, absorbing: Sequence[str]) -> None:
    if parsed.parts.fixed_effects is None and parsed.parts.instruments is None:
        return
    others = f"the model {either(absorbing)}; " if absorbing else ""
    ours = ivreg(parsed.parts.text)
    few = f'for instruments "{ours}"' if ours else "with few levels, + C(region)"
    raise FormulaError(
        "This model has no part after | in its formula.",
        hint=f"{others}{few}.",
        code="no-fixed-effects",
        where="|",
    )
