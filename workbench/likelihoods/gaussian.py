"""The Gaussian linear model by maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from workbench.backends import Array, Backend
from workbench.kernels.likelihood.parameters import Block
from workbench.likelihoods.base import Likelihood, Observed, Start, Support, total
from workbench.protocols import Numpy

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
_LEAST = 1e-8


@dataclass(frozen=True)
class Gaussian(Likelihood):
    r"""Gaussian linear model in Olsen's parameters :math:`d = \beta/\sigma, h = 1/\sigma`.

    .. math:: \ell_i = \log h - \tfrac12 (h y_i - x_i^\top d)^2 - \tfrac12 \log 2\pi

    In these coordinates the log-likelihood is concave everywhere, so Newton's method finds the
    maximum from any start.  Shown are :math:`\beta` and :math:`\sigma`.

    References
    ----------
    Olsen (1978), "Note on the uniqueness of the maximum likelihood estimator for the Tobit
    model", Econometrica 46(5).
    """

    name: ClassVar[str] = "gaussian"
    title: ClassVar[str] = "Gaussian"
    formula: ClassVar[str] = "y = x′β + ε, ε ~ N(0, σ²)"
    support: ClassVar[Support] = Support.REAL
    with_effects: ClassVar[str] = "feols"
    parameters: ClassVar[tuple[Block, ...]] = (Block(("sigma",)),)
    body: ClassVar[str] = "params: sigma > 0 = 1.0\nloglik = normal_logpdf(y, eta, sigma)"
    usual_for: ClassVar[str] = "number"
    textbook: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "lwage ~ educ + exper + tenure": {},
        "affairs ~ rate_marriage + age + yrs_married + children + religious + educ": {},
        "TOTEMP ~ GNPDEFL + GNP + UNEMP + ARMED + POP + YEAR": {},
    }
    scales_outcome: ClassVar[bool] = True

    def contributions(
        self,
        y: Array,
        predictors: Sequence[Array],
        parameters: Sequence[Array],
        columns: Mapping[str, Array],
        xp: Backend,
    ) -> Array:
        (index,) = predictors
        (precision,) = parameters
        return xp.log(precision) - (precision * y - index) ** 2 / 2 - _HALF_LOG_TWO_PI

    def start(self, data: Observed) -> Start:
        """Start with all coefficients at zero, so that every optimizer has steps to take.

        The standard deviation is that of the outcome around zero, and positive.  Least squares
        would be the maximum itself.
        """
        y, moments = data.y, data.moments
        square = float(y @ y) / len(y) if moments is None else moments.outcome / moments.count
        sd = max(math.sqrt(square), _LEAST)
        return Start((np.zeros(data.x.shape[1]),), np.array([1 / sd]))

    def mean(self, predictors: Sequence[Numpy], parameters: Numpy) -> Numpy:
        return predictors[0]

    def null_loglik(self, y: Numpy, weights: Numpy | None, offset: Numpy | None) -> float:
        y = y if offset is None else y - offset
        count = float(len(y)) if weights is None else float(np.sum(weights))
        variance = total((y - total(y, weights) / count) ** 2, weights) / count
        if variance == 0:
            return math.inf
        return -count * (_HALF_LOG_TWO_PI + 0.5 * math.log(variance) + 0.5)

    def natural(self, theta: Numpy) -> Numpy:
        return np.asarray(np.append(theta[:-1], 1.0) / theta[-1])

    def unconstrained(self, params: Numpy) -> Numpy:
        sigma = params[-1] if params[-1] > 0 else np.nan
        return np.asarray(np.append(params[:-1], 1.0) / sigma)

    def natural_jacobian(self, theta: Numpy) -> Numpy:
        precision = theta[-1]
        jacobian: Numpy = np.eye(len(theta)) / precision
        jacobian[:, -1] = np.append(-theta[:-1], -1.0) / precision**2
        return jacobian
