"""Count models and ordered logits against packages of R; the folder ``r`` has their answers."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

import workbench as wb
from tests.models.templates.r.make_data import LEVELS, drawn
from workbench.backends import BACKENDS

FOLDER = Path(__file__).with_name("r")
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
CASES = EXPECTED["cases"]
OUTCOMES = {"negbin2": "visits", "zip": "trips"}
# R's answers are where its own log-likelihood has a slope of 1e-7 or less; its Hessian is that
# of Richardson's differences, good to about 1e-8.
ESTIMATES, ERRORS, LOGLIK = 1e-7, 1e-6, 1e-10
# pscl ends BFGS, and polr its own, where the log-likelihood changes no more: half the digits.
FROM_VALUES = 2e-5


def called(case):
    more = [case.get(name, "") for name in ("inflation", "offset", "weights")]
    return " ".join([case["model"], case["right"], *more]).strip()


every_case = pytest.mark.parametrize("case", CASES, ids=called)


@cache
def data():
    frame = pd.read_csv(FOLDER / "data.csv")
    return frame.assign(rating=pd.Categorical(frame["rating"], LEVELS, ordered=True))


def fitted(case, **options):
    outcome = case.get("outcome") or OUTCOMES[case["model"]]
    own = {"inflation": f"~ {case['inflation']}"} if "inflation" in case else {}
    roles = {name: case[name] for name in ("offset", "weights") if name in case}
    return wb.fit(case["model"], f"{outcome} ~ {case['right']}", data(), **own, **roles, **options)


def test_the_data_are_those_that_are_drawn():
    pd.testing.assert_frame_equal(pd.read_csv(FOLDER / "data.csv"), drawn(), check_dtype=False)


@every_case
@pytest.mark.parametrize("library", BACKENDS)
def test_estimates_and_errors_are_those_of_r(case, library):
    fit = fitted(case, backend=library)

    names = list(case["params"])
    assert fit.converged
    assert set(fit.params.index) == set(names)
    np.testing.assert_allclose(fit.params[names], list(case["params"].values()), atol=ESTIMATES)
    np.testing.assert_allclose(fit.se[names], list(case["errors"].values()), rtol=ERRORS)
    assert fit.loglik == pytest.approx(case["loglik"], rel=LOGLIK)


@every_case
def test_packages_of_r_end_where_the_estimates_are(case):
    found, package = fitted(case).params, case["package"]

    names = list(package["params"])
    np.testing.assert_allclose(found[names], list(package["params"].values()), atol=FROM_VALUES)
    assert package["loglik"] == pytest.approx(case["loglik"], abs=1e-7)
    if "theta" in package:
        assert 1 / found["alpha"] == pytest.approx(package["theta"], rel=FROM_VALUES)


@pytest.mark.parametrize("case", [c for c in CASES if "first" in c["package"]], ids=called)
def test_polr_stops_early_and_the_fit_does_not(case):
    assert case["package"]["first"] < fitted(case).loglik


def test_fisher_scoring_of_vgam_ends_where_the_estimates_are():
    found = EXPECTED["vgam"]
    negbin2 = wb.fit("negbin2", "visits ~ x1 + x2", data())
    zero_inflated = wb.fit("zip", "trips ~ x1 + x2", data())

    count = found["negbinomial"]["params"]
    expected = [count["(Intercept):1"], count["x1"], count["x2"]]
    np.testing.assert_allclose(negbin2.params[["Intercept", "x1", "x2"]], expected, atol=1e-7)
    assert negbin2.params["alpha"] == pytest.approx(np.exp(-count["(Intercept):2"]), rel=1e-6)
    mixed = found["zipoisson"]["params"]
    names = ["inflation:Intercept", "Intercept", "x1", "x2"]
    expected = [mixed[name] for name in ("(Intercept):1", "(Intercept):2", "x1", "x2")]
    np.testing.assert_allclose(zero_inflated.params[names], expected, atol=1e-6)
    assert zero_inflated.loglik == pytest.approx(found["zipoisson"]["loglik"], rel=1e-10)


@pytest.mark.parametrize("case", [c for c in CASES if "fitted" in c], ids=called)
def test_probabilities_of_the_levels_observed_are_those_of_clm(case):
    fit = fitted(case)

    chances = fit.predict()

    assert list(chances.columns) == (
        [str(level) for level in (1, 2, 3, 4, 5)] if case["outcome"] == "grade" else list(LEVELS)
    )
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-14)
    codes = data()["grade"].to_numpy() - 1
    seen = chances.to_numpy()[np.arange(len(codes)), codes][:20]
    np.testing.assert_allclose(seen, case["fitted"], rtol=1e-7)
    np.testing.assert_allclose(fit.predict(data()), chances, rtol=1e-12)


def test_the_test_of_parallel_lines_is_that_of_binary_logits_of_glm():
    found = wb.fit("ordered_logit", "grade ~ x1 + x2", data()).parallel_lines()

    expected = EXPECTED["lines"]
    assert (found.df, found.by_regressor["df"].tolist()) == (6, [3, 3])
    assert found.statistic == pytest.approx(expected["brant"], rel=1e-8)
    # Another test of the same hypothesis, with the same distribution in large samples.
    assert found.statistic == pytest.approx(expected["ratio"], rel=0.25)
    assert found.pvalue == pytest.approx(chi2.sf(found.statistic, 6), rel=1e-10)
    assert list(found.slopes.columns) == ["1|2", "2|3", "3|4", "4|5"]
