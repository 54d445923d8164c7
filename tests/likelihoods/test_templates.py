"""The contract of the templates, for every member on every library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, gammaln, ndtr
from scipy.stats import nbinom, norm, poisson

import workbench as wb
from tests.likelihoods.templates import TEMPLATES
from workbench.backends import BACKENDS, backend_named
from workbench.kernels.likelihood.linear_predictor import LinearPredictorKernel
from workbench.likelihoods.base import Likelihood, Observed

TRUTH = np.array([0.3, 0.8, -0.5])
INFLATION = np.array([-0.4, 0.9])
CUTPOINTS = np.array([-1.0, 0.4, 1.5])
FURTHER = {"gaussian": [1.5], "negbin2": [0.7], "zip": INFLATION, "ordered_logit": CUTPOINTS}
"""What follows the first equation's coefficients, on the natural scale."""
ROWS = 40
# Central differences of a sum of 40 rows lose half the digits of float64.
DIFFERENCES = {"rtol": 2e-6, "atol": 2e-5}

every_template = pytest.mark.parametrize("name", TEMPLATES)


@dataclass
class Sample:
    """Columns with an intercept, and an outcome of a template at TRUTH and FURTHER."""

    name: str
    x: np.ndarray
    y: np.ndarray
    further: tuple[np.ndarray, ...] = ()
    levels: tuple[str, ...] = ()

    @property
    def designs(self):
        """The design of each equation; thresholds take the place of a constant."""
        first = self.x[:, 1:] if self.levels else self.x
        return (first, *self.further)

    @property
    def truth(self):
        """The natural parameters at which the outcome was drawn."""
        return np.array([*TRUTH[1 if self.levels else 0 :], *FURTHER.get(self.name, [])])

    @property
    def frame(self):
        """The outcome as y, and the regressors a and b; the inflation's is a as well."""
        return pd.DataFrame({"y": self.y, "a": self.x[:, 1], "b": self.x[:, 2]})

    def kernel(self, xp, offset=None, weights=None):
        """Return the sums over these rows."""
        template = TEMPLATES[self.name]()
        of_outcomes = type(template).outcome_term is not Likelihood.outcome_term
        return LinearPredictorKernel(
            template.contributions,
            xp,
            self.y,
            self.designs,
            offsets=(offset, *([None] * len(self.further))),
            weights=weights,
            blocks=template.blocks(self.y, self.levels),
            columns=template.derived(self.y, self.levels),
            outcome_term=template.outcome_term if of_outcomes else None,
        )


def simulated(name, n, seed):
    """Draw a design with an intercept and an outcome of the template at TRUTH and FURTHER."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    index = X @ TRUTH
    draws = {
        "gaussian": lambda: index + 1.5 * rng.normal(size=n),
        "logit": lambda: (rng.uniform(size=n) < expit(index)) * 1.0,
        "probit": lambda: (rng.uniform(size=n) < ndtr(index)) * 1.0,
        "poisson": lambda: rng.poisson(np.exp(index)) * 1.0,
        "negbin2": lambda: rng.poisson(np.exp(index) * rng.gamma(1 / 0.7, 0.7, n)) * 1.0,
        "zip": lambda: (
            rng.poisson(np.exp(index)) * (rng.uniform(size=n) > expit(X[:, :2] @ INFLATION)) * 1.0
        ),
        "ordered_logit": lambda: np.digitize(
            index - TRUTH[0] + rng.logistic(size=n), CUTPOINTS
        ).astype(np.float64),
    }
    further = (X[:, :2].copy(),) if name == "zip" else ()
    levels = ("0", "1", "2", "3") if name == "ordered_logit" else ()
    return Sample(name, X, draws[name](), further, levels)


def fitted(name, data, formula="y ~ a + b", **options):
    """Fit a template, with the inflation of a zero-inflated one by the column a."""
    own = {"inflation": "~ a"} if name == "zip" else {}
    return wb.fit(name, formula, data, **own, **options)


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
    return simulated(name, ROWS, 11).kernel(xp, *offset_and_weights())


@pytest.fixture
def theta(name):
    """A point that is not the maximum."""
    further = {"gaussian": [0.7], "negbin2": [-0.5], "zip": [-0.3, 0.2]}
    if name == "ordered_logit":
        return np.array([0.4, -0.2, -0.8, 0.1, -0.4])
    return np.array([0.1, 0.4, -0.2, *further.get(name, [])])


def difference(function, theta):
    """Return central differences, one row per value of the function."""
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
    _, weights = offset_and_weights()

    values, scores = kernel.scores(theta)
    totals = kernel.totals(theta, 1)

    assert weights @ values == pytest.approx(totals.value, rel=1e-12)
    np.testing.assert_allclose(scores.total(weights), totals.gradient, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(
        scores.rows(weights).sum(axis=0), totals.gradient, rtol=1e-10, atol=1e-12
    )


@every_template
def test_sums_of_scores_are_those_of_the_rows(name, kernel, theta):
    _, weights = offset_and_weights()
    groups = np.arange(ROWS) % 7
    change = np.random.default_rng(3).normal(size=(len(theta), len(theta)))

    _, scores = kernel.scores(theta)
    rows = scores.rows(None) @ change
    changed = scores.by(change)

    np.testing.assert_allclose(changed.outer(weights), rows.T @ (rows * weights[:, None]), 1e-9)
    sums = [(rows * weights[:, None])[groups == g].sum(axis=0) for g in range(7)]
    np.testing.assert_allclose(changed.grouped(weights, groups, 7), sums, rtol=1e-9, atol=1e-10)


@every_template
def test_each_row_is_the_log_density_of_scipy(name, xp):
    sample = simulated(name, ROWS, 11)
    template, y, index = TEMPLATES[name](), sample.y, sample.x @ TRUTH
    share = expit(sample.x[:, :2] @ INFLATION)
    bounds = np.array([-np.inf, *CUTPOINTS, np.inf])
    level = y.astype(int) if name == "ordered_logit" else 0
    densities = {
        "gaussian": lambda: norm.logpdf(y, index, 1.5),
        "logit": lambda: np.log(np.where(y == 1, expit(index), expit(-index))),
        "probit": lambda: np.log(np.where(y == 1, ndtr(index), ndtr(-index))),
        "poisson": lambda: poisson.logpmf(y, np.exp(index)),
        "negbin2": lambda: nbinom.logpmf(y, 1 / 0.7, 1 / (1 + 0.7 * np.exp(index))),
        "zip": lambda: np.log(share * (y == 0) + (1 - share) * poisson.pmf(y, np.exp(index))),
        "ordered_logit": lambda: np.log(
            expit(bounds[level + 1] - index + TRUTH[0]) - expit(bounds[level] - index + TRUTH[0])
        ),
    }
    kernel = sample.kernel(xp)

    unconstrained = kernel.scale.unconstrained(template.unconstrained(sample.truth))

    np.testing.assert_allclose(kernel.rows(unconstrained)[0], densities[name](), rtol=1e-11)


@every_template
def test_both_libraries_give_the_same_values(name, theta):
    sample = simulated(name, ROWS, 11)

    torch, jax = (sample.kernel(backend_named(b)).totals(theta, 2) for b in BACKENDS)

    assert torch.value == pytest.approx(jax.value, rel=1e-12)
    np.testing.assert_allclose(torch.gradient, jax.gradient, rtol=1e-8)
    np.testing.assert_allclose(torch.hessian, jax.hessian, rtol=1e-8, atol=1e-10)


@every_template
@pytest.mark.parametrize("library", BACKENDS)
def test_the_sums_of_a_device_are_those_of_the_host(name, library, theta):
    sample, vector = simulated(name, ROWS, 11), np.arange(1.0, len(theta) + 1)
    host, device = (sample.kernel(backend_named(library), *offset_and_weights()) for _ in range(2))
    as_on_a_device(device)

    expected, found = host.totals(theta, 2), device.totals(theta, 2)

    assert found.value == pytest.approx(expected.value, rel=1e-12)
    np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.hessian, expected.hessian, rtol=1e-9, atol=1e-12)
    product = device.hessian_vector(theta, vector)
    np.testing.assert_allclose(product, host.hessian_vector(theta, vector), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(device.rows(theta)[0], host.rows(theta)[0], rtol=1e-12)


def as_on_a_device(kernel):
    """Let the library multiply by the designs, as it does on a device."""
    with kernel.xp.scope():
        designs = tuple(kernel.xp.array(x) for x in kernel._designs)
    kernel._on_host, kernel._rows = False, kernel._rows._replace(designs=designs)


@every_template
def test_unconstrained_and_natural_parameters_are_inverse_maps(name, theta):
    template = TEMPLATES[name]()
    scale = simulated(name, ROWS, 11).kernel(backend_named("torch")).scale

    def natural(u):
        return template.natural(scale.natural(u))

    shown = natural(theta)

    np.testing.assert_allclose(
        scale.unconstrained(template.unconstrained(shown)), theta, rtol=1e-13
    )
    jacobian = template.natural_jacobian(scale.natural(theta)) @ scale.jacobian(theta)
    np.testing.assert_allclose(jacobian, difference(natural, theta), rtol=1e-7, atol=1e-8)


@every_template
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_null_model_is_the_fit_of_a_constant(name, shifted, weighted):
    sample = simulated(name, 200, 4)
    rng = np.random.default_rng(5)
    data = sample.frame.assign(w=rng.integers(1, 4, 200), o=rng.normal(0, 0.5, 200))
    options = {"weights": "w"} if weighted else {}
    options |= {"offset": "o"} if shifted else {}

    fit = wb.fit(name, "y ~ 1", data, backend="torch", **options)

    assert fit.loglik_null == pytest.approx(fit.loglik, rel=1e-11)


@every_template
@pytest.mark.parametrize("library", BACKENDS)
def test_the_order_of_rows_and_columns_does_not_matter(name, library):
    data = simulated(name, 120, 6).frame
    shuffled = data.sample(frac=1, random_state=0)

    fit = fitted(name, data, se="robust", backend=library)
    other = fitted(name, shuffled, "y ~ b + a", se="robust", backend=library)

    names = list(fit.params.index)
    np.testing.assert_allclose(other.params[names], fit.params, rtol=1e-9)
    np.testing.assert_allclose(other.se[names], fit.se, rtol=1e-8)
    assert other.loglik == pytest.approx(fit.loglik, rel=1e-13)


@every_template
def test_rows_twice_double_the_likelihood_and_are_a_weight_of_two(name):
    data = simulated(name, 120, 6).frame
    twice = pd.concat([data, data], ignore_index=True)

    one, two = (fitted(name, d) for d in (data, twice))
    weighted = fitted(name, data.assign(w=2), weights="w")

    np.testing.assert_allclose(two.params, one.params, rtol=1e-9)
    np.testing.assert_allclose(two.se, one.se / np.sqrt(2), rtol=1e-9)
    assert two.loglik == pytest.approx(2 * one.loglik, rel=1e-12)
    np.testing.assert_allclose(weighted.se, two.se, rtol=1e-9)


@every_template
def test_scaling_a_column_leaves_its_t_value(name):
    data = simulated(name, 120, 6).frame

    plain = fitted(name, data)
    for factor in (1e-10, 1e10):
        fit = fitted(name, data.assign(a=factor * data["a"]))
        np.testing.assert_allclose(fit.tvalues, plain.tvalues, rtol=1e-8)
        assert fit.params["a"] * factor == pytest.approx(plain.params["a"], rel=1e-8)


def test_scaling_the_outcome_scales_a_gaussian():
    data = simulated("gaussian", 120, 6).frame

    plain = wb.fit("gaussian", "y ~ a", data)
    fit = wb.fit("gaussian", "y ~ a", data.assign(y=1e6 * data["y"] + 1e9))

    np.testing.assert_allclose(fit.params[["a", "sigma"]] / 1e6, plain.params[["a", "sigma"]], 1e-8)
    assert fit.loglik == pytest.approx(plain.loglik - 120 * np.log(1e6), rel=1e-9)


@every_template
def test_simulated_parameters_are_covered_as_often_as_promised(name):
    covered = []

    for seed in range(60):
        sample = simulated(name, SIZES.get(name, 150), 100 + seed)
        limits = fitted(name, sample.frame, backend="torch").conf_int()
        covered.append(
            (limits["lower"] < in_order(name, sample, limits))
            & (in_order(name, sample, limits) < limits["upper"])
        )

    # Sixty draws of a 95 % interval: fewer than 50 hits of one parameter come once in 5,000 times.
    assert (np.sum(covered, axis=0) >= 50).all()
    assert np.mean(covered) > 0.9


# Mixtures and dispersions need more rows before their estimates are nearly normal.
SIZES = {"negbin2": 400, "zip": 600}


def in_order(name, sample, limits):
    """Return the truth by the names of the parameters."""
    names = {
        "zip": ["Intercept", "a", "b", "inflation:Intercept", "inflation:a"],
        "ordered_logit": ["a", "b", "0|1", "1|2", "2|3"],
        "negbin2": ["Intercept", "a", "b", "alpha"],
        "gaussian": ["Intercept", "a", "b", "sigma"],
    }
    found = names.get(name, ["Intercept", "a", "b"])
    return pd.Series(sample.truth, found)[limits.index]


@every_template
def test_start_values_are_finite_and_near(name):
    sample = simulated(name, 300, 9)
    template = TEMPLATES[name]()

    start = template.start(Observed(sample.y, sample.designs))

    shown = template.natural(np.concatenate([*start.coefficients, start.parameters]))
    np.testing.assert_allclose(shown, sample.truth, atol=1.0 if name == "zip" else 0.8)


def test_counts_that_are_not_integers_have_the_quasi_likelihood_of_poisson():
    drawn = simulated("poisson", 100, 6).frame
    data = drawn.assign(y=drawn["y"] + 0.5)

    fit = wb.fit("poisson", "y ~ a", data, se="robust")

    eta = np.column_stack([np.ones(100), data["a"]]) @ fit.params
    expected = np.sum(data["y"] * eta - np.exp(eta) - gammaln(data["y"] + 1))
    assert fit.converged
    assert fit.loglik == pytest.approx(expected, rel=1e-12)
