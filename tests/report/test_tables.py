"""Summaries, diagnostics, changes, and the table of another package."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

import workbench as wb
from tests.report.stand_in import FORMULA
from workbench.errors import InferenceError
from workbench.estimation.outcome import Outcome
from workbench.estimation.specification import Specification
from workbench.literals import Choice
from workbench.report.plots.coefficients import coefficient_rows
from workbench.report.tables.changes import SETTINGS, Change, what_changed
from workbench.report.tables.diagnostics import diagnostics
from workbench.report.tables.maketables import maketables_table
from workbench.report.tables.summary import summary


def test_a_summary_shows_what_statsmodels_computes(logit, mroz):
    reference = smf.logit(FORMULA, mroz).fit(disp=0)

    shown = str(summary(logit))

    line = next(line for line in shown.splitlines() if line.startswith("educ"))
    low, high = reference.conf_int().loc["educ"]
    assert line.split() == [
        "educ",
        f"{reference.params['educ']:.3f}",
        f"{reference.bse['educ']:.3f}",
        f"{reference.tvalues['educ']:.2f}",
        "<",
        "0.001",
        f"{low:.3f}",
        f"{high:.3f}",
    ]
    assert f"{reference.prsquared:.4f}" in shown
    assert f"{reference.llf:.3f}".replace("-", "−") in shown


def test_a_summary_says_what_was_left_out_and_how_errors_were_computed(robust):
    left_out = ("x2 is collinear with x and was left out.",)
    fit = robust.but(dropped={"missing lwage": 325}, left_out=left_out, provenance={"rows": 428})

    shown = str(summary(fit))

    assert "325 rows are left out: missing lwage." in shown
    assert "x2 is collinear with x and was left out." in shown
    assert "robust, n/(n−1)" in shown


def test_the_summary_of_a_separated_run_has_evidence_and_no_estimates(separated):
    shown = str(summary(separated)) + summary(separated)._repr_html_()

    assert "hours predicts inlf exactly" in shown
    assert "987" not in shown
    assert "−401.765" not in shown


def test_the_summary_of_a_stopped_run_has_estimates_alone(stopped):
    shown = summary(stopped)

    assert shown.coefficients.heads == ("Estimate",)
    assert "Continue with Newton" in str(shown)


def test_a_diagnosis_gives_condition_and_range_of_errors(logit):
    [diagnosis] = diagnostics([logit])

    ratio = logit.kinds["robust"] / logit.kinds["hessian"]
    assert diagnosis.condition == pytest.approx(logit.eigenvalues[-1] / logit.eigenvalues[0])
    assert diagnosis.ratio == pytest.approx((ratio.min(), ratio.max()))
    assert diagnosis.finding == (
        "Logit: well conditioned; robust errors lie within 10 % of Hessian errors."
    )
    assert diagnosis.cells["Newton decrement"] == "1.7 × 10⁻²⁴"


def test_a_flat_direction_is_named_in_the_finding(logit):
    eigenvalues = np.array([7.9e-13, 0.1, 6.6])
    flat = logit.but(outcome=Outcome.FLAT, flat=("Intercept", "log_alpha"), eigenvalues=eigenvalues)

    [diagnosis] = diagnostics([flat])

    assert "one eigenvalue is zero to working precision" in diagnosis.finding
    assert "Intercept, log_alpha" in diagnosis.finding
    assert diagnosis.cells["Robust / Hessian"] == "not shown"


def test_the_warnings_of_a_fit_are_among_its_findings(mroz):
    data = mroz.assign(region=np.arange(len(mroz)) % 7)

    fit = wb.fit("logit", "inlf ~ educ", data, cluster="region")

    [diagnosis] = diagnostics([fit])
    assert diagnosis.finding.startswith("Logit: well conditioned")
    assert "Clustering by region uses 7 groups; with so few" in diagnosis.finding


def test_a_separated_run_has_a_diagnosis_without_figures(separated):
    [diagnosis] = diagnostics([separated])

    assert diagnosis.eigenvalues == ()
    assert diagnosis.cells["Newton decrement"] == "not shown"
    assert "hours predicts inlf" in diagnosis.finding


def test_what_changed_lists_the_settings_that_differ_and_counts_the_others(logit, stopped):
    other = stopped.but(
        specification=logit.specification.replace(
            optimizer=Choice("l-bfgs-b", {"memory": 10}), max_steps=12, name="short"
        )
    )

    changes = what_changed(logit, other)

    assert [change.label for change in changes.settings] == ["Optimizer", "Step limit"]
    assert changes.settings[0] == Change("Optimizer", "Newton", "L-BFGS-B (scipy), memory 10")
    assert changes.sentence == "22 settings are the same."
    results = {change.label: (change.first, change.second) for change in changes.results}
    assert results["Log-likelihood"] == ("−401.765", "−474.502")
    assert results["Newton decrement"] == ("1.7 × 10⁻²⁴", "126.6")
    assert results["Largest difference: kidslt6"] == ("−1.443", "−0.722")


def test_what_is_solved_in_closed_form_names_no_optimizer(logit):
    plain = logit.specification.replace(model=Choice("ols"))
    robust = plain.replace(se="robust")
    solved = {"family": "least squares", "provenance": {**logit.provenance, "backend": "numpy"}}
    pair = [logit.but(specification=asked, **solved) for asked in (plain, robust)]

    changes = what_changed(*pair)

    assert [change.label for change in changes.settings] == ["Standard errors"]
    assert {("Optimizer", "closed form"), ("Library", "NumPy")} <= {*changes.same}
    assert Change("Optimizer", "Newton", "closed form") in what_changed(logit, pair[0]).settings


def test_what_changed_names_the_library_that_computed_each_fit():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"x": rng.normal(size=90), "firm": np.arange(90) % 5})
    frame["y"] = rng.poisson(np.exp(0.2 * frame.x))
    absorbed = wb.fit("fepois", "y ~ x | firm", frame)

    library = {
        model: [(each.first, each.second) for each in found.settings if each.label == "Library"]
        for model in ("ols", "poisson")
        for found in [what_changed(absorbed, wb.fit(model, "y ~ x", frame, backend="jax"))]
    }

    assert library == {"ols": [], "poisson": [("NumPy", "JAX")]}


def test_what_changed_lists_every_setting_in_words(logit):
    other = logit.but(
        specification=logit.specification.replace(
            demeaner=Choice("lsmr"),
            fixef_rm="none",
            cluster=("region", "year"),
            se_options={"lag": 2},
        )
    )

    assert what_changed(logit, other).settings == (
        Change("Cluster by", "none", "region & year"),
        Change("Settings of the errors", "none", "lag 2"),
        Change("Demeaner", "Automatic", "LSMR"),
        Change("Singletons", "left out", "kept"),
    )
    assert {*SETTINGS, "name"} == {field.name for field in fields(Specification)}


def test_the_same_table_read_in_other_columns_has_not_changed(logit):
    asked = logit.specification
    marked = replace(asked.data, fingerprint="ab12cd34")
    elsewhere = logit.but(specification=asked.replace(data=marked))
    shorter = logit.but(specification=asked.replace(data=marked, formula="inlf ~ educ"))

    assert [change.label for change in what_changed(logit, elsewhere).settings] == ["Data"]
    assert [change.label for change in what_changed(logit, shorter).settings] == ["Formula"]


def test_estimates_that_read_the_same_are_distinguished_by_their_distance(logit):
    near = logit.but(params=logit.params + 3e-8)

    [line] = [each for each in what_changed(logit, near).results if "difference" in each.label]

    assert line.label == "Largest difference: expersq"
    assert line.second == "within 3.0 × 10⁻⁸"


def test_what_changed_lists_the_options_of_a_model_of_choice_one_by_one(logit):
    roles = {"situation": "id", "alternatives": "mode"}
    options = {"random": {"cost": "normal", "time": "lognormal"}, "draws": 2000}
    models = [Choice("conditional_logit", roles), Choice("mixed_logit", roles | options)]
    pair = [
        logit.but(specification=logit.specification.replace(model=model, name=model.name))
        for model in models
    ]

    changes = what_changed(*pair)

    found = {change.label: (change.first, change.second) for change in changes.settings}
    assert found["Template"] == ("Conditional logit", "Mixed logit")
    assert found["Random"] == ("", "cost normal, time lognormal")
    assert found["Correlated"] == ("", "no")
    assert found["Draws"] == ("", "2,000")
    assert found["WTP price"] == ("", "none")
    assert ("Situation", "id") in changes.same


def test_what_changed_shows_no_estimate_of_a_separated_run(logit, separated):
    results = what_changed(logit, separated).results

    shown = {change.label: change.second for change in results}
    assert shown["Log-likelihood"] == "not shown"
    assert not any(label.startswith("Largest") for label in shown)


def test_coefficients_come_with_intervals_and_per_standard_deviation(logit, mroz):
    [raw] = [row for row in coefficient_rows([logit]) if row.parameter == "educ"]
    [scaled] = [
        row for row in coefficient_rows([logit], per_deviation=True) if row.parameter == "educ"
    ]

    low, high = smf.logit(FORMULA, mroz).fit(disp=0).conf_int().loc["educ"]
    assert (raw.lower, raw.upper) == pytest.approx((low, high), rel=1e-8)
    assert scaled.upper == pytest.approx(high * mroz["educ"].std(), rel=1e-8)


def test_an_estimate_without_error_has_no_interval(stopped):
    assert {row.lower for row in coefficient_rows([stopped])} == {None}


def test_a_separated_fit_has_no_table_of_coefficients(separated):
    with pytest.raises(InferenceError, match="no estimates"):
        maketables_table(separated)
