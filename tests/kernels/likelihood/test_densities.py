"""The log densities against scipy's, and their derivatives against finite differences."""

import numpy as np
import pytest
from scipy import stats

from workbench.backends import backend_named
from workbench.kernels.likelihood import densities
from workbench.kernels.likelihood.densities import DENSITIES

# Both libraries and scipy evaluate lgamma and log1p to a few units in the last place.
AGREEMENT = 1e-12
# Central differences with step 1e-6 lose about ten of sixteen digits.
DIFFERENCE = 1e-7

REALS = np.array([-3.1, -0.4, 0.0, 1.3, 8.0])
POSITIVES = np.array([0.02, 0.7, 1.0, 2.5, 11.0])
SHARES = np.array([0.01, 0.3, 0.5, 0.8, 0.999])
COUNTS = np.array([0.0, 1.0, 2.0, 7.0, 40.0])
BINARY = np.array([0.0, 1.0, 1.0, 0.0, 1.0])


def nb2(y, mean, alpha):
    return stats.nbinom.logpmf(y, 1 / alpha, 1 / (1 + alpha * mean))


CASES = {
    "normal_logpdf": (REALS, (0.5, 1.7), stats.norm.logpdf),
    "student_t_logpdf": (REALS, (0.5, 1.7, 4.2), lambda x, m, s, df: stats.t.logpdf(x, df, m, s)),
    "logistic_logpdf": (REALS, (0.5, 1.7), stats.logistic.logpdf),
    "laplace_logpdf": (REALS, (0.5, 1.7), stats.laplace.logpdf),
    "uniform_logpdf": (REALS, (-1.0, 2.5), lambda x, a, b: stats.uniform.logpdf(x, a, b - a)),
    "lognormal_logpdf": (
        POSITIVES,
        (0.5, 1.7),
        lambda x, m, s: stats.lognorm.logpdf(x, s, scale=np.exp(m)),
    ),
    "exponential_logpdf": (POSITIVES, (1.7,), lambda x, s: stats.expon.logpdf(x, scale=s)),
    "gamma_logpdf": (POSITIVES, (2.2, 1.7), lambda x, k, s: stats.gamma.logpdf(x, k, scale=s)),
    "weibull_logpdf": (
        POSITIVES,
        (0.8, 1.7),
        lambda x, k, s: stats.weibull_min.logpdf(x, k, scale=s),
    ),
    "beta_logpdf": (SHARES, (2.2, 0.7), stats.beta.logpdf),
    "poisson_logpmf": (COUNTS, (3.4,), stats.poisson.logpmf),
    "negative_binomial_logpmf": (COUNTS, (3.4, 0.6), nb2),
    "binomial_logpmf": (COUNTS, (50.0, 0.3), stats.binom.logpmf),
    "bernoulli_logpmf": (BINARY, (0.3,), stats.bernoulli.logpmf),
    "bernoulli_logit": (
        BINARY,
        (0.8,),
        lambda y, z: stats.bernoulli.logpmf(y, 1 / (1 + np.exp(-z))),
    ),
    "bernoulli_probit": (
        BINARY,
        (0.8,),
        lambda y, z: stats.bernoulli.logpmf(y, stats.norm.cdf(z)),
    ),
}
"""Points, parameters and scipy's function for each density."""

OUTSIDE = {
    "uniform_logpdf": (3.0, (-1.0, 2.5)),
    "lognormal_logpdf": (-1.0, (0.5, 1.7)),
    "exponential_logpdf": (-1.0, (1.7,)),
    "gamma_logpdf": (0.0, (2.2, 1.7)),
    "weibull_logpdf": (-1.0, (0.8, 1.7)),
    "beta_logpdf": (1.0, (2.2, 0.7)),
    "poisson_logpmf": (-1.0, (3.4,)),
    "negative_binomial_logpmf": (-1.0, (3.4, 0.6)),
    "binomial_logpmf": (51.0, (50.0, 0.3)),
    "bernoulli_logpmf": (2.0, (0.3,)),
    "bernoulli_logit": (2.0, (0.8,)),
    "bernoulli_probit": (-1.0, (0.8,)),
}
"""A value outside the support of each density that has one, and parameters."""


@pytest.fixture(params=["torch", "jax"])
def xp(request):
    """Give each library in float64, inside its scope."""
    backend = backend_named(request.param)
    with backend.scope():
        yield backend


def value(name, xp, x, parameters):
    arrays = [xp.array(np.asarray(p, dtype=float)) for p in parameters]
    return xp.numpy(DENSITIES[name](xp.array(np.asarray(x, dtype=float)), *arrays, xp=xp))


def gradient(name, xp, x, parameters):
    """Differentiate the sum over ``x`` with respect to the parameters."""
    x = xp.array(np.atleast_1d(np.asarray(x, dtype=float)))

    def total(theta):
        density = DENSITIES[name](x, *(theta[i] for i in range(len(parameters))), xp=xp)
        return xp.sum(density)

    return xp.numpy(xp.gradient(total, xp.array(np.array(parameters)))[1])


def test_every_density_is_tested():
    assert set(CASES) == set(DENSITIES)


@pytest.mark.parametrize("name", CASES)
def test_values_equal_those_of_scipy(name, xp):
    x, parameters, reference = CASES[name]

    ours = value(name, xp, x, parameters)

    np.testing.assert_allclose(ours, reference(x, *parameters), rtol=AGREEMENT, atol=AGREEMENT)


@pytest.mark.parametrize("name", sorted(set(CASES) - {"uniform_logpdf"}))
def test_derivatives_agree_with_differences_of_scipy(name, xp):
    x, parameters, reference = CASES[name]
    free = [0, 1, 2][: len(parameters)] if name != "binomial_logpmf" else [1]
    step = 1e-6

    ours = gradient(name, xp, x, parameters)

    for i in free:
        up, down = list(parameters), list(parameters)
        up[i] += step
        down[i] -= step
        slope = (reference(x, *up).sum() - reference(x, *down).sum()) / (2 * step)
        assert ours[i] == pytest.approx(slope, rel=DIFFERENCE, abs=DIFFERENCE)


@pytest.mark.parametrize("name", OUTSIDE)
def test_outside_the_support_the_value_is_minus_infinity_and_the_slope_zero(name, xp):
    x, parameters = OUTSIDE[name]

    assert value(name, xp, x, parameters) == -np.inf
    np.testing.assert_array_equal(gradient(name, xp, x, parameters), 0.0)


def test_a_mean_of_zero_gives_mass_one_to_a_count_of_zero(xp):
    assert value("poisson_logpmf", xp, 0.0, (0.0,)) == 0.0


@pytest.mark.parametrize("name", ["bernoulli_logit", "bernoulli_probit"])
def test_a_far_index_neither_overflows_nor_loses_its_slope(name, xp):
    far = -30.0
    expected = {
        "bernoulli_logit": stats.logistic.logcdf(far),
        "bernoulli_probit": stats.norm.logcdf(far),
    }

    assert value(name, xp, 1.0, (far,)) == pytest.approx(expected[name], rel=AGREEMENT)
    assert np.isfinite(gradient(name, xp, 1.0, (far,))).all()


def test_a_non_integer_count_is_allowed_for_quasi_likelihood(xp):
    x, mean = 1.5, 2.0

    ours = value("poisson_logpmf", xp, x, (mean,))

    assert ours == pytest.approx(x * np.log(mean) - mean - np.log(1.329340388179137), rel=AGREEMENT)


def test_parameters_broadcast_over_rows(xp):
    means = np.linspace(-1, 1, REALS.size)

    ours = value("normal_logpdf", xp, REALS, (means, 2.0))

    np.testing.assert_allclose(ours, stats.norm.logpdf(REALS, means, 2.0), rtol=AGREEMENT)


def test_the_module_names_only_what_it_lists():
    public = {name for name in vars(densities) if name.endswith(("_logpdf", "_logpmf"))}

    assert public <= set(DENSITIES)
