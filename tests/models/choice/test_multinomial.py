"""The multinomial logit against statsmodels, and its faults."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.datasets import anes96

import workbench as wb
from tests.models.choice.choices import gradient
from workbench.errors import DataError, OptionError
from workbench.kernels.choice.multinomial import MultinomialKernel

# Both sides solve the same equations in float64.
ESTIMATES, ERRORS = 1e-8, 1e-7
COLUMNS = ["logpopul", "selfLR", "age", "educ", "income"]
PARTY = "PID ~ " + " + ".join(COLUMNS)


@pytest.fixture(scope="module")
def voters():
    """The American National Election Study of 1996, as statsmodels has it."""
    return anes96.load_pandas().data


@pytest.fixture(scope="module")
def other(voters):
    """The estimates of statsmodels."""
    model = sm.MNLogit(voters["PID"], sm.add_constant(voters[COLUMNS]))
    return model.fit(method="newton", disp=0, tol=1e-14)


def test_estimates_are_those_of_statsmodels(voters, other):
    found = wb.fit("multinomial_logit", PARTY, voters)

    np.testing.assert_allclose(found.params, other.params.to_numpy().T.ravel(), rtol=ESTIMATES)
    np.testing.assert_allclose(found.se, other.bse.to_numpy().T.ravel(), rtol=ERRORS)
    assert found.loglik == pytest.approx(other.llf, rel=1e-12)
    assert found.loglik_null == pytest.approx(other.llnull, rel=1e-7)
    assert list(found.params.index[:3]) == ["1:Intercept", "1:logpopul", "1:selfLR"]


def test_robust_errors_are_the_sandwich_of_statsmodels_scores(voters, other):
    found = wb.fit("multinomial_logit", PARTY, voters, se="robust", ssc="none")
    scores = other.model.score_obs(other.params.to_numpy().T.ravel(order="C"))
    bread = np.linalg.inv(-other.model.hessian(other.params.to_numpy()))

    expected = np.sqrt(np.diag(bread @ (scores.T @ scores) @ bread))

    np.testing.assert_allclose(found.se, expected, rtol=1e-6)


def test_another_base_is_the_same_model(voters):
    first = wb.fit("multinomial_logit", PARTY, voters)
    third = wb.fit("multinomial_logit", PARTY, voters, base=3)

    assert ("Dependent variable", "PID (base 3)") in third.summary().facts
    assert third.loglik == pytest.approx(first.loglik, rel=1e-12)
    for name in ("Intercept", *COLUMNS):
        gap = first.params[f"5:{name}"] - first.params[f"3:{name}"]
        assert third.params[f"5:{name}"] == pytest.approx(gap, rel=1e-6, abs=1e-8)


def test_probabilities_are_those_of_statsmodels(voters, other):
    found = wb.fit("multinomial_logit", PARTY, voters)

    np.testing.assert_allclose(found.predict(), other.predict(), rtol=1e-7)
    np.testing.assert_allclose(found.predict(voters.head(3)), other.predict()[:3], rtol=1e-7)


def test_levels_of_text_name_the_parameters(voters):
    named = voters.assign(party=voters["PID"].map({0: "left", 6: "right"}).fillna("middle"))

    found = wb.fit("multinomial_logit", "party ~ age", named, base="middle")

    assert list(found.params.index) == [
        "left:Intercept",
        "left:age",
        "right:Intercept",
        "right:age",
    ]
    assert found.predict().columns.tolist() == ["middle", "left", "right"]


def test_derivatives_agree_with_finite_differences():
    rng = np.random.default_rng(3)
    x, level = rng.normal(0, 1, (40, 2)), rng.integers(0, 3, 40)
    kernel = MultinomialKernel(x, level, 3, rng.uniform(0.5, 2, 40))
    theta, vector = rng.normal(0, 0.5, 4), rng.normal(0, 1, 4)

    totals = kernel.totals(theta, 2)

    by_value = gradient(lambda u: kernel.totals(u).value, theta)
    by_score = gradient(lambda u: kernel.totals(u, 1).gradient, theta)
    np.testing.assert_allclose(totals.gradient, by_value, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(totals.hessian, by_score, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(kernel.hessian_vector(theta, vector), totals.hessian @ vector)


def test_a_level_with_one_row_is_noted(voters):
    rare = voters.assign(PID=np.where(np.arange(len(voters)) == 5, 9, voters["PID"]))

    found = wb.fit("multinomial_logit", "PID ~ age", rare)

    assert "The level 9 of PID has one row." in found.notes


def test_a_level_that_a_regressor_predicts_is_named(voters):
    tall = voters.assign(PID=np.where(voters["age"] > 60, 9, voters["PID"] % 2))

    found = wb.fit("multinomial_logit", "PID ~ age + educ", tall)

    assert found.outcome.name == "SEPARATED"
    assert "age" in found.evidence["regressors"]
    assert "the level 9 of PID" in found.evidence["sentence"]


def test_missing_rows_are_counted(voters):
    gaps = voters.assign(
        age=voters["age"].where(voters.index != 3), PID=voters["PID"].where(voters.index != 8)
    )

    found = wb.fit("multinomial_logit", "PID ~ age", gaps)

    assert found.nobs == len(voters) - 2
    assert found.dropped == {"missing PID": 1, "missing age": 1}


@pytest.mark.parametrize(
    ("formula", "options", "error", "said"),
    [
        ("PID ~ age", {"base": "x"}, OptionError, 'base "x" is not a level'),
        ("PID ~ age", {"base": [1]}, OptionError, "The base is a list"),
        ("PID ~ age", {"situation": "id"}, OptionError, 'no option "situation"'),
        ("one ~ age", {}, DataError, "has one level"),
        ("many ~ age", {}, DataError, "a multinomial logit has from 2 to 200"),
    ],
)
def test_faults_are_refused(voters, formula, options, error, said):
    frame = voters.assign(one=1, many=np.arange(len(voters)))

    with pytest.raises(error, match=said):
        wb.fit("multinomial_logit", formula, frame, **options)
