"""The binary probit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr, ndtr

from workbench.backends import Array, Backend
from workbench.likelihoods.base import (
    Equation,
    Likelihood,
    Observed,
    Start,
    Support,
    least_squares,
    total,
)
from workbench.protocols import Numpy


@dataclass(frozen=True)
class Probit(Likelihood):
    r"""Binary probit: :math:`\ell_i = \log\Phi((2y_i-1)\,x_i^\top\beta)`.  Bliss (1934)."""

    name: ClassVar[str] = "probit"
    title: ClassVar[str] = "Probit"
    formula: ClassVar[str] = "Pr(y = 1 | x) = Φ(x′β)"
    support: ClassVar[Support] = Support.ZERO_ONE
    equations: ClassVar[tuple[Equation, ...]] = (Equation("mean", saturation=5.6),)
    body: ClassVar[str] = "loglik = log_ndtr((2*y - 1) * eta)"

    def contributions(
        self,
        y: Array,
        predictors: Sequence[Array],
        parameters: Sequence[Array],
        columns: Mapping[str, Array],
        xp: Backend,
    ) -> Array:
        (index,) = predictors
        return xp.log_ndtr((2 * y - 1) * index)

    def start(self, data: Observed) -> Start:
        """Start from two and a half times the least-squares slopes (Amemiya 1981)."""
        target = 2.5 * (data.y - 0.5) - data.shift
        return Start((least_squares(target, data.x, data.moments),))

    def mean(self, predictors: Sequence[Numpy], parameters: Numpy) -> Numpy:
        return np.asarray(ndtr(predictors[0]))

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
