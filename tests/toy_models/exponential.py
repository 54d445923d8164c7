"""Exponential durations: a toy template in one file, put into a copy of the package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.backends import Array, Backend
from workbench.kernels.linear.moments import Moments
from workbench.likelihoods.base import LinearIndex, Start, Support, least_squares
from workbench.options import Kind, option
from workbench.protocols import Numpy


@dataclass(frozen=True)
class Exponential(LinearIndex):
    """Durations with a known shape: ``y ~ Gamma(shape, exp(x'b) / shape)``."""

    name: ClassVar[str] = "exponential"
    title: ClassVar[str] = "Exponential"
    formula: ClassVar[str] = "E(y | x) = exp(x′β)"
    support: ClassVar[Support] = Support.COUNT

    shape: float = option(1.0, kind=Kind.NUMBER, above=0.0, help="known shape of the durations")

    def contributions(
        self, y: Array, index: Array, nuisance: Sequence[Array], xp: Backend
    ) -> Array:
        return -self.shape * (index + y * xp.exp(-index))

    def start(
        self, y: Numpy, x: Numpy, offset: Numpy | None, moments: Moments | None = None
    ) -> Start:
        return Start(least_squares(np.log(y + y.mean()), x), np.empty(0))

    def mean(self, index: Numpy, nuisance: Numpy) -> Numpy:
        return np.exp(index)

    def null_loglik(self, y: Numpy, weights: Numpy | None, offset: Numpy | None) -> float:
        return float(-self.shape * len(y) * (np.log(y.mean()) + 1))
