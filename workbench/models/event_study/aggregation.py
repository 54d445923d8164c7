"""Averages of the effects of cohorts by period, as Sun and Abraham weigh them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.design import Design
from workbench.data.formula.interactions import cell_name, interaction_name
from workbench.errors import OptionError
from workbench.protocols import Numpy

BY = ("period", "cohort", "att", "cells")
"""What effects are averaged over: all but one of these variables, or over nothing."""


def aggregation(design: Design, state: Mapping[str, Any], estimates: pd.Series) -> Any:
    """Return what `shares` needs to average the cells of ``sunab()``; None without such a term.

    Parameters
    ----------
    design
        The design, whose columns tell how many rows each cell has.
    state
        The fit's state, which has the design's.
    estimates
        The k estimates by name.
    """
    terms = [e for e in state.get("design", {}).get("events", []) if e["kind"] == "sunab"]
    if not terms:
        return None
    weights = np.ones(len(design.matrix)) if design.weights is None else design.weights
    sizes = weights @ (design.matrix != 0)
    cells = {
        cell_name(term["variable"], cohort, period): [term["variable"], cohort, period]
        for term in terms
        for cohort, period in term["columns"]
    }
    return {
        "by": terms[0]["show"],
        "names": [str(name) for name in estimates.index],
        "values": estimates.tolist(),
        "cells": {
            name: [*cell, float(sizes[design.names.index(name)])]
            for name, cell in cells.items()
            if name in estimates.index
        },
    }


def shares(kept: Mapping[str, Any], by: str) -> tuple[tuple[str, ...], Numpy]:
    r"""Return the names of the averages, and the shares of the estimates in each, ``(m, k)``.

    .. math:: \hat\nu_e = \sum_g \frac{n_{ge}}{\sum_h n_{he}}\, \hat\delta_{ge}

    with :math:`n_{ge}` the rows, or their weights, of a cohort in a relative period.  Averages by
    cohort and over all (``"att"``) take the treated periods, those from zero on.  Estimates of
    other regressors stand as they are.  The shares count as known, as in fixest.

    Raises
    ------
    OptionError
        When there is no such average.

    References
    ----------
    Sun and Abraham (2021), Journal of Econometrics 225(2), equation (26).
    """
    if by not in BY:
        raise OptionError(
            f'There is no average by "{by}".',
            hint=f"one of {list(BY)}.",
            code="bad-option",
            where="by",
        )
    names, cells = kept["names"], kept["cells"]
    label = _LABELS[by]
    groups: dict[str, dict[int, float]] = {}
    for j, name in enumerate(names):
        if name not in cells:
            groups[name] = {j: 1.0}
        elif group := label(*cells[name][:3]):
            groups.setdefault(group, {})[j] = cells[name][3]
    matrix = np.zeros((len(groups), len(names)))
    for i, sizes in enumerate(groups.values()):
        matrix[i, list(sizes)] = _normal(list(sizes.values()))
    return tuple(groups), matrix


def _normal(sizes: Sequence[float]) -> Numpy:
    return np.array(sizes) / sum(sizes)


def _by_period(variable: str, _: float, period: float) -> str:
    return interaction_name(variable, period)


def _by_cohort(_: str, cohort: float, period: float) -> str:
    return interaction_name("cohort", cohort) if period >= 0 else ""


def _over_all(_: str, __: float, period: float) -> str:
    return "ATT" if period >= 0 else ""


def _apart(variable: str, cohort: float, period: float) -> str:
    return cell_name(variable, cohort, period)


_LABELS: dict[str, Callable[[str, float, float], str]] = {
    "period": _by_period,
    "cohort": _by_cohort,
    "att": _over_all,
    "cells": _apart,
}
