"""The two stages of instrumental variables: fitted regressors, and the instruments' strength."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy import stats

from workbench.kernels.linear.collinear import well_apart
from workbench.kernels.linear.orthogonal import orthogonal
from workbench.protocols import Numpy


@dataclass(frozen=True)
class FirstStage:
    """The F test of the excluded instruments in the regression of one endogenous regressor.

    Attributes
    ----------
    statistic, p
        The F statistic with errors of one variance, and its p-value.
    numerator, denominator
        Degrees of freedom: the excluded instruments, and the rows less all parameters.
    """

    regressor: str
    statistic: float
    numerator: int
    denominator: float
    p: float


def fitted(z: Numpy, d: Numpy) -> Numpy:
    """Project columns ``d (n, m)`` on the span of ``z (n, q)``, both carrying root weights."""
    gram = z.T @ z
    length = np.sqrt(np.diag(gram))
    if not well_apart(gram / np.outer(length, length)):
        z = orthogonal(z).columns
        gram = z.T @ z
    factor = scipy.linalg.cho_factor(gram)
    projected = z @ scipy.linalg.cho_solve(factor, z.T @ d)
    return np.asarray(projected + z @ scipy.linalg.cho_solve(factor, z.T @ (d - projected)))


def first_stages(
    z: Numpy, exogenous: int, d: Numpy, names: Sequence[str], freedom: float
) -> tuple[FirstStage, ...]:
    """Test the excluded instruments, for each endogenous regressor by itself.

    Parameters
    ----------
    z, exogenous
        The instruments ``(n, q)``, and how many of the first are regressors themselves.
    d, names
        The endogenous regressors ``(n, m)`` and what they are called.
    freedom
        Rows less the parameters of a first stage.

    References
    ----------
    Stock and Yogo (2005), "Testing for weak instruments in linear IV regression".
    """
    excluded = z.shape[1] - exogenous
    without = d - fitted(z[:, :exogenous], d) if exogenous else d
    restricted, full = (without**2).sum(axis=0), ((d - fitted(z, d)) ** 2).sum(axis=0)
    found = (restricted - full) / excluded / (full / freedom)
    return tuple(
        FirstStage(name, float(f), excluded, freedom, float(stats.f.sf(f, excluded, freedom)))
        for name, f in zip(names, found, strict=True)
    )
