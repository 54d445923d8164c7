"""Zero-inflated Poisson regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit, logit

from workbench.backends import Array, Backend
from workbench.errors import DataError
from workbench.kernels.likelihood.separation import (
    Separation,
    separating_direction,
    vanishing_direction,
)
from workbench.likelihoods.base import (
    Equation,
    Likelihood,
    Observed,
    Start,
    Support,
    least_squares,
)
from workbench.likelihoods.counts.poisson import poisson_fit
from workbench.options import Kind, option
from workbench.protocols import Numpy

_LEAST_SHARE = 0.02


@dataclass(frozen=True, kw_only=True)
class ZeroInflatedPoisson(Likelihood):
    r"""Zero-inflated Poisson: a zero with probability :math:`\pi_i`, else Poisson.

    .. math:: \ell_i = \log\{\pi_i + (1-\pi_i)e^{-\mu_i}\} \text{ at } y_i = 0,\qquad
        \log(1-\pi_i) + y_i\eta_i - \mu_i - \log y_i! \text{ above,}

    with :math:`\mu_i = e^{\eta_i}` and :math:`\pi_i = \Lambda(z_i^\top\gamma)`.

    References
    ----------
    Lambert (1992), "Zero-inflated Poisson regression, with an application to defects in
    manufacturing", Technometrics 34(1).
    """

    name: ClassVar[str] = "zip"
    title: ClassVar[str] = "Zero-inflated Poisson"
    formula: ClassVar[str] = "y = 0 with probability 1 / (1 + exp(−z′γ)), else E(y | x) = exp(x′β)"
    support: ClassVar[Support] = Support.WHOLE_COUNT
    equations: ClassVar[tuple[Equation, ...]] = (
        Equation("mean", saturation=18.0),
        Equation("inflation", option="inflation", saturation=18.0, vanishes=True),
    )

    inflation: str = option(
        "~ 1", kind=Kind.FORMULA, help="regressors of the zeros", example="~ age + income"
    )

    def contributions(
        self,
        y: Array,
        predictors: Sequence[Array],
        parameters: Sequence[Array],
        columns: Mapping[str, Array],
        xp: Backend,
    ) -> Array:
        index, inflation = predictors
        mean, counted = xp.exp(index), xp.log_sigmoid(-inflation)
        zero = xp.logaddexp(xp.log_sigmoid(inflation), counted - mean)
        return xp.where(y == 0, zero, counted + y * index - mean - xp.lgamma(y + 1))

    def start(self, data: Observed) -> Start:
        """Start from the Poisson model of the rows above zero, and the zeros it leaves over."""
        y, x, z = data.y, *data.designs
        above, weights = y > 0, data.weights
        coefficients = poisson_fit(
            y[above],
            x[above],
            None if data.offset is None else data.offset[above],
            None if weights is None else weights[above],
        )
        expected = float(np.average(_zero(x @ coefficients + data.shift), weights=weights))
        excess = (float(np.average(y == 0, weights=weights)) - expected) / (1 - expected)
        constant = logit(np.clip(excess, _LEAST_SHARE, 1 - _LEAST_SHARE))
        return Start((coefficients, least_squares(np.full(len(y), constant), z)))

    def check_data(self, data: Observed, outcome: str) -> None:
        if (data.y > 0).all():
            raise DataError(
                f"{outcome} is never 0, so there are no zeros to inflate.",
                hint='the model "poisson" or "negbin2".',
                code="no-zeros",
                where=outcome,
            )

    def notes_before(self, data: Observed, outcome: str) -> tuple[str, ...]:
        """Say where zeros are no more than a Poisson model expects, or identify no inflation."""
        if data.y.max() <= 1:
            return (
                f"{outcome} is never above 1, so that zeros of the inflation cannot be "
                "distinguished from those of a small mean.",
            )
        coefficients = poisson_fit(data.y, data.x, data.offset, data.weights)
        weights = np.ones_like(data.y) if data.weights is None else data.weights
        expected = float(weights @ _zero(data.x @ coefficients + data.shift))
        zeros = float(weights @ (data.y == 0))
        if zeros > expected:
            return ()
        return (
            f"{outcome} is 0 in {zeros:,.0f} rows, where a Poisson model expects {expected:,.1f}: "
            "there is no excess of zeros to inflate.",
        )

    def at_limit(self, names: Sequence[str], outcome: str) -> str:
        falls = next(name for name in names if name.startswith("inflation:"))
        return (
            f"The share of inflated zeros goes to 0: {falls} falls without bound, so the equation "
            'has no standard errors. This is the model "poisson".'
        )

    def mean(self, predictors: Sequence[Numpy], parameters: Numpy) -> Numpy:
        index, inflation = predictors
        return np.asarray(expit(-inflation) * np.exp(index))

    def separating(self, equation: int, y: Numpy, x: Numpy) -> Separation | None:
        if equation == 0:
            return vanishing_direction(y, x)
        return separating_direction((y == 0).astype(np.float64), x)


def _zero(index: Numpy) -> Numpy:
    """Return the Poisson probability of a zero."""
    return np.asarray(np.exp(-np.exp(np.minimum(index, 700.0))))
