"""What the contract of a likelihood offers beyond today's members, by templates of the tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import gammaln

import workbench as wb
from tests.likelihoods.toys import MODULE
from workbench.backends import BACKENDS
from workbench.errors import WorkbenchError
from workbench.kernels.likelihood.parameters import ATANH, IDENTITY, LOG, ORDERED, SIMPLEX
from workbench.models import registry

POINTS = {
    "any number": (IDENTITY, [-1.0, 0.3, 2.0]),
    "positive": (LOG, [-1.0, 0.3, 2.0]),
    "correlation": (ATANH, [-1.0, 0.3, 2.0]),
    "increasing": (ORDERED, [-1.0, 0.3, -2.0]),
    "shares": (SIMPLEX, [-1.0, 0.3, 2.0]),
    "one share": (SIMPLEX, [0.4]),
    "one cutpoint": (ORDERED, [0.4]),
}
OUTSIDE = {
    "positive": [1.0, -1.0, 2.0],
    "correlation": [0.1, 1.0, 0.2],
    "increasing": [1.0, 1.0, 2.0],
    "shares": [0.5, 0.4, 0.2],
}

every_library = pytest.mark.parametrize("library", BACKENDS)


def differences(function, at):
    """Return central differences, one column per coordinate."""
    steps = 1e-5 * np.eye(len(at))
    return np.array([(function(at + h) - function(at - h)) / 2e-5 for h in steps]).T


@pytest.mark.parametrize("kind", POINTS)
def test_a_scale_goes_both_ways_and_has_the_derivatives_of_differences(kind):
    transform, u = POINTS[kind][0], np.array(POINTS[kind][1])
    gradient = np.arange(1.0, len(u) + 1)

    v = transform.natural(u)

    np.testing.assert_allclose(transform.unconstrained(v), u, rtol=1e-12)
    np.testing.assert_allclose(transform.jacobian(u), differences(transform.natural, u), 1e-8, 1e-9)
    second = differences(lambda t: transform.jacobian(t).T @ gradient, u)
    np.testing.assert_allclose(transform.second(u, gradient), second, rtol=1e-7, atol=1e-9)


def test_scales_keep_parameters_in_their_range():
    u = np.array([-40.0, 3.0, 5.0])

    assert (np.diff(ORDERED.natural(u)) > 0).all()
    assert (LOG.natural(u) > 0).all()
    assert (np.abs(ATANH.natural(u)) <= 1).all()
    shares = SIMPLEX.natural(np.array([800.0, 3.0]))
    assert shares.sum() <= 1
    assert np.isfinite(shares).all()


@pytest.mark.parametrize("kind", OUTSIDE)
def test_a_parameter_out_of_range_has_no_finite_unconstrained_value(kind):
    found = POINTS[kind][0].unconstrained(np.array(OUTSIDE[kind]))

    assert not np.isfinite(found).all()


@pytest.fixture
def toys(monkeypatch):
    """Add the templates of the tests to the registry, one line each."""
    lines = {
        "binomial": f"{MODULE}:Binomial",
        "conditional_poisson": f"{MODULE}:ConditionalPoisson",
    }
    for name, line in lines.items():
        monkeypatch.setitem(registry.MODELS, name, line)


@pytest.fixture(scope="module")
def shops():
    """Return 400 shops in 80 towns: successes among trials, and visits, drawn with seed 2."""
    rng = np.random.default_rng(2)
    n = 400
    x, trials = rng.normal(size=n), rng.integers(1, 9, n)
    town = rng.permutation(np.repeat(np.arange(80), 5))
    return pd.DataFrame(
        {
            "x": x,
            "asked": trials,
            "bought": rng.binomial(trials, 1 / (1 + np.exp(0.4 - 0.8 * x))),
            "town": town,
            "region": town % 20,
            "visits": rng.poisson(np.exp(0.5 * x + rng.normal(0, 0.5, 80)[town])),
        }
    )


@every_library
@pytest.mark.parametrize("kind", ["hessian", "opg", "robust", "cluster"])
def test_a_further_column_is_read_by_its_role(toys, shops, library, kind):
    cluster = {"cluster": "region"} if kind == "cluster" else {}
    errors = {"se": kind, "ssc": "none", **cluster}

    fit = wb.fit("binomial", "bought ~ x", shops, trials="asked", backend=library, **errors)

    shares = np.column_stack([shops["bought"], shops["asked"] - shops["bought"]])
    design = sm.add_constant(shops[["x"]])
    expected = sm.GLM(shares, design, family=sm.families.Binomial()).fit(tol=1e-13)
    np.testing.assert_allclose(fit.params[["Intercept", "x"]], expected.params, rtol=1e-9)
    assert fit.loglik == pytest.approx(expected.llf, rel=1e-12)
    if kind == "hessian":
        np.testing.assert_allclose(fit.se[["Intercept", "x"]], expected.bse, rtol=1e-8)
    assert fit.loglik_null == pytest.approx(expected.llnull, rel=1e-10)


def test_a_row_that_misses_a_further_column_is_left_out(toys, shops):
    holes = shops.assign(asked=shops["asked"].where(shops.index % 8 > 0))

    fit = wb.fit("binomial", "bought ~ x", holes, trials="asked")

    assert fit.nobs == 350
    assert fit.dropped == {"missing asked": 50}


def test_a_further_column_that_is_needed_is_required(toys, shops):
    with pytest.raises(WorkbenchError) as refused:
        wb.fit("binomial", "bought ~ x", shops)

    assert refused.value.where == "trials"


@every_library
@pytest.mark.parametrize("cluster", ["town", "region"])
def test_a_likelihood_of_groups_has_one_contribution_for_each(toys, shops, library, cluster):
    options = {"group": "town", "backend": library}

    fit = wb.fit("conditional_poisson", "visits ~ 0 + x", shops, **options)
    grouped = wb.fit(
        "conditional_poisson", "visits ~ 0 + x", shops, cluster=cluster, ssc="none", **options
    )

    # Given the sums by group, the slopes are those of Poisson with an effect for each group.
    effects = wb.fit("fepois", "visits ~ x | town", shops)
    assert fit.params["x"] == pytest.approx(effects.params["x"], rel=1e-8)
    b = fit.params["x"]
    raised = np.exp(b * shops["x"])
    share = raised / raised.groupby(shops["town"]).transform("sum")
    sums = shops["visits"].groupby(shops["town"]).sum()
    loglik = (
        gammaln(sums + 1).sum()
        + (shops["visits"] * np.log(share) - gammaln(shops["visits"] + 1)).sum()
    )
    assert fit.loglik == pytest.approx(loglik, rel=1e-12)
    mean = (share * shops["x"]).groupby(shops["town"]).sum()
    scores = (
        (shops["visits"] * (shops["x"] - shops["town"].map(mean))).groupby(shops[cluster]).sum()
    )
    information = 1 / fit.se["x"] ** 2
    assert grouped.se["x"] == pytest.approx(np.sqrt((scores**2).sum()) / information, rel=1e-8)


def test_the_order_of_the_rows_of_groups_does_not_matter(toys, shops):
    shuffled = shops.sample(frac=1, random_state=1)

    fit, other = (
        wb.fit("conditional_poisson", "visits ~ 0 + x", data, group="town", se="robust")
        for data in (shops, shuffled)
    )

    np.testing.assert_allclose(other.params, fit.params, rtol=1e-9)
    np.testing.assert_allclose(other.se, fit.se, rtol=1e-8)


@pytest.mark.parametrize(
    ("options", "code"),
    [({"weights": "asked"}, "no-weights"), ({"cluster": "split"}, "clusters-split-groups")],
)
def test_weights_of_rows_and_clusters_within_groups_are_refused(toys, shops, options, code):
    data = shops.assign(split=np.arange(len(shops)) % 30)

    with pytest.raises(WorkbenchError) as refused:
        wb.fit("conditional_poisson", "visits ~ 0 + x", data, group="town", **options)

    assert refused.value.code == code
