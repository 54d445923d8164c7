"""The binary logit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_expit

from workbench.backends import Array, Backend
from workbench.kernels.linear.moments import Moments
from workbench.likelihoods.base import LinearIndex, Start, Support, least_squares, total
from workbench.protocols import Numpy


@dataclass(frozen=True)
class Logit(LinearIndex):
    r"""Binary logit: :math:`\ell_i = \log\Lambda((2y_i-1)\,x_i^\top\beta)`.  McFadden (1974)."""

    name: ClassVar[str] = "logit"
    title: ClassVar[str] = "Logit"
    formula: ClassVar[str] = "Pr(y = 1 | x) = 1 / (1 + exp(−x′β))"
    support: ClassVar[Support] = Support.ZERO_ONE
    with_effects: ClassVar[str] = "felogit"
    body: ClassVar[str] = "loglik = log_sigmoid((2*y - 1) * eta)"
    usual_for: ClassVar[str] = "0/1"
    textbook: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "inlf ~ nwifeinc + educ + exper + expersq + age + kidslt6 + kidsge6": {},
        "GRADE ~ GPA + TUCE + PSI": {},
        "vote ~ TVnews + selfLR + age + educ + income": {},
    }
    saturation: ClassVar[float | None] = 18.0

    def contributions(
        self, y: Array, index: Array, nuisance: Sequence[Array], xp: Backend
    ) -> Array:
        return xp.log_sigmoid((2 * y - 1) * index)

    def start(
        self, y: Numpy, x: Numpy, offset: Numpy | None, moments: Moments | None = None
    ) -> Start:
        """Start from four times the least-squares slopes (Amemiya 1981)."""
        target = 4 * (y - 0.5) - (0.0 if offset is None else offset)
        return Start(least_squares(target, x, moments), np.empty(0))

    def mean(self, index: Numpy, nuisance: Numpy) -> Numpy:
        return np.asarray(expit(index))

    def null_loglik(self, y: Numpy, weights: Numpy | None, offset: Numpy | None) -> float:
        shift = np.zeros_like(y) if offset is None else offset
        reach = 40.0 + float(np.abs(shift).max(initial=0.0))
        constant = brentq(lambda c: total(y - expit(c + shift), weights), -reach, reach, xtol=1e-14)
        return total(np.asarray(log_expit((2 * y - 1) * (constant + shift))), weights)
