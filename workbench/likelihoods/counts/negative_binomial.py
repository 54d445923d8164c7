"""Negative binomial regression of the second kind (NB2)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.backends import Array, Backend
from workbench.kernels.likelihood.parameters import LOG, Block
from workbench.likelihoods.base import Equation, Likelihood, Observed, Start, Support, total
from workbench.likelihoods.counts.poisson import poisson_fit
from workbench.protocols import Numpy

# Ten terms of the series have all digits of float64 below the first; above the second,
# differences of gamma functions lose fewer digits than Stirling's series leaves out.
_SERIES_BELOW, _STIRLING_BELOW, _TERMS = 0.02, 0.01, 10
_LEAST_ALPHA, _MOST_ALPHA = 0.01, 1e4


@dataclass(frozen=True)
class NegativeBinomial(Likelihood):
    r"""Negative binomial: :math:`\mu_i = e^{\eta_i}`, :math:`\mathrm{Var}(y_i) = \mu_i + \alpha\mu_i^2`.

    .. math:: \ell_i = \sum_{j<y_i}\log(1+\alpha j) - \log y_i! + y_i\eta_i
        - (y_i + 1/\alpha)\log(1+\alpha\mu_i)

    Shown is :math:`\alpha`; estimated is :math:`\log\alpha`, which Stata calls ``/lnalpha``.  R's
    ``theta`` is :math:`1/\alpha`.  As :math:`\alpha` goes to zero this is the Poisson model, and
    the formula keeps its digits on the way.

    References
    ----------
    Cameron and Trivedi (2013), "Regression Analysis of Count Data", section 3.3.
    """

    name: ClassVar[str] = "negbin2"
    title: ClassVar[str] = "Negative binomial"
    formula: ClassVar[str] = "E(y | x) = μ = exp(x′β), Var(y | x) = μ + alpha μ²"
    support: ClassVar[Support] = Support.WHOLE_COUNT
    equations: ClassVar[tuple[Equation, ...]] = (Equation("mean", saturation=18.0),)
    parameters: ClassVar[tuple[Block, ...]] = (Block(("alpha",), LOG),)

    def contributions(
        self,
        y: Array,
        predictors: Sequence[Array],
        parameters: Sequence[Array],
        columns: Mapping[str, Array],
        xp: Backend,
    ) -> Array:
        (index,), (alpha,) = predictors, parameters
        grown = xp.softplus(index + xp.log(alpha))
        rising = _log_rising(y, alpha, xp) - xp.lgamma(y + 1)
        return rising + y * (index - grown) - _mean_term(index, alpha, xp)

    def start(self, data: Observed) -> Start:
        """Start from the Poisson model, with the overdispersion by moments around its means."""
        coefficients = poisson_fit(data.y, data.x, data.offset, data.weights)
        mean = np.exp(data.x @ coefficients + data.shift)
        excess = total((data.y - mean) ** 2 - mean, data.weights) / total(mean**2, data.weights)
        return Start((coefficients,), np.clip([excess], _LEAST_ALPHA, _MOST_ALPHA))

    def mean(self, predictors: Sequence[Numpy], parameters: Numpy) -> Numpy:
        return np.asarray(np.exp(predictors[0]))


def _mean_term(index: Array, alpha: Array, xp: Backend) -> Array:
    """Return ``log(1 + alpha mu) / alpha``, which is ``mu`` where alpha is zero."""
    power = index + xp.log(alpha)
    near = power < math.log(_SERIES_BELOW)
    mean = xp.exp(xp.where(near, index, 0 * index))
    series = mean * _log1p_ratio(xp.where(near, alpha * mean, 0 * index))
    return xp.where(near, series, xp.softplus(xp.where(near, 0 * power, power)) / alpha)


def _log_rising(y: Array, alpha: Array, xp: Backend) -> Array:
    r"""Return :math:`\sum_{j<y} \log(1 + \alpha j)`, also for an alpha near zero."""
    small = alpha < _STIRLING_BELOW
    large = xp.where(small, 0 * alpha + 1, alpha)
    gammas = xp.lgamma(y + 1 / large) - xp.lgamma(1 / large) + y * xp.log(large)
    return xp.where(small, _stirling(y, xp.where(small, alpha, 0 * alpha), xp), gammas)


def _stirling(y: Array, alpha: Array, xp: Backend) -> Array:
    """Return the same by Stirling's series of both gamma functions, in powers of alpha."""
    growth = alpha * y
    near = growth < _SERIES_BELOW
    beyond = xp.where(near, 0 * growth + 1, growth)
    ratio = xp.where(
        near, _log1p_ratio(xp.where(near, growth, 0 * growth)), xp.log1p(beyond) / beyond
    )
    shrunk = alpha / (1 + growth)
    rest = (shrunk - alpha) / 12 - (shrunk**3 - alpha**3) / 360 + (shrunk**5 - alpha**5) / 1260
    return y * (ratio - 1) + (y - 0.5) * xp.log1p(growth) + rest


def _log1p_ratio(t: Array) -> Array:
    """Return ``log(1 + t) / t`` by its series, whose derivatives keep their digits at zero."""
    found = 0 * t + (-1) ** (_TERMS - 1) / _TERMS
    for j in range(_TERMS - 1, 0, -1):
        found = found * t + (-1) ** (j - 1) / j
    return found
