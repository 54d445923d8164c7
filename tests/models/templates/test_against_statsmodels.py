"""Every template on both libraries against statsmodels 0.15, or against a closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import statsmodels.api as sm

import workbench as wb

# What the project promises: both sides solve the same equations in float64.
ESTIMATES = 1e-8
ERRORS = 1e-6

OUTCOMES = {
    "ols": "wage",
    "gaussian": "wage",
    "logit": "works",
    "probit": "works",
    "poisson": "visits",
}
KINDS = ("hessian", "opg", "robust", "cluster")
DISCRETE = {"logit": sm.Logit, "probit": sm.Probit, "poisson": sm.Poisson}
LINKS = {
    "logit": sm.families.Binomial(),
    "probit": sm.families.Binomial(sm.families.links.Probit()),
    "poisson": sm.families.Poisson(),
}

every_model = pytest.mark.parametrize("model", OUTCOMES)
every_kind = pytest.mark.parametrize("kind", KINDS)


@dataclass
class Reference:
    """Estimates of statsmodels, with the information and the scores of each row there."""

    result: object
    params: np.ndarray
    information: np.ndarray
    scores: np.ndarray
    loglik: float

    def errors(self, kind, groups=None, weights=None):
        """Return standard errors without any small-sample factor."""
        inverse = np.linalg.inv(self.information)
        scores = self.scores if weights is None else self.scores * weights[:, None]
        if kind == "cluster":
            scores = np.array([scores[groups == g].sum(axis=0) for g in np.unique(groups)])
        meat = scores.T @ scores
        if kind == "hessian":
            return np.sqrt(np.diag(inverse))
        found = np.linalg.inv(meat) if kind == "opg" else inverse @ meat @ inverse
        return np.sqrt(np.diag(found))


def formula(model):
    return f"{OUTCOMES[model]} ~ educ + exper"


def _clusters(kind):
    return {"cluster": "town"} if kind == "cluster" else {}


def design(data):
    return sm.add_constant(data[["educ", "exper"]].to_numpy())


def reference(model, data):
    """Estimate with statsmodels to the last digit."""
    y, X = data[OUTCOMES[model]].to_numpy(), design(data)
    if model in DISCRETE:
        built = DISCRETE[model](y, X)
        found = built.fit(method="newton", tol=1e-13, maxiter=100, disp=0)
        at = found.params
        return Reference(found, at, -built.hessian(at), built.score_obs(at), found.llf)
    found = sm.OLS(y, X).fit()
    if model == "ols":
        scores = X * (found.resid / found.scale)[:, None]
        return Reference(found, found.params, X.T @ X / found.scale, scores, found.llf)
    return gaussian_reference(found, X)


def gaussian_reference(found, X):
    """Add sigma to least squares: information and scores of the normal density by hand."""
    sigma = np.sqrt(found.ssr / found.nobs)
    e = found.resid
    k = X.shape[1]
    information = np.zeros((k + 1, k + 1))
    information[:k, :k] = X.T @ X / sigma**2
    information[k, k] = 2 * found.nobs / sigma**2
    scores = np.column_stack([X * (e / sigma**2)[:, None], e**2 / sigma**3 - 1 / sigma])
    return Reference(found, np.append(found.params, sigma), information, scores, found.llf)


@every_model
@every_kind
def test_estimates_and_errors_of_every_kind_are_those_of_statsmodels(model, kind, library, people):
    expected = reference(model, people)

    options = {"se": kind, **_clusters(kind), "ssc": "none", "backend": library}
    fit = wb.fit(model, formula(model), people, **options)

    assert fit.converged
    np.testing.assert_allclose(fit.params, expected.params, rtol=ESTIMATES)
    np.testing.assert_allclose(
        fit.se, expected.errors(kind, people["town"].to_numpy()), rtol=ERRORS
    )


def test_errors_of_least_squares_are_those_that_statsmodels_prints(people):
    groups = {"groups": people["town"]}
    ours = {kind: ("robust" if kind == "HC1" else kind) for kind in ("HC1", "cluster")}

    for theirs, kind in {"nonrobust": "hessian", **ours}.items():
        options = {"cov_kwds": groups} if kind == "cluster" else {}
        expected = sm.OLS(people["wage"], design(people)).fit(cov_type=theirs, **options)
        fit = wb.fit("ols", formula("ols"), people, se=kind, **_clusters(kind))
        np.testing.assert_allclose(fit.se, expected.bse, rtol=ERRORS)


@pytest.mark.parametrize("model", DISCRETE)
def test_printed_errors_of_likelihoods_follow_statsmodels_by_its_convention(model, library, people):
    y, X = people[OUTCOMES[model]].to_numpy(), design(people)
    tight = {"method": "newton", "tol": 1e-13, "maxiter": 100, "disp": 0}
    clustered = {"cov_type": "cluster", "cov_kwds": {"groups": people["town"].to_numpy()}}

    for kind, theirs in {"robust": {"cov_type": "HC0"}, "cluster": clustered}.items():
        expected = DISCRETE[model](y, X).fit(**tight, **theirs)
        options = {"se": kind, **_clusters(kind), "ssc": "statsmodels", "backend": library}
        fit = wb.fit(model, formula(model), people, **options)
        np.testing.assert_allclose(fit.se, expected.bse, rtol=ERRORS)


def test_the_default_factors_are_one_for_robust_and_by_groups_for_clusters(people):
    fit = wb.fit("logit", formula("logit"), people, se="cluster", cluster="town")
    expected = reference("logit", people)
    towns = people["town"].to_numpy()

    np.testing.assert_allclose(
        fit.se, expected.errors("cluster", towns) * np.sqrt(20 / 19), rtol=ERRORS
    )
    np.testing.assert_allclose(
        fit.standard_errors("robust"), expected.errors("robust"), rtol=ERRORS
    )
    assert fit.ssc_label == "g/(g−1)"
    assert fit.se_label == "cluster town"


@every_model
def test_figures_of_the_fit_are_those_of_statsmodels(model, library, people):
    expected = reference(model, people)
    fit = wb.fit(model, formula(model), people, backend=library)
    k = len(expected.params)
    null = {**dict.fromkeys(DISCRETE, "llnull")}.get(model)
    flat = sm.OLS(people["wage"], np.ones(len(people))).fit().llf

    assert fit.loglik == pytest.approx(expected.loglik, rel=1e-12)
    assert fit.loglik_null == pytest.approx(
        getattr(expected.result, null) if null else flat, rel=1e-9
    )
    assert fit.aic == pytest.approx(2 * k - 2 * expected.loglik, rel=1e-12)
    assert fit.bic == pytest.approx(k * np.log(300) - 2 * expected.loglik, rel=1e-12)
    assert fit.nobs == 300
    if model != "gaussian":
        assert fit.aic == pytest.approx(expected.result.aic, rel=1e-12)
        assert fit.bic == pytest.approx(expected.result.bic, rel=1e-12)
    if null:
        assert fit.pseudo_r2 == pytest.approx(expected.result.prsquared, rel=1e-9)


@every_model
def test_predictions_and_residuals_are_those_of_statsmodels(model, people):
    expected = reference(model, people).result
    others = people.tail(40).assign(educ=lambda d: d["educ"] + 1)
    fit = wb.fit(model, formula(model), people)

    np.testing.assert_allclose(fit.predict(others), expected.predict(design(others)), rtol=1e-8)
    np.testing.assert_allclose(fit.predict(), expected.predict(design(people)), rtol=1e-8)
    np.testing.assert_allclose(
        fit.residuals, people[OUTCOMES[model]] - expected.predict(design(people)), atol=1e-8
    )


@pytest.mark.parametrize("model", ["ols", *DISCRETE])
def test_confidence_limits_t_values_and_p_values_are_those_of_statsmodels(model, people):
    expected = reference(model, people).result

    fit = wb.fit(model, formula(model), people)

    np.testing.assert_allclose(fit.conf_int(0.9), expected.conf_int(0.1), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(fit.tvalues, expected.tvalues, rtol=ERRORS)
    np.testing.assert_allclose(fit.pvalues, expected.pvalues, rtol=1e-5, atol=1e-300)


@pytest.mark.parametrize("model", ["ols", *DISCRETE])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("educ = exper", "x1 = x2"),
        ("educ = 0.1, exper = 0", "x1 = 0.1, x2 = 0"),
        ("educ + 2*exper = 0.3", "x1 + 2*x2 = 0.3"),
    ],
)
def test_wald_tests_are_those_of_statsmodels(model, ours, theirs, people):
    found = reference(model, people).result
    f_test = model == "ols"
    expected = found.wald_test(theirs, use_f=f_test, scalar=True)

    test = wb.fit(model, formula(model), people).test(ours)

    assert test.statistic == pytest.approx(expected.statistic, rel=ERRORS)
    assert test.pvalue == pytest.approx(expected.pvalue, rel=1e-5)
    assert test.df == (expected.df_num if f_test else expected.df_denom)


@every_model
@every_kind
def test_frequency_weights_are_repeated_rows(model, kind, library, people):
    repeated = people.loc[people.index.repeat(people["copies"])].reset_index(drop=True)
    common = {"se": kind, **_clusters(kind), "backend": library}

    weighted = wb.fit(model, formula(model), people, weights="copies", **common)
    plain = wb.fit(model, formula(model), repeated, **common)

    np.testing.assert_allclose(weighted.params, plain.params, rtol=ESTIMATES)
    np.testing.assert_allclose(weighted.se, plain.se, rtol=ERRORS)
    for figure in ("nobs", "loglik", "loglik_null", "aic", "bic"):
        assert getattr(weighted, figure) == pytest.approx(getattr(plain, figure), rel=1e-10)


@pytest.mark.parametrize("model", LINKS)
def test_an_offset_enters_with_coefficient_one(model, library, people):
    y, X = people[OUTCOMES[model]].to_numpy(), design(people)
    glm = sm.GLM(y, X, family=LINKS[model], offset=people["shift"].to_numpy())
    expected = glm.fit(tol=1e-14, maxiter=100)

    fit = wb.fit(model, formula(model), people, offset="shift", backend=library)

    np.testing.assert_allclose(fit.params, expected.params, rtol=ESTIMATES)
    assert fit.loglik == pytest.approx(expected.llf, rel=1e-10)
    assert fit.loglik_null == pytest.approx(expected.llnull, rel=1e-8)
    np.testing.assert_allclose(fit.predict(people), expected.fittedvalues, rtol=1e-7)
    np.testing.assert_allclose(fit.residuals, y - expected.fittedvalues, atol=1e-7)


def test_an_offset_of_poisson_is_the_log_of_an_exposure(library, people):
    y, X = people["visits"].to_numpy(), design(people)
    built = sm.Poisson(y, X, exposure=np.exp(people["shift"].to_numpy()))
    expected = built.fit(tol=1e-13, disp=0)

    fit = wb.fit("poisson", formula("poisson"), people, offset="shift", backend=library)

    np.testing.assert_allclose(fit.params, expected.params, rtol=ESTIMATES)
    np.testing.assert_allclose(fit.se, expected.bse, rtol=ERRORS)


@pytest.mark.parametrize("model", ["ols", "gaussian"])
def test_an_offset_of_a_linear_model_is_taken_off_the_outcome(model, library, people):
    expected = reference(model, people.assign(wage=people["wage"] - people["shift"]))

    fit = wb.fit(model, formula(model), people, offset="shift", backend=library)

    np.testing.assert_allclose(fit.params, expected.params, rtol=ESTIMATES)
    np.testing.assert_allclose(fit.se, expected.errors("hessian"), rtol=ERRORS)
    assert fit.loglik == pytest.approx(expected.loglik, rel=1e-10)


@every_model
@pytest.mark.parametrize("kind", ["robust", "cluster"])
def test_probability_weights_give_the_weighted_sandwich(model, kind, library, people):
    w = people["chance"].to_numpy() / people["chance"].mean()
    expected = weighted_reference(model, people, w)

    options = {"weights": "chance", "weight_kind": "probability", "ssc": "none"}
    common = {"se": kind, **_clusters(kind), "backend": library}
    fit = wb.fit(model, formula(model), people, **options, **common)

    np.testing.assert_allclose(fit.params, expected.params, rtol=ESTIMATES)
    errors = expected.errors(kind, people["town"].to_numpy(), weights=w)
    np.testing.assert_allclose(fit.se, errors, rtol=ERRORS)
    assert fit.nobs == 300


def weighted_reference(model, data, w):
    """Estimate with statsmodels' weighted models; information and scores by hand."""
    y, X = data[OUTCOMES[model]].to_numpy(), design(data)
    if model in DISCRETE:
        glm = sm.GLM(y, X, family=LINKS[model], freq_weights=w)
        at = glm.fit(tol=1e-14, maxiter=100).params
        plain = DISCRETE[model](y, X)
        return Reference(None, at, -glm.hessian(at, observed=True), plain.score_obs(at), np.nan)
    found = sm.WLS(y, X, weights=w).fit()
    e = y - X @ found.params
    variance = w @ e**2 / (len(y) - (3 if model == "ols" else 0))
    scores, information = X * (e / variance)[:, None], (X * w[:, None]).T @ X / variance
    if model == "ols":
        return Reference(None, found.params, information, scores, np.nan)
    whole = np.zeros((4, 4))
    whole[:3, :3], whole[3, 3] = information, 2 * len(y) / variance
    sigma = np.sqrt(variance)
    scores = np.column_stack([scores, e**2 / sigma**3 - 1 / sigma])
    return Reference(None, np.append(found.params, sigma), whole, scores, np.nan)


def test_probability_weights_force_the_sandwich_and_say_so(people):
    common = {"weights": "chance", "weight_kind": "probability"}

    fit = wb.fit("logit", formula("logit"), people, se="hessian", **common)

    assert fit.se_label == "robust"
    np.testing.assert_array_equal(fit.se, fit.standard_errors("robust"))


def test_analytic_weights_are_weighted_least_squares(people):
    expected = sm.WLS(people["wage"], design(people), weights=people["chance"])
    common = {"weights": "chance", "weight_kind": "analytic"}

    for kind, theirs in {"hessian": "nonrobust", "robust": "HC1"}.items():
        fit = wb.fit("ols", formula("ols"), people, se=kind, **common)
        np.testing.assert_allclose(fit.params, expected.fit().params, rtol=ESTIMATES)
        np.testing.assert_allclose(fit.se, expected.fit(cov_type=theirs).bse, rtol=ERRORS)


@every_model
def test_the_size_of_probability_weights_does_not_matter(model, people):
    common = {"weight_kind": "probability", "weights": "chance"}
    larger = people.assign(chance=people["chance"] * 1e4)

    one, other = (wb.fit(model, formula(model), d, **common) for d in (people, larger))

    np.testing.assert_allclose(other.params, one.params, rtol=ESTIMATES)
    np.testing.assert_allclose(other.se, one.se, rtol=ERRORS)
    assert other.loglik == pytest.approx(one.loglik, rel=1e-10)
