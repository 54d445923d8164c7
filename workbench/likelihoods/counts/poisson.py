"""Poisson regression, also as a quasi-likelihood (PPML)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import gammaln, xlogy

from workbench.backends import Array, Backend
from workbench.kernels.linear.gram import cross_product, gram, times
from workbench.likelihoods.base import (
    Equation,
    Likelihood,
    Observed,
    Start,
    Support,
    least_squares,
    normal_equations,
    total,
)
from workbench.protocols import Numpy

# Of the Newton decrement of a first stage, in nats; its estimates are start values.
_NEAR, _STEPS, _HALVINGS = 1e-6, 25, 10
_LARGEST = 700.0  # exp() of more overflows


@dataclass(frozen=True)
class Poisson(Likelihood):
    r"""Poisson: :math:`\ell_i = y_i\eta_i - e^{\eta_i} - \log\Gamma(y_i+1)`.

    Outcomes that are not integers are allowed; the estimates are then those of the Poisson
    quasi-likelihood, and robust standard errors are the ones to read.

    References
    ----------
    Gourieroux, Monfort and Trognon (1984), "Pseudo maximum likelihood methods: applications to
    Poisson models", section 2.
    """

    name: ClassVar[str] = "poisson"
    title: ClassVar[str] = "Poisson"
    formula: ClassVar[str] = "E(y | x) = exp(x′β)"
    support: ClassVar[Support] = Support.COUNT
    with_effects: ClassVar[str] = "fepois"
    equations: ClassVar[tuple[Equation, ...]] = (Equation("mean", saturation=18.0),)
    body: ClassVar[str] = "loglik = y*eta - exp(eta) - lgamma(y + 1)"
    usual_for: ClassVar[str] = "integer"
    textbook: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "mdvis ~ lncoins + idp + lpi + fmde + physlm + disea + hlthg + hlthf + hlthp": {},
    }

    def contributions(
        self,
        y: Array,
        predictors: Sequence[Array],
        parameters: Sequence[Array],
        columns: Mapping[str, Array],
        xp: Backend,
    ) -> Array:
        (index,) = predictors
        return y * index - xp.exp(index) - xp.lgamma(y + 1)

    def start(self, data: Observed) -> Start:
        """Start from one step of iteratively reweighted least squares from a smoothed outcome."""
        return Start((first_step(data.y, data.x, data.shift),))

    def mean(self, predictors: Sequence[Numpy], parameters: Numpy) -> Numpy:
        return np.asarray(np.exp(predictors[0]))

    def null_loglik(self, y: Numpy, weights: Numpy | None, offset: Numpy | None) -> float:
        exposure = np.ones_like(y) if offset is None else np.exp(offset)
        mean = exposure * (total(y, weights) / total(exposure, weights))
        return total(xlogy(y, mean) - mean - gammaln(y + 1), weights)


def first_step(y: Numpy, x: Numpy, shift: Numpy | float) -> Numpy:
    """Return Poisson coefficients ``(p,)`` after one reweighted step from a smoothed outcome."""
    smoothed = (y + y.mean()) / 2
    root = np.sqrt(smoothed)
    target = np.log(smoothed) + (y - smoothed) / smoothed
    return least_squares(root * (target - shift), root[:, None] * x)


def poisson_fit(y: Numpy, x: Numpy, offset: Numpy | None, weights: Numpy | None) -> Numpy:
    """Return Poisson coefficients ``(p,)`` by Newton's method, near enough for a first stage."""
    shift = 0.0 if offset is None else offset
    b = first_step(y, x, shift)
    index = times(x, b) + shift
    for _ in range(_STEPS):
        mean = np.exp(np.minimum(index, _LARGEST))
        factor = np.ones_like(y) if weights is None else weights
        gradient = cross_product(x, factor * (y - mean))
        step = normal_equations(gram(x, np.sqrt(factor * mean)), gradient)
        if gradient @ step < _NEAR:
            break
        b, index = _further(y, x, weights, (b, index), step)
    return b


def _further(
    y: Numpy, x: Numpy, weights: Numpy | None, here: tuple[Numpy, Numpy], step: Numpy
) -> tuple[Numpy, Numpy]:
    """Take a step, halved until the log-likelihood rises."""
    b, index = here
    along, before = times(x, step), _value(y, index, weights)
    for halving in range(_HALVINGS):
        share = 0.5**halving
        if _value(y, index + share * along, weights) >= before:
            return b + share * step, index + share * along
    return here


def _value(y: Numpy, index: Numpy, weights: Numpy | None) -> float:
    return total(y * index - np.exp(np.minimum(index, _LARGEST)), weights)
