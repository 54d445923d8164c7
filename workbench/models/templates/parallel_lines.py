"""Whether an ordered logit has the same slopes at every cutpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import chi2

from workbench.errors import InferenceError
from workbench.protocols import Numpy

_STEPS, _ENOUGH, _SATURATED = 50, 1e-16, 18.0


@dataclass(frozen=True)
class ParallelLines:
    """The test of Brant, of all regressors together and of each.

    Attributes
    ----------
    statistic, df, pvalue
        Of all regressors: chi-squared with ``df = (J - 2) p`` for ``J`` levels.
    by_regressor
        The same for each regressor, one row each.
    slopes
        The slope of each regressor at each cutpoint, ``(p, J - 1)``.
    """

    statistic: float
    df: int
    pvalue: float
    by_regressor: pd.DataFrame
    slopes: pd.DataFrame

    def __repr__(self) -> str:
        shown = "< 0.001" if self.pvalue < 0.001 else f"= {self.pvalue:.3f}"
        head = f"Parallel lines: chi2({self.df}) = {self.statistic:.3f}, p {shown}"
        return f"{head}\n{self.by_regressor.round(3)}"


def parallel_lines(
    y: Numpy,
    x: Numpy,
    names: Sequence[str],
    cutpoints: Sequence[str],
    weights: Numpy | None,
    offset: Numpy | None,
) -> ParallelLines:
    r"""Test equal slopes of the binary logits of :math:`y_i > j`, for every cutpoint ``j``.

    Parameters
    ----------
    y
        The number of each row's level ``(n,)``, from 0.
    x, names
        The regressors ``(n, p)`` without a constant, and their names.
    cutpoints
        Names of the cutpoints, ``(J - 1,)``.
    weights, offset
        One factor and one shift for each row, ``(n,)``, or None.

    Raises
    ------
    InferenceError
        When a binary logit has no maximum.

    References
    ----------
    Brant (1990), "Assessing proportionality in the proportional odds model for ordinal logistic
    regression", Biometrics 46(4), section 2.
    """
    n, p = x.shape
    factor = np.ones(n) if weights is None else weights
    shift = np.zeros(n) if offset is None else offset
    design = np.column_stack([np.ones(n), x])
    fits = [
        _logit((y > j).astype(np.float64), design, factor, shift, name)
        for j, name in enumerate(cutpoints)
    ]
    covariance = _covariance(design, factor, [chances for _, chances in fits])
    slopes = np.array([b[1:] for b, _ in fits])
    covariance = covariance.reshape(len(fits), p + 1, len(fits), p + 1)[:, 1:, :, 1:]
    each = [_tested(slopes[:, [k]], covariance[:, [k]][:, :, :, [k]]) for k in range(p)]
    columns = ["statistic", "df", "pvalue"]
    by_regressor = pd.DataFrame(each, index=list(names), columns=columns)
    at_cuts = pd.DataFrame(slopes.T, index=list(names), columns=list(cutpoints))
    return ParallelLines(*_tested(slopes, covariance), by_regressor, at_cuts)


def _tested(slopes: Numpy, covariance: Numpy) -> tuple[float, int, float]:
    """Return statistic, degrees of freedom and p of equal slopes ``(J - 1, p)``."""
    cuts, p = slopes.shape
    contrast = np.kron(np.column_stack([np.ones(cuts - 1), -np.eye(cuts - 1)]), np.eye(p))
    gap = contrast @ slopes.ravel()
    variance = contrast @ covariance.reshape(cuts * p, cuts * p) @ contrast.T
    statistic = float(gap @ np.linalg.solve(variance, gap))
    return statistic, len(gap), float(chi2.sf(statistic, len(gap)))


def _covariance(design: Numpy, factor: Numpy, chances: Sequence[Numpy]) -> Numpy:
    """Return the joint covariance of the coefficients of all cutpoints."""

    def crossed(w: Numpy) -> Numpy:
        return np.asarray(design.T @ (design * (factor * w)[:, None]))

    breads = [np.linalg.inv(crossed(c * (1 - c))) for c in chances]
    blocks = [
        [breads[j] @ crossed(np.minimum(a, b) - a * b) @ breads[k] for k, b in enumerate(chances)]
        for j, a in enumerate(chances)
    ]
    return np.block(blocks)


def _logit(z: Numpy, design: Numpy, factor: Numpy, shift: Numpy, cut: str) -> tuple[Numpy, Numpy]:
    """Return the coefficients of a binary logit, and its fitted probabilities."""
    b = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        index = design @ b + shift
        if np.abs(index).max() > _SATURATED:
            break
        chances = expit(index)
        gradient = design.T @ (factor * (z - chances))
        weight = factor * chances * (1 - chances)
        step = np.linalg.solve(design.T @ (design * weight[:, None]), gradient)
        if gradient @ step < _ENOUGH * len(z):
            return b, chances
        b = b + step
    raise InferenceError(
        f"The levels on either side of {cut} are predicted exactly, so that no slope has an "
        "estimate there.",
        hint="a regressor less, or levels joined.",
        code="separated-cutpoint",
    )
