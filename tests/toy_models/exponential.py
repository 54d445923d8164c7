"""Exponential durations: a toy template in one file, put into a copy of the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.backends import Array, Backend
from workbench.likelihoods.base import Likelihood, Observed, Start, Support, least_squares
from workbench.options import Kind, option
from workbench.protocols import Numpy


@dataclass(frozen=True)
class Exponential(Likelihood):
    """Durations with a known shape: ``y ~ Gamma(shape, exp(x'b) / shape)``."""

    name: ClassVar[str] = "exponential"
    title: ClassVar[str] = "Exponential"
    formula: ClassVar[str] = "E(y | x) = exp(x′β)"
    support: ClassVar[Support] = Support.COUNT

    shape: float = option(1.0, kind=Kind.NUMBER, above=0.0, help="known shape of the durations")

    def contributions(
        self,
        y: Array,
        predictors: Sequence[Array],
        parameters: Sequence[Array],
        columns: Mapping[str, Array],
        xp: Backend,
    ) -> Array:
        (index,) = predictors
        return -self.shape * (index + y * xp.exp(-index))

    def start(self, data: Observed) -> Start:
        return Start((least_squares(np.log(data.y + data.y.mean()) - data.shift, data.x),))

    def mean(self, predictors: Sequence[Numpy], parameters: Numpy) -> Numpy:
        return np.exp(predictors[0])

    def null_loglik(self, y: Numpy, weights: Numpy | None, offset: Numpy | None) -> float:
        return float(-self.shape * len(y) * (np.log(y.mean()) + 1))
