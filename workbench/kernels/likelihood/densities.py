r"""Log densities and log masses, with their normalising constants, on either library.

Every function takes arrays of one backend that broadcast against each other and the backend
``xp``, and returns one value per element in nats.  Parameters mean what they mean in
:mod:`scipy.stats`, except where a docstring says otherwise.  Outside the support the value is
``-inf`` and the derivative is zero; a parameter outside its own range gives ``nan``.

References
----------
Johnson, Kotz and Balakrishnan (1994, 1995), *Continuous Univariate Distributions*;
Johnson, Kemp and Kotz (2005), *Univariate Discrete Distributions*.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Array = Any
Verbs = Any

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def normal_logpdf(x: Array, mean: Array, sd: Array, *, xp: Verbs) -> Array:
    """Return the normal log density."""
    z = (x - mean) / sd
    return -_HALF_LOG_2PI - xp.log(sd) - 0.5 * z * z


def student_t_logpdf(x: Array, location: Array, scale: Array, df: Array, *, xp: Verbs) -> Array:
    """Return Student's t log density; ``scale`` is not the standard deviation."""
    z = (x - location) / scale
    constant = xp.lgamma((df + 1) / 2) - xp.lgamma(df / 2) - 0.5 * xp.log(df * math.pi)
    return constant - xp.log(scale) - (df + 1) / 2 * xp.log1p(z * z / df)


def logistic_logpdf(x: Array, location: Array, scale: Array, *, xp: Verbs) -> Array:
    """Return the logistic log density."""
    z = (x - location) / scale
    return xp.log_sigmoid(z) + xp.log_sigmoid(-z) - xp.log(scale)


def laplace_logpdf(x: Array, location: Array, scale: Array, *, xp: Verbs) -> Array:
    """Return the Laplace (double exponential) log density."""
    return -xp.log(2 * scale) - xp.abs(x - location) / scale


def uniform_logpdf(x: Array, lower: Array, upper: Array, *, xp: Verbs) -> Array:
    """Return the uniform log density on ``lower <= x <= upper``."""
    inside = (x >= lower) & (x <= upper)
    return xp.where(inside, -xp.log(upper - lower), -math.inf)


def lognormal_logpdf(x: Array, mean: Array, sd: Array, *, xp: Verbs) -> Array:
    """Return the lognormal log density; ``mean`` and ``sd`` are those of ``log(x)``."""
    inside, log_x = _positive_log(x, xp)
    return _within(inside, normal_logpdf(log_x, mean, sd, xp=xp) - log_x, xp)


def exponential_logpdf(x: Array, scale: Array, *, xp: Verbs) -> Array:
    """Return the exponential log density for ``x >= 0``; ``scale`` is the mean."""
    return _within(x >= 0, -xp.log(scale) - x / scale, xp)


def gamma_logpdf(x: Array, shape: Array, scale: Array, *, xp: Verbs) -> Array:
    """Return the gamma log density for ``x > 0``; its mean is ``shape * scale``."""
    inside, log_x = _positive_log(x, xp)
    density = (shape - 1) * log_x - x / scale - xp.lgamma(shape) - shape * xp.log(scale)
    return _within(inside, density, xp)


def weibull_logpdf(x: Array, shape: Array, scale: Array, *, xp: Verbs) -> Array:
    """Return the Weibull log density for ``x > 0``."""
    inside, log_x = _positive_log(x, xp)
    w = shape * (log_x - xp.log(scale))
    return _within(inside, xp.log(shape) - log_x + w - xp.exp(w), xp)


def beta_logpdf(x: Array, a: Array, b: Array, *, xp: Verbs) -> Array:
    """Return the beta log density for ``0 < x < 1``; its mean is ``a / (a + b)``."""
    inside = (x > 0) & (x < 1)
    safe = xp.where(inside, x, 0.5)
    constant = xp.lgamma(a + b) - xp.lgamma(a) - xp.lgamma(b)
    return _within(inside, constant + (a - 1) * xp.log(safe) + (b - 1) * xp.log1p(-safe), xp)


def poisson_logpmf(y: Array, mean: Array, *, xp: Verbs) -> Array:
    """Return the Poisson log mass; ``y`` need not be an integer (quasi-likelihood)."""
    inside, count = _count(y, xp)
    return _within(inside, _times_log(count, mean, xp) - mean - xp.lgamma(count + 1), xp)


def negative_binomial_logpmf(y: Array, mean: Array, alpha: Array, *, xp: Verbs) -> Array:
    """Return the log mass of NB2, whose variance is ``mean + alpha * mean**2``.

    References
    ----------
    Cameron and Trivedi (2013), *Regression Analysis of Count Data*, equation 3.26.
    """
    inside, count = _count(y, xp)
    r, total = 1 / alpha, xp.log1p(alpha * mean)
    choose = xp.lgamma(count + r) - xp.lgamma(r) - xp.lgamma(count + 1)
    return _within(inside, choose - r * total + count * (xp.log(alpha * mean) - total), xp)


def binomial_logpmf(y: Array, trials: Array, p: Array, *, xp: Verbs) -> Array:
    """Return the log mass of ``y`` successes in ``trials``, each of probability ``p``."""
    inside = (y >= 0) & (y <= trials)
    wins = xp.where(inside, y, 0.0)
    losses = xp.where(inside, trials - y, 0.0)
    choose = xp.lgamma(wins + losses + 1) - xp.lgamma(wins + 1) - xp.lgamma(losses + 1)
    return _within(inside, choose + _times_log(wins, p, xp) + _times_log(losses, 1 - p, xp), xp)


def bernoulli_logpmf(y: Array, p: Array, *, xp: Verbs) -> Array:
    """Return the log mass of ``y`` in {0, 1}; shares between them give the quasi-likelihood."""
    inside, share = _share(y, xp)
    return _within(inside, _times_log(share, p, xp) + _times_log(1 - share, 1 - p, xp), xp)


def bernoulli_logit(y: Array, index: Array, *, xp: Verbs) -> Array:
    """Return the Bernoulli log mass with ``p = 1 / (1 + exp(-index))``."""
    return _link(y, xp.log_sigmoid(index), xp.log_sigmoid(-index), xp)


def bernoulli_probit(y: Array, index: Array, *, xp: Verbs) -> Array:
    """Return the Bernoulli log mass with ``p`` the normal distribution function of ``index``."""
    return _link(y, xp.log_ndtr(index), xp.log_ndtr(-index), xp)


DENSITIES: dict[str, Callable[..., Array]] = {
    density.__name__: density
    for density in (
        normal_logpdf,
        student_t_logpdf,
        logistic_logpdf,
        laplace_logpdf,
        uniform_logpdf,
        lognormal_logpdf,
        exponential_logpdf,
        gamma_logpdf,
        weibull_logpdf,
        beta_logpdf,
        poisson_logpmf,
        negative_binomial_logpmf,
        binomial_logpmf,
        bernoulli_logpmf,
        bernoulli_logit,
        bernoulli_probit,
    )
}
"""Every density by its name in the body of a ``%%mle`` cell."""


def _link(y: Array, log_p: Array, log_q: Array, xp: Verbs) -> Array:
    """Weight the logs of a probability and its complement by the outcome."""
    inside, share = _share(y, xp)
    return _within(inside, share * log_p + (1 - share) * log_q, xp)


def _times_log(weight: Array, value: Array, xp: Verbs) -> Array:
    """Return ``weight * log(value)``, which is 0 where the weight is."""
    some = weight > 0
    return xp.where(some, weight * xp.log(xp.where(some, value, 1.0)), 0.0)


# The value is replaced before the logarithm is taken: `where` alone would let the derivative of
# the branch not taken through as nan.
def _positive_log(x: Array, xp: Verbs) -> tuple[Array, Array]:
    inside = x > 0
    return inside, xp.log(xp.where(inside, x, 1.0))


def _count(y: Array, xp: Verbs) -> tuple[Array, Array]:
    inside = y >= 0
    return inside, xp.where(inside, y, 0.0)


def _share(y: Array, xp: Verbs) -> tuple[Array, Array]:
    inside = (y >= 0) & (y <= 1)
    return inside, xp.where(inside, y, 0.0)


def _within(inside: Array, density: Array, xp: Verbs) -> Array:
    return xp.where(inside, density, -math.inf)
