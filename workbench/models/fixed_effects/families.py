"""Families of fixed-effects GLMs: each row's log-likelihood and its derivatives by the index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import minimize
from scipy.special import digamma, expit, gammaln, log_expit, polygamma

from workbench.likelihoods.base import Likelihood, Support, total
from workbench.likelihoods.counts.poisson import Poisson
from workbench.likelihoods.logit import Logit
from workbench.protocols import Numpy

# From here on series in 1/theta are exact to rounding, and differences of gamma functions are not.
_NEARLY_POISSON = 100.0
_LEAST_ALPHA, _MOST_ALPHA = 0.01, 1e4


@dataclass(frozen=True, slots=True)
class Derivatives:
    """The log-likelihood of each row and its derivatives, shape ``(n,)`` each.

    Attributes
    ----------
    value
        The log-likelihood in nats, without terms free of parameters.
    first, second
        The derivative by the index, and minus the second one, which is positive.
    own, own_second, cross
        Derivatives by the further parameter, and by it and the index; None without one.
    """

    value: Numpy
    first: Numpy
    second: Numpy
    own: Numpy | None = None
    own_second: Numpy | None = None
    cross: Numpy | None = None


class Family(ABC):
    """A family with its outcome: a log-likelihood that is concave in the index of each row.

    Parameters
    ----------
    y
        The outcome, ``(n,)``.
    weights
        One weight per row, ``(n,)``, or None.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    formula: ClassVar[str]
    support: ClassVar[Support]
    further_parameters: ClassVar[tuple[str, ...]] = ()
    mean_of: ClassVar[type[Likelihood]]
    """The template that states the mean."""
    uninformative: ClassVar[str]
    """Why the rows of a level without variation are left out, as ``dropped`` says it."""
    biased_by_few_rows: ClassVar[bool] = False
    """Whether slopes are too far from zero where levels have few rows (incidental parameters)."""

    def __init__(self, y: Numpy, weights: Numpy | None) -> None:
        self.y, self.weights = y, weights

    @abstractmethod
    def derivatives(self, index: Numpy, further: Numpy) -> Derivatives:
        """Return value and derivatives at an index ``(n,)``; further parameters unconstrained."""

    @abstractmethod
    def first_index(self) -> Numpy:
        """Return a start of the index, ``(n,)``, near each outcome."""

    @abstractmethod
    def mean(self, index: Numpy) -> Numpy:
        """Return the expected outcome, ``(n,)``."""

    @abstractmethod
    def null_loglik(self, offset: Numpy | None) -> float:
        """Return the log-likelihood of a constant alone, in nats."""

    @staticmethod
    @abstractmethod
    def divergence(y: Numpy) -> Numpy:
        """Return the sign of the infinite index of largest likelihood by row; 0 if it is finite."""

    @cached_property
    def constant(self) -> float:
        """The part of the log-likelihood that is free of parameters, in nats."""
        return 0.0

    @property
    def unit(self) -> float:
        """The nats that the decrement is measured in, one or less."""
        return 1.0

    def further_start(self, index: Numpy) -> Numpy:
        """Return start values of the further parameters, unconstrained."""
        return np.empty(0)


class PoissonFamily(Family):
    r"""Poisson: :math:`\ell_i = y_i\eta_i - e^{\eta_i} - \log\Gamma(y_i+1)`, any outcome from 0 on.

    If the mean of the outcome is below one, which may be due to its unit, the decrement is
    measured in units of that mean.

    References
    ----------
    Gourieroux, Monfort and Trognon (1984); Santos Silva and Tenreyro (2006), "The log of gravity".
    """

    name: ClassVar[str] = "fepois"
    title: ClassVar[str] = "Poisson, fixed effects"
    formula: ClassVar[str] = "E(y | x) = exp(x′β + α + γ)"
    support: ClassVar[Support] = Support.COUNT
    mean_of: ClassVar[type[Likelihood]] = Poisson
    uninformative: ClassVar[str] = "only zeros in {}"

    def derivatives(self, index: Numpy, further: Numpy) -> Derivatives:
        mean = np.exp(index)
        return Derivatives(self.y * index - mean, self.y - mean, mean)

    def first_index(self) -> Numpy:
        """Return the log of the middle between outcome and its mean (Bergé 2018)."""
        return np.asarray(np.log((self.y + self._average) / 2))

    @cached_property
    def _average(self) -> float:
        return float(np.average(self.y, weights=self.weights))

    def mean(self, index: Numpy) -> Numpy:
        return np.asarray(np.exp(index))

    def null_loglik(self, offset: Numpy | None) -> float:
        return Poisson().null_loglik(self.y, self.weights, offset)

    @staticmethod
    def divergence(y: Numpy) -> Numpy:
        return np.where(y == 0, -1.0, 0.0)

    @cached_property
    def constant(self) -> float:
        return -total(gammaln(self.y + 1), self.weights)

    @property
    def unit(self) -> float:
        return min(1.0, self._average)


class LogitFamily(Family):
    r"""Binary logit: :math:`\ell_i = \log\Lambda((2y_i-1)\,\eta_i)`, the effects as parameters.

    This is the likelihood of explicit dummies, as in fixest's ``feglm``, and not Chamberlain's,
    which is conditional on the sums of outcomes and has no such bias.

    References
    ----------
    McFadden (1974); Chamberlain (1980), "Analysis of covariance with qualitative data"; Neyman
    and Scott (1948) on the bias from effects with few rows.
    """

    name: ClassVar[str] = "felogit"
    title: ClassVar[str] = "Logit, fixed effects"
    formula: ClassVar[str] = "Pr(y = 1 | x) = 1 / (1 + exp(−x′β − α − γ))"
    support: ClassVar[Support] = Support.ZERO_ONE
    mean_of: ClassVar[type[Likelihood]] = Logit
    uninformative: ClassVar[str] = "one outcome only in {}"
    biased_by_few_rows: ClassVar[bool] = True

    def derivatives(self, index: Numpy, further: Numpy) -> Derivatives:
        sign = 2 * self.y - 1
        wrong = expit(-sign * index)
        return Derivatives(log_expit(sign * index), sign * wrong, wrong * expit(sign * index))

    def first_index(self) -> Numpy:
        """Return the log odds of three to one for what was observed."""
        return np.asarray(np.log(3.0) * (2 * self.y - 1))

    def mean(self, index: Numpy) -> Numpy:
        return np.asarray(expit(index))

    def null_loglik(self, offset: Numpy | None) -> float:
        return Logit().null_loglik(self.y, self.weights, offset)

    @staticmethod
    def divergence(y: Numpy) -> Numpy:
        return np.asarray(2 * y - 1)


class NegativeBinomialFamily(PoissonFamily):
    r"""Negative binomial of the second kind, :math:`\mathrm{Var}(y) = \mu + \alpha\mu^2`.

    Slopes, effects and :math:`\log\alpha` are estimated jointly, and standard errors come from
    their joint Hessian with the effects taken out, as in fixest's ``fenegbin``, where ``theta`` is
    :math:`1/\alpha`.

    References
    ----------
    Cameron and Trivedi (2013), "Regression Analysis of Count Data", section 3.3.
    """

    name: ClassVar[str] = "fenegbin"
    title: ClassVar[str] = "Negative binomial, fixed effects"
    formula: ClassVar[str] = "E(y | x) = μ = exp(x′β + α + γ), Var(y | x) = μ + alpha μ²"
    further_parameters: ClassVar[tuple[str, ...]] = ("alpha",)

    def derivatives(self, index: Numpy, further: Numpy) -> Derivatives:
        y, mean, theta = self.y, np.exp(index), float(np.exp(-further[0]))
        both, relative = theta + mean, np.log1p(mean / theta)
        gamma, slope, curvature = _gamma_terms(y, theta)
        by_theta = slope - relative + (mean - y) / both
        twice = curvature + (mean**2 + theta * y) / (theta * both**2)
        if theta > _NEARLY_POISSON:  # the leading terms of both cancel, and are combined
            twice = curvature + _leading(y, mean, theta)
        return Derivatives(
            value=gamma - theta * relative + y * (index - relative),
            first=theta * (y - mean) / both,
            second=mean * theta * (theta + y) / both**2,
            own=-theta * by_theta,
            own_second=theta * by_theta + theta**2 * twice,
            cross=-theta * (y - mean) * mean / both**2,
        )

    def further_start(self, index: Numpy) -> Numpy:
        """Return the log of the overdispersion by moments, around the means of that index."""
        mean = np.exp(index)
        excess = total((self.y - mean) ** 2 - mean, self.weights) / total(mean**2, self.weights)
        return np.log([np.clip(excess, _LEAST_ALPHA, _MOST_ALPHA)])

    def null_loglik(self, offset: Numpy | None) -> float:
        """Return the log-likelihood of a constant and a dispersion of their own."""
        shift = np.zeros_like(self.y) if offset is None else offset
        constant = np.log(total(self.y, self.weights) / total(np.exp(shift), self.weights))
        first = np.array([constant, *self.further_start(shift + constant)])

        def less(point: Numpy) -> tuple[float, Numpy]:
            rows = self.derivatives(shift + point[0], point[1:])
            assert rows.own is not None
            slopes = (total(rows.first, self.weights), total(rows.own, self.weights))
            return -total(rows.value, self.weights), -np.array(slopes)

        found = minimize(less, first, jac=True, bounds=[(None, None), (-25, 25)])
        return float(self.constant - found.fun)

    @property
    def unit(self) -> float:
        return 1.0


def _gamma_terms(y: Numpy, theta: float) -> tuple[Numpy, Numpy, Numpy]:
    r"""Return the terms in ``y`` and ``theta`` alone: a value and parts of two derivatives.

    The value is :math:`\log\Gamma(y+\theta) - \log\Gamma(\theta) - y\log\theta`; the others are
    its first derivative plus :math:`y/\theta`, and its second less :math:`y/\theta^2` less
    :math:`1/\theta - \psi'` terms that `_leading` has.  Counts repeat, so each is computed once.
    """
    values, places = np.unique(y, return_inverse=True)
    up = values + theta
    if theta <= _NEARLY_POISSON:
        gamma = gammaln(up) - gammaln(theta) - values * np.log(theta)
        slope = digamma(up) - digamma(theta)
        curvature = polygamma(1, up) - polygamma(1, theta)
    else:
        grown = np.log1p(values / theta)
        rest = (1 / up - 1 / theta) / 12 - (up**-3.0 - theta**-3.0) / 360
        gamma = (up - 0.5) * grown - values + rest
        slope = grown + values / (2 * theta * up) - (up**-2.0 - theta**-2.0) / 12
        squares = -values * (2 * theta + values) / (theta * up) ** 2
        curvature = squares / 2 + (up**-3.0 - theta**-3.0) / 6
    return gamma[places], slope[places], curvature[places]


def _leading(y: Numpy, mean: Numpy, theta: float) -> Numpy:
    """Return the second derivative's terms of order one over theta squared, combined."""
    both, up = theta + mean, theta + y
    apart = y * (theta * (y - 2 * mean) - mean**2) / (theta * up * both**2)
    return np.asarray(apart + mean**2 / (theta * both**2))


def family_of(model: Any) -> type[Family]:
    """Return the likelihood of a model with fixed effects, or of its class."""
    found: type[Family] = globals()[model.family]
    return found
