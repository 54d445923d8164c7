"""The columns of ``i()`` and ``sunab()``: dummies by level or by cell, and their description.

Both are transforms of formulaic that keep their levels, so that other data get the same columns.
Their state is plain JSON, and also has the variable of the levels and the reference levels, for
plots of event studies.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

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
        kept | {"variable": named(kept["variable"]), "by": kept["by"] and named(kept["by"])}
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
    wanted = [_plain(x) for x in (given if isinstance(given, list | tuple) else [given])]
    if missing := [x for x in wanted if x not in levels]:
        some = ", ".join(shown(level_text(x)) for x in levels[:_LEVELS_NAMED])
        raise FormulaError(
            f"{shown(name)} has no level {shown(level_text(missing[0]))}, which {option} names.",
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
        that are not a period were never treated and are the reference.
    ref_c, ref_p
        Further cohorts, and the relative periods, without a column.
    att, no_agg
        Report the average over treated cells, or every cell, instead of the periods.

    References
    ----------
    Sun and Abraham (2021), "Estimating dynamic treatment effects in event studies with
    heterogeneous treatment effects", Journal of Econometrics 225(2), 175-199.
    """
    g, t = _number(cohort), _number(period)
    relative_already = _state.get("relative", bool(t.min() < 0 < t.max() and (t == 0).any()))
    never = [x.item() for x in np.unique(g) if not relative_already and not (t == x).any()]
    never = _state.get("never", never)
    treated = ~np.isin(g, never)
    relative = np.full(len(g), np.nan)
    relative[treated] = t[treated] if relative_already else t[treated] - g[treated]
    if "variable" not in _state:
        skipped = [_plain(x) for x in _listed(ref_c)]
        found = _cells(g[treated], relative[treated])
        kinds = _timing(found, str(cohort.name), skipped, bool(never))
        away = [_plain(x) for x in _listed(ref_p)]
        _state |= {
            "kind": "sunab",
            "variable": str(period.name),
            "by": str(cohort.name),
            "relative": relative_already,
            "never": never,
            "cells": found,
            "columns": [c for c in found if c[0] not in (*kinds, *skipped) and c[1] not in away],
            "reference": away,
            "levels": sorted({e for _, e in found}),
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


def cell_name(period: str, cohort: float, relative: float) -> str:
    """Name the column of one cohort in one relative period.

    >>> cell_name("year", 2004.0, -2.0)
    'year::-2:cohort::2004'
    """
    return interaction_name(period, relative, interaction_name("cohort", cohort))


def _number(column: pd.Series) -> Numpy:
    if isinstance(column.dtype, pd.CategoricalDtype):
        raise DataError(
            f"sunab() reads numbers, and {shown(str(column.name))} is text.",
            hint="give the period of treatment and the period of the row as numbers.",
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


def _timing(
    cells: Sequence[Sequence[float]], name: str, skipped: Iterable[float], controls: bool
) -> list[float]:
    """Return the cohorts that are not treated within the periods; refuse those always treated."""
    cohorts = sorted({c for c, _ in cells})
    spans = {c: [e for other, e in cells if other == c] for c in cohorts}
    not_yet = [c for c in cohorts if max(spans[c]) < 0]
    if len(not_yet) == len(cohorts):
        raise DataError(
            f"No unit reaches the period that {shown(name)} names, so no cohort is ever treated.",
            hint="sunab(cohort, period), where cohort is the period of the first treatment.",
            code="no-cohort",
            where=name,
        )
    if always := [c for c in cohorts if min(spans[c]) >= 0]:
        raise DataError(
            f"The cohort {level_text(always[0])} of {shown(name)} is treated in every period, "
            "so its effect is not identified.",
            hint=f"leave its rows out: df[df[{name!r}] != {level_text(always[0])}].",
            code="always-treated",
            where=name,
        )
    if not (controls or not_yet or any(c in cohorts for c in skipped)):
        raise DataError(
            f"Every cohort of {shown(name)} is treated within the periods, so none is a control.",
            hint=f"name the last one as the reference: ref_c={level_text(cohorts[-1])}, and leave "
            "out the periods in which it is treated too.",
            code="no-control",
            where=name,
        )
    return not_yet


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
