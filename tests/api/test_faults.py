"""Bad input is refused in one sentence with the next step, before anything is computed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import WorkbenchError

FORMULA = "works ~ educ + exper"


def change(**columns):
    return lambda people: people.assign(**columns)


CASES = {
    "no rows": (lambda p: p.head(0), {}, "no-rows", ""),
    "one row": (lambda p: p.head(1), {}, None, ""),
    "fewer rows than parameters": (lambda p: p.head(2), {}, None, ""),
    "all missing": (change(educ=np.nan), {}, None, "educ"),
    "missing refused": (
        lambda p: p.assign(educ=p["educ"].where(p.index > 3)),
        {"missing": "raise"},
        None,
        "educ",
    ),
    "infinite": (lambda p: p.assign(educ=p["educ"].where(p.index != 5, np.inf)), {}, None, "educ"),
    "outcome of 2": (
        lambda p: p.assign(works=p["works"].where(p.index != 7, 2)),
        {},
        "outside-support",
        "row 7 with 2",
    ),
    "constant outcome": (change(works=1.0), {}, "constant-outcome", "works does not vary"),
    "negative weight": (
        lambda p: p.assign(copies=p["copies"].where(p.index != 3, -1)),
        {"weights": "copies"},
        None,
        "copies",
    ),
    "zero weights": (change(copies=0), {"weights": "copies"}, None, "copies"),
    "one cluster": (change(town=1), {"cluster": "town"}, "one-cluster", "two clusters"),
    "unknown column": (lambda p: p.drop(columns="exper"), {}, None, "exper"),
    "unknown cluster": (lambda p: p, {"cluster": "twon"}, None, "twon"),
    "clusters as an array": (lambda p: p, {"cluster": pd.Series([1])}, "bad-option", "Series"),
    "cluster without column": (lambda p: p, {"se": "cluster"}, "no-cluster", "need a column"),
    "unknown option": (lambda p: p, {"optimiser": "newton"}, "no-such-option", "optimiser"),
    "unknown errors": (lambda p: p, {"se": "rubost"}, "bad-option", "rubost"),
    "errors by another name": (lambda p: p, {"se": "HC0"}, "bad-option", "HC0"),
    "unknown optimizer": (lambda p: p, {"optimizer": "newtn"}, "unknown-optimizer", "newtn"),
    "unknown library": (lambda p: p, {"backend": "numpy"}, "bad-option", "numpy"),
    "unknown precision": (lambda p: p, {"dtype": "float16"}, None, "float16"),
    "unknown start": (lambda p: p, {"start": {"edu": 1}}, "no-such-parameter", "edu"),
    "infinite start": (lambda p: p, {"start": {"educ": np.inf}}, "start-not-finite", "educ"),
    "start without names": (lambda p: p, {"start": [0.0, 0.1]}, "bad-option", "list"),
    "text as a start": (lambda p: p, {"start": {"educ": "a"}}, "start-not-finite", "educ"),
    "complex start": (lambda p: p, {"start": {"educ": 1j}}, "start-not-finite", "educ"),
    "start beyond floats": (lambda p: p, {"start": {"educ": 10**400}}, "start-not-finite", "educ"),
    "truth as a start": (lambda p: p, {"start": {"educ": True}}, "start-not-finite", "educ"),
    "number as a cluster": (lambda p: p, {"cluster": [1]}, "bad-option", "cluster"),
    "weights that are shares": (
        lambda p: p.assign(copies=1 / len(p)),
        {"weights": "copies"},
        "fractional-weights",
        "fractions in 300 rows, first 0.00333333 in row 0",
    ),
    "no steps": (lambda p: p, {"max_steps": 0}, "bad-option", "0"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_with_the_next_step(case, library, people):
    spoil, options, code, words = CASES[case]
    data = spoil(people)
    before = data.copy()

    with pytest.raises(WorkbenchError) as refused:
        wb.fit("logit", FORMULA, data, **{"backend": library, **options})

    assert refused.value.hint
    assert words in refused.value.problem
    assert code in {None, refused.value.code}
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize("model", ["poisson", "gaussian", "ols"])
def test_counts_below_zero_and_constant_outcomes_have_different_errors(model, people):
    below = people.assign(visits=people["visits"] - 1)
    constant = people.assign(visits=2.0)

    if model == "poisson":
        with pytest.raises(WorkbenchError, match="zero or more"):
            wb.fit(model, "visits ~ educ", below)
    else:
        assert wb.fit(model, "visits ~ educ", below).converged
    if model == "ols":
        assert wb.fit(model, "visits ~ educ", constant).params["Intercept"] == pytest.approx(2)
    else:
        with pytest.raises(WorkbenchError, match="visits"):
            wb.fit(model, "visits ~ educ", constant)


def test_a_start_that_is_not_finite_names_the_first_row_and_the_parameter(library, people):
    with pytest.raises(WorkbenchError) as refused:
        wb.fit("poisson", "visits ~ educ", people, start={"educ": 500.0}, backend=library)

    assert refused.value.code == "start-not-finite"
    assert refused.value.where == "educ"
    assert "row" in refused.value.problem


def test_missing_rows_are_dropped_counted_and_the_same_for_every_error(people):
    data = people.assign(
        educ=people["educ"].where(people.index >= 4),
        works=people["works"].where(people.index < 290),
        town=people["town"].where(people.index != 100),
    )
    kept = data.dropna(subset=["educ", "works", "town"])

    fit = wb.fit("logit", FORMULA, data, cluster="town")
    expected = wb.fit("logit", FORMULA, kept, cluster="town")

    assert sum(fit.dropped.values()) == 15
    assert fit.nobs == 285
    np.testing.assert_allclose(fit.params, expected.params, rtol=1e-12)
    np.testing.assert_allclose(fit.se, expected.se, rtol=1e-12)


def test_as_many_rows_as_coefficients_give_estimates_without_errors():
    data = pd.DataFrame({"y": [1.0, 3.0], "x": [0.0, 1.0]})

    fit = wb.fit("ols", "y ~ x", data)

    np.testing.assert_allclose(fit.params, [1, 2])
    assert fit.se.isna().all()
    assert any("no standard errors" in note for note in fit.notes)
    assert np.isinf(fit.loglik)


@pytest.mark.parametrize(
    ("formula", "code"), [("works ~ -1", "empty-side"), (["works", "educ"], "bad-option")]
)
def test_text_that_is_not_a_formula_is_refused(formula, code, people):
    with pytest.raises(WorkbenchError) as refused:
        wb.fit("ols", formula, people)

    assert refused.value.code == code


def test_a_standard_deviation_that_starts_below_zero_is_named(library, people):
    with pytest.raises(WorkbenchError) as refused:
        wb.fit("gaussian", "wage ~ educ", people, start={"educ": 1, "sigma": -1}, backend=library)

    assert refused.value.where == "sigma"


def test_an_error_does_not_change_the_next_fit(people):
    before = wb.fit("logit", FORMULA, people, backend="torch")
    for case in ("no rows", "infinite", "constant outcome"):
        with pytest.raises(WorkbenchError):
            wb.fit("logit", FORMULA, CASES[case][0](people), backend="torch")

    after = wb.fit("logit", FORMULA, people, backend="torch")

    assert after.params.tolist() == before.params.tolist()
    assert after.se.tolist() == before.se.tolist()
