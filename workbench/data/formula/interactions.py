"""The columns of ``i()`` and ``sunab()``: dummies by level or by cell, and their description.

Both are transforms of formulaic that keep their levels, so that other data get the same columns.
Their state is plain JSON, and also has the variable of the levels and the reference levels, for
plots of event studies.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.data.formula.never_treated import looks_relative
from workbench.data.levels import named_level
from workbench.data.names import level_text, shown
from workbench.errors import DataError, FormulaError
from workbench.protocols import Numpy

MOST_CELLS = 2_000
"""The most columns of one term; each takes 8 bytes per row."""

LEVELS, CELLS = "levels", "cells"
"""Whether each column of a term is for a level, or for a cell of two variables."""

_LEVELS_NAMED = 8


def transforms() -> dict[str, Any]:
    """Return ``i`` and ``sunab`` as transforms of formulaic."""
    from formulaic.utils.stateful_transforms import stateful_transform

    return {"i": stateful_transform(_interacted), "sunab": stateful_transform(_cohorts)}


def interaction_name(variable: str, level: object, other: str = "") -> str:
    """Return the name of a column in fixest.

    >>> interaction_name("year", -5.0), interaction_name("year", 3.0, "treat")
    ('year::-5', 'year::3:treat')
    """
    return f"{variable}::{level_text(level)}" + (f":{other}" if other else "")


def described(
    transform_state: Mapping[str, Any], named: Callable[[str], str]
) -> list[dict[str, Any]]:
    """Describe the terms of ``i()`` and ``sunab()`` from the state of a design.

    ``named`` replaces the aliases of formulaic by names of columns.
    """
    found = (dict(kept) for kept in transform_state.values() if "variable" in kept)
    return [
        kept
        | {"variable": named(kept["variable"]), "by": kept["by"] and named(kept["by"])}
        | ({"notes": [named(note) for note in kept["notes"]]} if "notes" in kept else {})
        for kept in found
    ]


# i() ---------------------------------------------------------------------------------------------
def _interacted(
    values: Any, by: Any = None, ref: Any = None, ref2: Any = None, *, _state: dict[str, Any]
) -> Any:
    """Code a variable level by level, alone or times another variable.

    Parameters
    ----------
    values, by
        The factor, and what each level is multiplied by: numbers, or another factor, which is
        text or comes with ``ref2``.
    ref, ref2
        The levels without a column, one or a list.
    """
    from formulaic.materializers.types import FactorValues

    name = str(values.name)
    if "variable" not in _state:
        _state |= {"kind": LEVELS, "variable": name, "levels": _levels(values)}
        references = _references(ref, _state["levels"], name, "ref")
        _state |= {"asked": references, "reference": references, "by": None}
    if by is None:
        encoder = functools.partial(_encoded, state=_state)
        alone: Any = FactorValues(
            values, kind="categorical", spans_intercept=not _state["asked"], encoder=encoder
        )
        return alone
    dummies = _dummies(values, _state["levels"], _state["reference"])
    second = str(by.name)
    if ref2 is None and not isinstance(by.dtype, pd.CategoricalDtype):
        _state["by"] = second
        columns = {interaction_name(name, x, second): d * by for x, d in dummies.items()}
        return _columns(columns)
    if "others" not in _state:
        _state |= {"kind": CELLS, "by": second, "others": _levels(by)}
        _state["other_reference"] = _references(ref2, _state["others"], second, "ref2")
    others = _dummies(by, _state["others"], _state["other_reference"])
    _refuse_many(len(dummies) * len(others), f"i({name}, {second})")
    return _columns(
        {
            interaction_name(name, x, interaction_name(second, z)): d * e
            for x, d in dummies.items()
            for z, e in others.items()
        }
    )


def _encoded(values: Any, reduced_rank: bool, *_: Any, state: dict[str, Any], **__: Any) -> Any:
    """Return one column per level, without the first if it is collinear with a constant."""
    from formulaic.materializers.types import FactorValues

    series = pd.Series(values.__wrapped__ if isinstance(values, FactorValues) else values)
    without = state["asked"]
    if reduced_rank and not without:
        without = state["reference"] = state["levels"][:1]
    dummies = _dummies(series, state["levels"], without)
    return _columns({interaction_name(state["variable"], x): d for x, d in dummies.items()})


def _columns(columns: dict[str, Any]) -> Any:
    from formulaic.materializers.types import FactorValues

    found: Any = FactorValues(columns, kind="numerical", format="{field}", spans_intercept=False)
    return found


def _levels(values: pd.Series) -> list[Any]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return list(values.cat.categories)
    return [level.item() for level in np.unique(values.to_numpy())]


def _dummies(
    values: pd.Series, levels: Sequence[Any], without: Sequence[Any]
) -> dict[Any, pd.Series]:
    _refuse_many(len(levels), f"i({values.name})")
    own = values.astype(object) if isinstance(values.dtype, pd.CategoricalDtype) else values
    kept = [level for level in levels if level not in without]
    return {level: (own == level).astype(np.float64) for level in kept}


def _references(given: Any, levels: Sequence[Any], name: str, option: str) -> list[Any]:
    if given is None:
        return []
    asked = list(given) if isinstance(given, list | tuple) else [given]
    wanted = [named_level(x, levels) for x in asked]
    if None in wanted:
        some = ", ".join(shown(level_text(x)) for x in levels[:_LEVELS_NAMED])
        missing = level_text(asked[wanted.index(None)])
        raise FormulaError(
            f"{shown(name)} has no level {shown(missing)}, which {option} names.",
            hint=f"its levels are {some}{', …' if len(levels) > _LEVELS_NAMED else ''}.",
            code="no-such-level",
            where=name,
        )
    if len(set(wanted)) == len(levels):
        raise FormulaError(
            f"Every level of {shown(name)} is a reference.",
            hint=f"one level, as in {option}={wanted[0]!r}.",
            code="no-level-left",
            where=name,
        )
    return list(dict.fromkeys(wanted))


def _plain(level: Any) -> Any:
    return float(level) if isinstance(level, int | float) else level


def _refuse_many(count: int, term: str) -> None:
    if count > MOST_CELLS:
        raise DataError(
            f"{shown(term)} would make {count:,} columns; at most {MOST_CELLS:,} are coded.",
            hint="join levels first.",
            code="too-many-levels",
            where=shown(term),
        )


# sunab() -----------------------------------------------------------------------------------------
def _cohorts(
    cohort: Any,
    period: Any,
    ref_c: Any = None,
    ref_p: Any = -1,
    att: bool = False,
    no_agg: bool = False,
    *,
    _state: dict[str, Any],
) -> Any:
    """Code each treated cohort in each period relative to its treatment.

    Parameters
    ----------
    cohort, period
        The period in which a unit is first treated, and the period of the row; or, where the
        periods run from below to above zero, periods relative to the treatment already.  Cohorts
        that are infinite were never treated and are the reference, as are those after the last
        period.  A cohort need not be a period of the rows: its event times are period - cohort.
    ref_c, ref_p
        Further cohorts, and the relative periods, without a column.  A cohort with none of these
        periods goes without its last one before the treatment.
    att, no_agg
        Report the average over treated cells, or every cell, instead of the periods.

    References
    ----------
    Sun and Abraham (2021), "Estimating dynamic treatment effects in event studies with
    heterogeneous treatment effects", Journal of Econometrics 225(2), 175-199.
    """
    g, t = _number(cohort), _number(period)
    relative_already = _state.get("relative", looks_relative(t))
    treated = np.isfinite(g) & np.isfinite(t) & ~np.isin(g, _state.get("never", []))
    relative = np.full(len(g), np.nan)
    relative[treated] = t[treated] if relative_already else t[treated] - g[treated]
    if "variable" not in _state:
        study = _Study(g[treated], t[treated], relative[treated], cohort.name, period.name)
        if relative_already:
            study.refuse_two_readings()
        _state |= study.state(_listed(ref_c), _listed(ref_p), controls=not treated.all())
        _state |= {
            "relative": relative_already,
            "show": "att" if att else "cells" if no_agg else "period",
        }
        _refuse_many(len(_state["columns"]), f"sunab({cohort.name}, {period.name})")
    _refuse_new_cells(_cells(g[treated], relative[treated]), _state)
    index = cohort.index
    return _columns(
        {
            cell_name(_state["variable"], c, e): pd.Series(
                ((g == c) & (relative == e)).astype(np.float64), index=index
            )
            for c, e in _state["columns"]
        }
    )


@dataclass(frozen=True)
class _Study:
    """The rows ``(m,)`` of cohorts that have a treatment, in the order of the data.

    ``g`` are the cohorts, ``t`` the periods and ``e`` the periods relative to the treatment.
    """

    g: Numpy
    t: Numpy
    e: Numpy
    cohort: str
    period: str

    @cached_property
    def spans(self) -> dict[float, Numpy]:
        """The relative periods of each cohort, increasing."""
        return {c: np.unique(self.e[self.g == c]) for c in np.unique(self.g).tolist()}

    def state(
        self, ref_c: Iterable[Any], ref_p: Iterable[Any], *, controls: bool
    ) -> dict[str, Any]:
        """Check the cohorts, and describe the columns that are made."""
        skipped, away = [_plain(x) for x in ref_c], [_plain(x) for x in ref_p]
        later = self._timing(skipped, controls=controls)
        estimated = {c: e for c, e in self.spans.items() if c not in (*later, *skipped)}
        without = {c: e for c, e in estimated.items() if not np.isin(e, away).any()}
        instead = {c: e[e < 0].max().item() for c, e in without.items()}
        cells = _cells(self.g, self.e)
        columns = [
            [c, e] for c, e in cells if c in estimated and e not in away and e != instead.get(c)
        ]
        shown_periods = {e for _, e in columns}
        return {
            "kind": "sunab",
            "variable": str(self.period),
            "by": str(self.cohort),
            "cells": cells,
            "columns": columns,
            "reference": [*away, *sorted({*instead.values()} - shown_periods - {*away})],
            "levels": sorted({e for _, e in cells}),
            "notes": [*self._on_later(later), *self._on_gaps(estimated), *_on_references(instead)],
        }

    def _timing(self, skipped: Iterable[float], *, controls: bool) -> list[float]:
        """Return the cohorts not treated within the periods; refuse those always treated."""
        name, spans = shown(str(self.cohort)), self.spans
        later = [c for c, e in spans.items() if e.max() < 0]
        if len(later) == len(spans):
            raise DataError(
                f"No unit reaches the period that {name} names, so no cohort is ever treated.",
                hint="sunab(cohort, period), where cohort is the period of the first treatment.",
                code="no-cohort",
                where=name,
            )
        if always := [c for c, e in spans.items() if e.min() >= 0]:
            raise self._always_treated(always)
        if not (controls or later or any(c in spans for c in skipped)):
            raise DataError(
                f"Every cohort of {name} is treated within the periods, so none is a control.",
                hint=f"name the last one as the reference: ref_c={level_text(max(spans))}, and "
                "leave out the periods in which it is treated too; never treated units have 0, "
                f'"never" or no value in {name}.',
                code="no-control",
                where=name,
            )
        return later

    def _always_treated(self, cohorts: Sequence[float]) -> DataError:
        name, rows = str(self.cohort), int(np.isin(self.g, cohorts).sum())
        several = f"s {_several(cohorts)}" if len(cohorts) > 1 else f" {level_text(cohorts[0])}"
        kept = f"~df[{name!r}].isin([{_several(cohorts, MOST_CELLS)}])"
        return DataError(
            f"The cohort{several} of {shown(name)} {'are' if len(cohorts) > 1 else 'is'} treated "
            f"in every period ({rows:,} row{'s' * (rows > 1)}), so the effect is not identified.",
            hint=f"leave the rows out: df[{kept}]; or, if this stands for never treated, give it "
            "no value.",
            code="always-treated",
            where=shown(name),
        )

    def refuse_two_readings(self) -> None:
        """Refuse periods that may be relative to the treatment or not."""
        cohorts = [c for c, e in self.spans.items() if e.max() >= 0]
        if not cohorts or min(cohorts) < self.t.min() or max(cohorts) > self.t.max():
            return
        ends = np.array([[self.spans[c][0] + c, self.spans[c][-1] + c] for c in cohorts])
        if len(cohorts) > 1 and (np.ptp(ends, axis=0) == 0).any():
            return  # every cohort begins or ends in the same period, so that they are relative
        name, period = shown(str(self.cohort)), shown(str(self.period))
        raise DataError(
            f"{period} runs from {level_text(self.t.min())} to {level_text(self.t.max())} and "
            f"has the cohorts of {name} among its values, so it may be relative to the treatment "
            "or not.",
            hint="add a number to both columns so that the periods are positive; or, where they "
            f"are relative, name the cohorts in {name} by years.",
            code="two-readings",
            where=period,
        )

    def _on_later(self, later: Sequence[float]) -> list[str]:
        if not later:
            return []
        rows = int(np.isin(self.g, later).sum())
        return [
            f"sunab() has {rows:,} rows of cohorts that are not treated within the periods as "
            f"controls: {_several(later)}."
        ]

    def _on_gaps(self, cohorts: Iterable[float]) -> list[str]:
        """Name the cohorts whose first treated period has no rows."""
        gaps = [c for c in cohorts if 0 not in self.spans[c]]
        if not gaps:
            return []
        return [
            f"sunab() measures event times as {self.period} - {self.cohort}, also for cohorts "
            f"without rows in the period of their treatment: {_several(gaps)}."
        ]


def _on_references(instead: Mapping[float, float]) -> list[str]:
    """Name the cohorts whose reference is not the one asked for."""
    if not instead:
        return []
    each = [f"{level_text(e)} for the cohort {level_text(c)}" for c, e in instead.items()]
    more = ", …" if len(each) > _LEVELS_NAMED else ""
    return [
        "sunab() has the last period before the treatment as the reference of cohorts without "
        f"rows in ref_p: {', '.join(each[:_LEVELS_NAMED])}{more}."
    ]


def _several(values: Sequence[float], most: int = _LEVELS_NAMED) -> str:
    return ", ".join(map(level_text, values[:most])) + (", …" if len(values) > most else "")


def cell_name(period: str, cohort: float, relative: float) -> str:
    """Name the column of one cohort in one relative period.

    >>> cell_name("year", 2004.0, -2.0)
    'year::-2:cohort::2004'
    """
    return interaction_name(period, relative, interaction_name("cohort", cohort))


def _number(column: pd.Series) -> Numpy:
    if isinstance(column.dtype, pd.CategoricalDtype):
        raise DataError(
            f"sunab() reads numbers, and {shown(str(column.name))} is text or dates.",
            hint="give the period of treatment and the period of the row as numbers; of dates "
            f"df[{str(column.name)!r}].dt.year.",
            code="not-a-number",
            where=str(column.name),
        )
    return column.to_numpy(dtype=np.float64)


def _cells(cohort: Numpy, relative: Numpy) -> list[list[float]]:
    """Return the pairs of cohort and relative period that occur, by period and then cohort."""
    pairs: npt.NDArray[np.float64] = np.unique(np.column_stack([relative, cohort]), axis=0)
    return [[float(c), float(e)] for e, c in pairs]


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def _refuse_new_cells(found: Iterable[Sequence[float]], state: Mapping[str, Any]) -> None:
    known = {tuple(cell) for cell in state["cells"]}
    for c, e in found:
        if (c, e) not in known:
            raise DataError(
                f"The cohort {level_text(c)} is not known {level_text(e)} periods after its "
                "treatment: the fit does not have this.",
                hint=f"predict for periods from {level_text(state['levels'][0])} to "
                f"{level_text(state['levels'][-1])} that the cohort has.",
                code="new-level",
                where=str(state["by"]),
            )


def cohort_terms(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the terms ``sunab()`` of a formula, from the state of its design."""
    return [term for term in state.get("events", []) if term["kind"] == "sunab"]
