"""The contract of the templates, for every member on every library."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, gammaln, ndtr
from scipy.stats import norm, poisson

import workbench as wb
from workbench.backends import BACKENDS, backend_named
from workbench.kernels.likelihood.linear_predictor import LinearIndexKernel
from workbench.likelihoods import TEMPLATES

TRUTH = np.array([0.3, 0.8, -0.5])
ROWS = 40
# Central differences of a sum of 40 rows lose half the digits of float64.
DIFFERENCES = {"rtol": 2e-6, "atol": 2e-5}

every_template = pytest.mark.parametrize("name", TEMPLATES)


def simulated(name, n, seed):
    """Draw a design with an intercept and an outcome of the template at TRUTH, sigma 1.5."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    index = X @ TRUTH
    draws = {
        "gaussian": lambda: index + 1.5 * rng.normal(size=n),
        "logit": lambda: (rng.uniform(size=n) < expit(index)) * 1.0,
        "probit": lambda: (rng.uniform(size=n) < ndtr(index)) * 1.0,
        "poisson": lambda: rng.poisson(np.exp(index)) * 1.0,
    }
    return X, draws[name]()


def offset_and_weights():
    rng = np.random.default_rng(12)
    return rng.normal(0, 0.3, ROWS), rng.uniform(0.5, 2, ROWS)


@pytest.fixture(params=BACKENDS)
def xp(request):
    """Each library on the CPU in float64."""
    return backend_named(request.param)


@pytest.fixture
def kernel(name, xp):
    """The template over 40 simulated rows with an offset and weights."""
    X, y = simulated(name, ROWS, 11)
    offset, weights = offset_and_weights()
    template = TEMPLATES[name]()
    m = len(template.nuisance)
    return LinearIndexKernel(template.contributions, xp, y, X, offset, weights, m)


@pytest.fixture
def theta(name):
    """A point that is not the maximum."""
    return np.array([0.1, 0.4, -0.2, *([0.7] if TEMPLATES[name].nuisance else [])])


def difference(function, theta):
    """Return central differences, one row a value of the function."""
    steps = 1e-5 * np.eye(len(theta))
    return np.array([(function(theta + h) - function(theta - h)) / 2e-5 for h in steps]).T


@every_template
def test_the_gradient_and_the_hessian_are_those_of_differences(kernel, theta):
    totals = kernel.totals(theta, 2)

    gradient = difference(lambda t: kernel.totals(t, 0).value, theta)
    hessian = difference(lambda t: kernel.totals(t, 1).gradient, theta)
    np.testing.assert_allclose(totals.gradient, gradient, **DIFFERENCES)
    np.testing.assert_allclose(totals.hessian, hessian, **DIFFERENCES)
    np.testing.assert_array_equal(totals.hessian, totals.hessian.T)


@every_template
def test_a_product_with_the_hessian_is_that_of_the_matrix(kernel, theta):
    vector = np.arange(1.0, len(theta) + 1)

    product = kernel.hessian_vector(theta, vector)

    np.testing.assert_allclose(product, kernel.totals(theta, 2).hessian @ vector, rtol=1e-12)


@every_template
def test_contributions_add_up_to_the_total(name, kernel, theta):
    X, _ = simulated(name, ROWS, 11)
    _, weights = offset_and_weights()

    values, first = kernel.rows(theta)
    totals = kernel.totals(theta, 1)

    assert weights @ values == pytest.approx(totals.value, rel=1e-12)
    slopes = X.T @ (weights * first[0])
    others = [weights @ d for d in first[1:]]
    np.testing.assert_allclose(totals.gradient, [*slopes, *others], rtol=1e-10)


@every_template
def test_each_row_is_the_log_density_of_scipy(name, xp):
    X, y = simulated(name, ROWS, 11)
    template, index = TEMPLATES[name](), X @ TRUTH
    densities = {
        "gaussian": lambda: norm.logpdf(y, index, 1.5),
        "logit": lambda: np.log(np.where(y == 1, expit(index), expit(-index))),
        "probit": lambda: np.log(np.where(y == 1, ndtr(index), ndtr(-index))),
        "poisson": lambda: poisson.logpmf(y, np.exp(index)),
    }
    params = np.append(TRUTH, 1.5) if template.nuisance else TRUTH
    walked = template.walked(params)

    kernel = LinearIndexKernel(template.contributions, xp, y, X, nuisance=len(template.nuisance))

    np.testing.assert_allclose(kernel.rows(walked)[0], densities[name](), rtol=1e-11)


@every_template
def test_both_libraries_say_the_same(name, theta):
    X, y = simulated(name, ROWS, 11)
    template = TEMPLATES[name]()

    torch, jax = (
        LinearIndexKernel(
            template.contributions, backend_named(b), y, X, nuisance=len(template.nuisance)
        ).totals(theta, 2)
        for b in BACKENDS
    )

    assert torch.value == pytest.approx(jax.value, rel=1e-12)
    np.testing.assert_allclose(torch.gradient, jax.gradient, rtol=1e-8)
    np.testing.assert_allclose(torch.hessian, jax.hessian, rtol=1e-8, atol=1e-10)


@every_template
def test_the_way_between_walked_and_shown_parameters_goes_both_ways(name, theta):
    template = TEMPLATES[name]()

    shown = template.natural(theta)

    np.testing.assert_allclose(template.walked(shown), theta, rtol=1e-14)
    jacobian = difference(template.natural, theta)
    np.testing.assert_allclose(template.natural_jacobian(theta), jacobian, rtol=1e-7, atol=1e-8)


@every_template
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_null_model_is_the_fit_of_a_constant(name, shifted, weighted):
    _, y = simulated(name, 200, 4)
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"y": y, "w": rng.integers(1, 4, 200), "o": rng.normal(0, 0.5, 200)})
    options = {"weights": "w"} if weighted else {}
    options |= {"offset": "o"} if shifted else {}

    fit = wb.fit(name, "y ~ 1", data, backend="torch", **options)

    assert fit.loglik_null == pytest.approx(fit.loglik, rel=1e-11)


@every_template
@pytest.mark.parametrize("library", BACKENDS)
def test_the_order_of_rows_and_columns_does_not_matter(name, library):
    X, y = simulated(name, 120, 6)
    data = pd.DataFrame({"y": y, "a": X[:, 1], "b": X[:, 2]})
    shuffled = data.sample(frac=1, random_state=0)

    fit = wb.fit(name, "y ~ a + b", data, se="robust", backend=library)
    other = wb.fit(name, "y ~ b + a", shuffled, se="robust", backend=library)

    names = list(fit.params.index)
    np.testing.assert_allclose(other.params[names], fit.params, rtol=1e-9)
    np.testing.assert_allclose(other.se[names], fit.se, rtol=1e-8)
    assert other.loglik == pytest.approx(fit.loglik, rel=1e-13)


@every_template
def test_rows_twice_double_the_likelihood_and_are_a_weight_of_two(name):
    X, y = simulated(name, 120, 6)
    data = pd.DataFrame({"y": y, "a": X[:, 1], "b": X[:, 2]})
    twice = pd.concat([data, data], ignore_index=True)

    one, two = (wb.fit(name, "y ~ a + b", d) for d in (data, twice))
    weighted = wb.fit(name, "y ~ a + b", data.assign(w=2), weights="w")

    np.testing.assert_allclose(two.params, one.params, rtol=1e-9)
    np.testing.assert_allclose(two.se, one.se / np.sqrt(2), rtol=1e-9)
    assert two.loglik == pytest.approx(2 * one.loglik, rel=1e-12)
    np.testing.assert_allclose(weighted.se, two.se, rtol=1e-9)


@every_template
def test_scaling_a_column_leaves_its_t_value(name):
    X, y = simulated(name, 120, 6)
    data = pd.DataFrame({"y": y, "a": X[:, 1], "b": X[:, 2]})

    plain = wb.fit(name, "y ~ a + b", data)
    for factor in (1e-10, 1e10):
        fit = wb.fit(name, "y ~ a + b", data.assign(a=factor * data["a"]))
        np.testing.assert_allclose(fit.tvalues, plain.tvalues, rtol=1e-8)
        assert fit.params["a"] * factor == pytest.approx(plain.params["a"], rel=1e-8)


def test_scaling_the_outcome_scales_a_gaussian():
    X, y = simulated("gaussian", 120, 6)
    data = pd.DataFrame({"y": y, "a": X[:, 1]})

    plain = wb.fit("gaussian", "y ~ a", data)
    fit = wb.fit("gaussian", "y ~ a", data.assign(y=1e6 * y + 1e9))

    np.testing.assert_allclose(fit.params[["a", "sigma"]] / 1e6, plain.params[["a", "sigma"]], 1e-8)
    assert fit.loglik == pytest.approx(plain.loglik - 120 * np.log(1e6), rel=1e-9)


@every_template
def test_simulated_parameters_are_covered_as_often_as_promised(name):
    truth = np.append(TRUTH, 1.5) if TEMPLATES[name].nuisance else TRUTH
    covered = []

    for seed in range(60):
        X, y = simulated(name, 150, 100 + seed)
        data = pd.DataFrame({"y": y, "a": X[:, 1], "b": X[:, 2]})
        limits = wb.fit(name, "y ~ a + b", data, backend="torch").conf_int()
        covered.append((limits["lower"] < truth) & (truth < limits["upper"]))

    # Sixty draws of a 95 % interval: fewer than 50 hits of one parameter come once in 5,000 times.
    assert (np.sum(covered, axis=0) >= 50).all()
    assert np.mean(covered) > 0.9


@every_template
def test_start_values_are_finite_and_near(name):
    X, y = simulated(name, 300, 9)
    template = TEMPLATES[name]()

    start = template.start(y, X, None)

    shown = template.natural(np.append(start.coefficients, start.nuisance))
    truth = np.append(TRUTH, 1.5) if template.nuisance else TRUTH
    np.testing.assert_allclose(shown, truth, atol=0.8)


def test_counts_that_are_not_integers_have_the_quasi_likelihood_of_poisson():
    X, y = simulated("poisson", 100, 6)
    data = pd.DataFrame({"y": y + 0.5, "a": X[:, 1]})

    fit = wb.fit("poisson", "y ~ a", data, se="robust")

    eta = np.column_stack([np.ones(100), data["a"]]) @ fit.params
    expected = np.sum(data["y"] * eta - np.exp(eta) - gammaln(data["y"] + 1))
    assert fit.converged
    assert fit.loglik == pytest.approx(expected, rel=1e-12)
