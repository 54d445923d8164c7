"""The binary probit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr, ndtr

from workbench.backends import Array, Backend
from workbench.kernels.linear.moments import Moments
from workbench.likelihoods.base import LinearIndex, Start, Support, least_squares, total
from workbench.protocols import Numpy


@dataclass(frozen=True)
class Probit(LinearIndex):
    r"""Binary probit: :math:`\ell_i = \log\Phi((2y_i-1)\,x_i^\top\beta)`.  Bliss (1934)."""

    name: ClassVar[str] = "probit"
    title: ClassVar[str] = "Probit"
    formula: ClassVar[str] = "Pr(y = 1 | x) = Φ(x′β)"
    support: ClassVar[Support] = Support.ZERO_ONE
    body: ClassVar[str] = "loglik = log_ndtr((2*y - 1) * eta)"
    saturation: ClassVar[float | None] = 5.6

    def contributions(
        self, y: Array, index: Array, nuisance: Sequence[Array], xp: Backend
    ) -> Array:
        return xp.log_ndtr((2 * y - 1) * index)

    def start(
        self, y: Numpy, x: Numpy, offset: Numpy | None, moments: Moments | None = None
    ) -> Start:
        """Start from two and a half times the least-squares slopes (Amemiya 1981)."""
        target = 2.5 * (y - 0.5) - (0.0 if offset is None else offset)
        return Start(least_squares(target, x, moments), np.empty(0))

    def mean(self, index: Numpy, nuisance: Numpy) -> Numpy:
        return np.asarray(ndtr(index))

    def null_loglik(self, y: Numpy, weights: Numpy | None, offset: Numpy | None) -> float:
        shift = np.zeros_like(y) if offset is None else offset
        sign = 2 * y - 1
        reach = 8.0 + float(np.abs(shift).max(initial=0.0))
        found = minimize_scalar(
            lambda c: -total(np.asarray(log_ndtr(sign * (c + shift))), weights),
            bounds=(-reach, reach),
            method="bounded",
            options={"xatol": 1e-9},
        )
        return -float(found.fun)
