"""The binary logit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_expit

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
class Logit(Likelihood):
    r"""Binary logit: :math:`\ell_i = \log\Lambda((2y_i-1)\,x_i^\top\beta)`.  McFadden (1974)."""

    name: ClassVar[str] = "logit"
    title: ClassVar[str] = "Logit"
    formula: ClassVar[str] = "Pr(y = 1 | x) = 1 / (1 + exp(−x′β))"
    support: ClassVar[Support] = Support.ZERO_ONE
    with_effects: ClassVar[str] = "felogit"
    equations: ClassVar[tuple[Equation, ...]] = (Equation("mean", saturation=18.0),)
    body: ClassVar[str] = "loglik = log_sigmoid((2*y - 1) * eta)"
    usual_for: ClassVar[str] = "0/1"
    textbook: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "inlf ~ nwifeinc + educ + exper + expersq + age + kidslt6 + kidsge6": {},
        "GRADE ~ GPA + TUCE + PSI": {},
        "vote ~ TVnews + selfLR + age + educ + income": {},
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
        return xp.log_sigmoid((2 * y - 1) * index)

    def start(self, data: Observed) -> Start:
        """Start from four times the least-squares slopes (Amemiya 1981)."""
        target = 4 * (data.y - 0.5) - data.shift
        return Start((least_squares(target, data.x, data.moments),))

    def mean(self, predictors: Sequence[Numpy], parameters: Numpy) -> Numpy:
        return np.asarray(expit(predictors[0]))

    def null_loglik(self, y: Numpy, weights: Numpy | None, offset: Numpy | None) -> float:
        shift = np.zeros_like(y) if offset is None else offset
        reach = 40.0 + float(np.abs(shift).max(initial=0.0))
        constant = brentq(lambda c: total(y - expit(c + shift), weights), -reach, reach, xtol=1e-14)
        return total(np.asarray(log_expit((2 * y - 1) * (constant + shift))), weights)
