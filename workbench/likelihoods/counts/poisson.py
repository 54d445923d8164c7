"""Poisson regression, also as a quasi-likelihood (PPML)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import gammaln, xlogy

from workbench.backends import Array, Backend
from workbench.kernels.linear.moments import Moments
from workbench.likelihoods.base import LinearIndex, Start, Support, least_squares, total
from workbench.protocols import Numpy


@dataclass(frozen=True)
class Poisson(LinearIndex):
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
    body: ClassVar[str] = "loglik = y*eta - exp(eta) - lgamma(y + 1)"
    usual_for: ClassVar[str] = "integer"
    textbook: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "mdvis ~ lncoins + idp + lpi + fmde + physlm + disea + hlthg + hlthf + hlthp": {},
    }
    saturation: ClassVar[float | None] = 18.0

    def contributions(
        self, y: Array, index: Array, nuisance: Sequence[Array], xp: Backend
    ) -> Array:
        return y * index - xp.exp(index) - xp.lgamma(y + 1)

    def start(
        self, y: Numpy, x: Numpy, offset: Numpy | None, moments: Moments | None = None
    ) -> Start:
        """Start from one step of iteratively reweighted least squares from a smoothed outcome."""
        smoothed = (y + y.mean()) / 2
        root = np.sqrt(smoothed)
        target = np.log(smoothed) + (y - smoothed) / smoothed
        shift = 0.0 if offset is None else offset
        return Start(least_squares(root * (target - shift), root[:, None] * x), np.empty(0))

    def mean(self, index: Numpy, nuisance: Numpy) -> Numpy:
        return np.asarray(np.exp(index))

    def null_loglik(self, y: Numpy, weights: Numpy | None, offset: Numpy | None) -> float:
        exposure = np.ones_like(y) if offset is None else np.exp(offset)
        mean = exposure * (total(y, weights) / total(exposure, weights))
        return total(xlogy(y, mean) - mean - gammaln(y + 1), weights)
