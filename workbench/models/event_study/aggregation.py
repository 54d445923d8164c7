"""Averages of the effects of cohorts by period, as Sun and Abraham weigh them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd

from workbench.data.design import Design
from workbench.data.formula.interactions import cell_name, cohort_terms, interaction_name
from workbench.errors import OptionError
from workbench.protocols import Numpy

BY = ("period", "cohort", "att", "cells")
"""What effects are averaged over: all but one of these variables, or over nothing."""


@dataclass(frozen=True)
class Cohorts:
    """The estimates of a fit with ``sunab()``, and the cells that its averages are over.

    Attributes
    ----------
    by
        What is averaged over, one of `BY`.
    names, values
        The estimates of all columns, ``(k,)``.
    cells
        Of each name that is a cell, its variable, cohort, period and size: rows, or their weights.
    """

    by: str = "cells"
    names: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    cells: Mapping[str, tuple[str, float, float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, design: Design, estimates: pd.Series) -> Self:
        """Count the cells of a design, which has ``sunab()``, that have estimates ``(k,)``."""
        terms = cohort_terms(design.state)
        weights = np.ones(len(design.matrix)) if design.weights is None else design.weights
        sizes = weights @ (design.matrix != 0)
        cells = {
            cell_name(term["variable"], cohort, period): (term["variable"], cohort, period)
            for term in terms
            for cohort, period in term["columns"]
        }
        return cls(
            terms[0]["show"],
            tuple(str(name) for name in estimates.index),
            tuple(estimates.tolist()),
            {
                name: (*cell, float(sizes[design.names.index(name)]))
                for name, cell in cells.items()
                if name in estimates.index
            },
        )

    @property
    def estimates(self) -> pd.Series:
        """The estimates of all columns by name, ``(k,)``."""
        index = pd.Index(self.names, dtype=object)
        return pd.Series(self.values, index, dtype=np.float64, name="estimate")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        names, values = tuple(stored["names"]), tuple(stored["values"])
        cells = {name: tuple(cell) for name, cell in stored["cells"].items()}
        return cls(stored["by"], names, values, cells)


def shares(cohorts: Cohorts, by: str) -> tuple[tuple[str, ...], Numpy]:
    r"""Return the names of the averages, and the shares of the estimates in each, ``(m, k)``.

    .. math:: \hat\nu_e = \sum_g \frac{n_{ge}}{\sum_h n_{he}}\, \hat\delta_{ge}

    with :math:`n_{ge}` the rows, or their weights, of a cohort in a relative period.  Averages by
    cohort and over all (``"att"``) take the treated periods, those from zero on.  Estimates of
    other regressors are unchanged.  The shares count as known, as in fixest.

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
    names, label = cohorts.names, _LABELS[by]
    groups: dict[str, dict[int, float]] = {}
    for j, name in enumerate(names):
        if name not in cohorts.cells:
            groups[name] = {j: 1.0}
            continue
        variable, cohort, period, size = cohorts.cells[name]
        if group := label(variable, cohort, period):
            groups.setdefault(group, {})[j] = size
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
