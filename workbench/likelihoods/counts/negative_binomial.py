"""Negative binomial regression of the second kind (NB2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import digamma, gammaln, polygamma
from scipy.stats import chi2

from workbench.backends import Array, Backend
from workbench.kernels.likelihood.parameters import LOG, Block, OutcomeTerm
from workbench.likelihoods.base import (
    Equation,
    Likelihood,
    Observed,
    Start,
    Support,
    total,
)
from workbench.likelihoods.counts.poisson import poisson_fit
from workbench.protocols import Numpy

# Counts up to here are summed term by term, and larger ones by gamma functions.
_MOST_SUMMED = 5_000_000
_LEAST_ALPHA, _MOST_ALPHA = 0.01, 1e4
# Nats that rounding, or a Poisson model fitted no further than a first stage, leaves.
_NO_GAIN = 1e-5


@dataclass(frozen=True)
class NegativeBinomial(Likelihood):
    r"""Negative binomial: mean :math:`\mu_i = e^{\eta_i}`, variance :math:`\mu_i + \alpha\mu_i^2`.

    .. math:: \ell_i = \sum_{j<y_i}\log(1+\alpha j) - \log y_i! + y_i\eta_i
        - (y_i + 1/\alpha)\log(1+\alpha\mu_i)

    Shown is :math:`\alpha`; estimated is :math:`\log\alpha`, which Stata calls ``/lnalpha``.  R's
    ``theta`` is :math:`1/\alpha`.  As :math:`\alpha` goes to zero this is the Poisson model.

    References
    ----------
    Cameron and Trivedi (2013), "Regression Analysis of Count Data", section 3.3.
    """

    name: ClassVar[str] = "negbin2"
    title: ClassVar[str] = "Negative binomial"
    formula: ClassVar[str] = "E(y | x) = μ = exp(x′β), Var(y | x) = μ + alpha μ²"
    support: ClassVar[Support] = Support.WHOLE_COUNT
    body: ClassVar[str] = (
        "params: alpha > 0 = 0.5\nloglik = negative_binomial_logpmf(y, exp(eta), alpha)"
    )
    equations: ClassVar[tuple[Equation, ...]] = (Equation("mean", saturation=18.0),)
    parameters: ClassVar[tuple[Block, ...]] = (Block(("alpha",), LOG),)

    def contributions(
        self,
        y: Array,
        predictors: Sequence[Array],
        parameters: Sequence[Array],
        columns: Mapping[str, Array],
        xp: Backend,
    ) -> Array:
        (index,), (alpha,) = predictors, parameters
        # Not softplus(index + log(alpha)): torch's derivative loses the digits of a small alpha.
        return y * index - (y + 1 / alpha) * xp.log1p(alpha * xp.exp(index))

    def outcome_term(self, y: Numpy, parameters: Numpy) -> OutcomeTerm:
        """Return the sum of logs and the factorial, which no regressor enters."""
        value, first, second = _log_rising(y, float(parameters[0]))
        return OutcomeTerm(value - gammaln(y + 1), first[:, None], second[:, None, None])

    def start(self, data: Observed) -> Start:
        """Start from the Poisson model, with the overdispersion by moments around its means."""
        coefficients = poisson_fit(data.y, data.x, data.offset, data.weights)
        mean = np.exp(data.x @ coefficients + data.shift)
        excess = total((data.y - mean) ** 2 - mean, data.weights) / total(mean**2, data.weights)
        return Start((coefficients,), np.clip([excess], _LEAST_ALPHA, _MOST_ALPHA))

    def notes_after(
        self, data: Observed, parameters: Numpy, loglik: float, outcome: str
    ) -> tuple[str, ...]:
        """Test against the Poisson model: its alpha of zero is a bound.

        References
        ----------
        Self and Liang (1987), JASA 82(398), case 5; Cameron and Trivedi (2013), section 3.4.
        """
        coefficients = poisson_fit(data.y, data.x, data.offset, data.weights)
        index = data.x @ coefficients + data.shift
        rows = data.y * index - np.exp(index) - gammaln(data.y + 1)
        statistic = max(2 * (loglik - total(rows, data.weights)), 0.0)
        p = chi2.sf(statistic, 1) / 2 if statistic > _NO_GAIN else 1.0
        shown = "< 0.001" if p < 0.001 else f"= {p:.3f}"
        return (
            f"Likelihood ratio against Poisson: {statistic:.3f}, p {shown}, half of chi-squared's "
            "since alpha = 0 is a bound.",
        )

    def at_limit(self, names: Sequence[str], outcome: str) -> str:
        return (
            f"alpha goes to 0: {outcome} is not overdispersed, so alpha has no standard error. "
            'This is the model "poisson".'
        )

    def mean(self, predictors: Sequence[Numpy], parameters: Numpy) -> Numpy:
        return np.asarray(np.exp(predictors[0]))


def _log_rising(y: Numpy, alpha: float) -> tuple[Numpy, Numpy, Numpy]:
    r"""Return :math:`\sum_{j<y}\log(1+\alpha j)` of whole ``y (u,)``, and two derivatives by alpha.

    Summed term by term, it has all digits for any alpha, the smallest included.
    """
    if y.max(initial=0.0) > _MOST_SUMMED:
        return _by_gamma_functions(y, alpha)
    j = np.arange(int(y.max(initial=0.0)))
    slope = j / (1 + alpha * j)
    sums = [np.cumsum(each) for each in (np.log1p(alpha * j), slope, -(slope**2))]
    value, first, second = (np.append(0.0, each)[y.astype(np.int64)] for each in sums)
    return value, first, second


def _by_gamma_functions(y: Numpy, alpha: float) -> tuple[Numpy, Numpy, Numpy]:
    r = 1 / alpha
    value = gammaln(y + r) - gammaln(r) + y * np.log(alpha)
    slope = digamma(y + r) - digamma(r)
    bend = polygamma(1, y + r) - polygamma(1, r)
    return value, y * r - slope * r**2, -y * r**2 + 2 * slope * r**3 + bend * r**4
