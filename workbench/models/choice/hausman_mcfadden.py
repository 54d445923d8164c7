"""The test of the independence of irrelevant alternatives by Hausman and McFadden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from workbench.errors import InferenceError, OptionError
from workbench.estimation.objective import ScaledObjective
from workbench.kernels.choice.conditional import ConditionalKernel
from workbench.kernels.choice.differences import differences
from workbench.kernels.choice.situations import Situations
from workbench.kernels.linear.collinear import dependent_columns
from workbench.kernels.linear.gram import gram
from workbench.models.choice.data import ChoiceData
from workbench.models.choice.fixed_parameters import FixedParametersKernel
from workbench.models.choice.options import ConditionalLogit
from workbench.optimizers.newton import Newton
from workbench.protocols import Numpy
from workbench.results.fit import Fit

_TOLERANCE = 1e-12
_MOST_STEPS = 100
_STILL = 1e-12
# Of the largest eigenvalue of the difference of covariances; smaller ones are rounding.
_RANK = 1e-10


@dataclass(frozen=True)
class HausmanMcFadden:
    """A test of the independence of irrelevant alternatives.

    Attributes
    ----------
    without
        The alternative left out.
    statistic, df, pvalue
        Chi-squared with degrees of freedom equal to the rank of the difference of covariances.
    columns
        The coefficients compared.
    situations
        The choice situations that are left.
    definite
        Whether that difference is positive definite; where it is not, the statistic may be
        negative, which Hausman and McFadden take as no evidence against independence.
    """

    without: str
    statistic: float
    df: int
    pvalue: float
    columns: tuple[str, ...]
    situations: int
    definite: bool

    def __repr__(self) -> str:
        shown = "< 0.001" if self.pvalue < 0.001 else f"= {self.pvalue:.3f}"
        said = "" if self.definite else "; the difference of covariances is not positive definite"
        return (
            f"Hausman-McFadden test without {self.without}: chi2({self.df}) = "
            f"{self.statistic:.3f}, p {shown}{said}"
        )


def hausman_mcfadden(fit: Fit, without: str) -> HausmanMcFadden:
    """Compare a conditional logit's estimates with those without one alternative.

    Raises
    ------
    OptionError
        When the model is not a conditional logit, or there is no such alternative.
    InferenceError
        When too little is left, weights are of probability, or the fit was read from the record.
    """
    if fit.specification.model.name != ConditionalLogit.name:
        raise OptionError(
            f"The test is of the conditional logit, and not of the {fit.model_title.lower()}.",
            hint='the model "conditional_logit".',
            code="not-conditional",
        )
    if fit.specification.model.settings.get("scale"):
        raise OptionError(
            "The test is of a conditional logit of one scale, and this one has several.",
            hint="a fit without scale=.",
            code="several-scales",
        )
    if fit.specification.weights is not None and fit.specification.weight_kind == "probability":
        raise InferenceError(
            "With probability weights the larger fit is not efficient, which the test requires.",
            hint="a fit without them.",
            code="not-efficient",
        )
    problem = fit._live_problem()
    data: ChoiceData = problem.data
    if without not in data.labels:
        raise OptionError(
            f'There is no alternative "{without}".',
            hint=f"one of {list(data.labels)}.",
            code="no-such-alternative",
            where="without",
        )
    held = {data.names.index(name): value for name, value in problem.held.items()}
    situations, kept = _left(data, data.labels.index(without), problem.weights.values, [*held])
    names = [data.names[j] for j in kept]
    beta, covariance = _estimated(situations, kept, held, problem)
    gap = beta - fit.params[names].to_numpy()
    whole = fit.covariance("hessian").loc[names, names].to_numpy()
    values, vectors = np.linalg.eigh(covariance - whole)
    used = np.abs(values) > _RANK * np.abs(values).max()
    statistic = float(np.sum((vectors[:, used].T @ gap) ** 2 / values[used]))
    df, count = int(used.sum()), len(situations.first) - 1
    p = float(stats.chi2.sf(max(statistic, 0.0), df))
    definite = bool((values[used] > 0).all())
    return HausmanMcFadden(without, statistic, df, p, tuple(names), count, definite)


def _left(
    data: ChoiceData, gone: int, weights: Numpy | None, held: Sequence[int]
) -> tuple[Situations, list[int]]:
    """Return the situations without an alternative, and the columns that keep their meaning.

    Columns that are collinear in these situations have another meaning, and so do their partners.
    """
    rows = data.codes != gone
    sizes = np.add.reduceat(rows.astype(np.int64), data.first[:-1])
    stays = (data.codes[data.chosen] != gone) & (sizes > 1)
    rows &= stays[data.situation_of]
    if not stays.any():
        raise InferenceError(
            f"Nothing is left to choose from without {data.labels[gone]}.",
            hint="another alternative.",
            code="no-rows-left",
        )
    place = np.cumsum(rows) - 1
    first = np.concatenate([[0], np.cumsum(sizes[stays])]).astype(np.int64)
    moved, begin = differences(data.x[rows], first, place[data.chosen[stays]])
    person = data.person_of[stays]
    breaks = np.flatnonzero(np.diff(person)) + 1
    person_first = np.concatenate([[0], breaks, [len(person)]]).astype(np.int64)
    each = None if weights is None else weights[person[person_first[:-1]]]
    still = np.abs(moved).max(axis=0) <= _STILL * np.abs(data.x).max(axis=0)
    varying = np.setdiff1d(np.flatnonzero(~still), held)
    used = np.ascontiguousarray(moved[:, varying])
    changed: set[int] = set()
    for found in dependent_columns(used, gram(used)):
        changed |= {found.column, *found.partners}
    kept = [int(j) for i, j in enumerate(varying) if i not in changed]
    if not kept:
        raise InferenceError(
            f"Without {data.labels[gone]} no coefficient keeps its meaning.",
            hint="another alternative, or attributes in addition to the constants.",
            code="nothing-to-compare",
        )
    return Situations(moved, begin, person_first, each), kept


def _estimated(
    situations: Situations, kept: list[int], held: Mapping[int, float], problem: Any
) -> tuple[Numpy, Numpy]:
    """Return coefficients that keep their meaning, and their covariance.

    Those in ``held``, by column, keep their value.
    """
    moved = situations.differences
    size = np.sqrt(np.mean(moved**2, axis=0))
    varying = np.setdiff1d(np.flatnonzero(size > 0), [*held])
    used = np.ascontiguousarray(moved[:, varying] / size[varying])
    collinear = {found.column for found in dependent_columns(used, gram(used))}
    columns = [int(j) for i, j in enumerate(varying) if i not in collinear]
    still = moved[:, [*held]] @ np.array([*held.values()], dtype=np.float64)
    scaled = np.column_stack([moved[:, columns] / size[columns], still])
    sets = Situations(scaled, situations.first, situations.person_first, situations.weights)
    whole = np.append(np.zeros(len(columns)), 1.0)
    kernel = FixedParametersKernel(
        ConditionalKernel(sets, problem.backend), whole, np.arange(len(columns))
    )
    objective = ScaledObjective(kernel, np.eye(len(columns)), 1.0, "numpy")
    theta, decrement = np.zeros(len(columns)), None
    for step in Newton().iterate(objective, theta):
        theta, decrement = step.params, step.decrement
        if (decrement is not None and decrement < _TOLERANCE) or step.number >= _MOST_STEPS:
            break
    if decrement is None or decrement > np.sqrt(_TOLERANCE):
        raise InferenceError(
            "The estimates without the alternative did not converge.",
            hint="another alternative.",
            code="not-converged",
        )
    hessian = kernel.totals(theta, 2).hessian
    assert hessian is not None
    covariance = np.linalg.inv(-hessian) / np.outer(size[columns], size[columns])
    place = [columns.index(j) for j in kept]
    return theta[place] / size[kept], covariance[np.ix_(place, place)]
