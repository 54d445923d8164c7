"""Comparisons hold statsmodels' figures, say what they are, and refuse what is not an estimate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workbench.errors import InferenceError, OptionError
from workbench.estimation.outcome import Outcome
from workbench.literals import Choice
from workbench.report.comparison import compare


def test_a_frame_holds_every_estimate_and_error_under_its_model(logit, probit):
    frame = compare(logit, probit).to_frame()

    assert list(frame.columns[:2]) == [("Logit", "estimate"), ("Logit", "std err")]
    np.testing.assert_array_equal(frame["Logit", "estimate"][logit.params.index], logit.params)
    np.testing.assert_array_equal(frame["Probit", "std err"][probit.se.index], probit.se)


def test_a_list_of_fits_compares_as_its_members_do(logit, probit):
    assert compare([logit, probit]).to_csv() == compare(logit, probit).to_csv()


def test_rows_have_the_regressors_then_the_intercept_then_further_parameters(logit, probit):
    with_sigma = probit.but(
        params=pd.concat([probit.params, pd.Series({"sigma": 0.7})]),
        se=pd.concat([probit.se, pd.Series({"sigma": 0.1})]),
        further_parameters=("sigma",),
    )

    assert compare(logit, with_sigma).parameters[-3:] == ("kidsge6", "Intercept", "sigma")


def test_decimals_follow_the_smallest_error_of_the_row_as_in_the_picture(logit, robust, probit):
    rows = {row.label: row.cells for row in compare(logit, robust, probit).grid.rows if row.label}

    assert rows["nwifeinc"] == ("−0.0213", "−0.0213", "−0.0120")
    assert rows["expersq"] == ("−0.00315", "−0.00315", "−0.00189")
    assert rows["kidslt6"] == ("−1.44", "−1.44", "−0.87")
    assert rows["Log-likelihood"] == ("−401.765", "−401.765", "−401.302")
    assert rows["McFadden R²"] == ("0.2197", "0.2197", "0.2206")
    assert rows["AIC"] == ("819.5", "819.5", "818.6")
    assert rows["BIC"] == ("856.5", "856.5", "855.6")


def test_every_column_names_its_standard_error_with_its_factor(logit, robust):
    comparison = compare(logit, robust)

    assert comparison.grid.subheads == ("Hessian", "robust, n/(n−1)")
    for export in (comparison.to_html(), comparison.to_markdown(), str(comparison)):
        assert "Hessian" in export
        assert "robust" in export


def test_a_separated_fit_is_refused_with_the_reason(logit, separated):
    with pytest.raises(InferenceError, match="hours predicts inlf exactly") as refusal:
        compare(logit, separated)

    assert refusal.value.code == "not-comparable"


def test_a_fit_away_from_its_maximum_is_marked_and_has_no_errors(logit, stopped):
    comparison = compare(logit, stopped)

    frame = comparison.to_frame()
    assert frame["Logit, short", "estimate"].notna().all()
    assert frame["Logit, short", "std err"].isna().all()
    assert comparison.grid.subheads[1] == "none: not converged"
    assert "! Not converged" in comparison.to_html()
    assert "Logit, short is not at a maximum" in comparison.to_markdown()


def test_a_flat_parameter_has_its_estimate_and_no_error(logit):
    flat = logit.but(
        outcome=Outcome.FLAT, flat=("educ",), se=logit.se.where(logit.se.index != "educ")
    )

    rows = compare(logit, flat).grid.rows

    below_educ = rows[[row.label for row in rows].index("educ") + 1]
    assert below_educ.cells == ("(0.043)", "not shown")


def test_criteria_are_withheld_when_the_observations_differ(logit, probit):
    fewer = probit.but(nobs=428.0)

    comparison = compare(logit, fewer)

    rows = {row.label: row.cells for row in comparison.grid.rows}
    assert rows["AIC †"] == ("not shown", "not shown")
    assert rows["Observations †"] == ("753", "428")
    assert "AIC and BIC cannot be compared" in " ".join(comparison.grid.notes)
    assert "AIC" not in comparison.to_csv().split("note")[0]


@pytest.mark.parametrize("changes", [{"depvar": "lwage"}, {"weights": "w"}])
def test_criteria_are_withheld_when_outcome_or_weights_differ(logit, changes):
    if "weights" in changes:
        changes = {"specification": logit.specification.replace(**changes)}

    assert not compare(logit, logit.but(**changes)).comparable


def on_data(fit, **reference):
    data = replace(fit.specification.data, **reference)
    return fit.but(specification=fit.specification.replace(data=data))


def test_a_note_says_which_data_each_column_rests_on(logit, probit):
    other = on_data(probit, name="fair", rows=601, fingerprint="b" * 64).but(nobs=601.0)

    comparison = compare(logit, other)

    note = "Data differ: Logit uses 753 rows of mroz, Probit uses 601 rows of fair."
    assert note in comparison.grid.notes
    assert not comparison.comparable


def test_changed_contents_under_one_name_are_other_data(logit, probit):
    before, after = (
        on_data(fit, fingerprint=8 * sign) for fit, sign in [(logit, "a"), (probit, "b")]
    )

    notes = " ".join(compare(before, after).grid.notes)

    assert "Logit uses 753 rows of mroz (aaaaaaaa), Probit uses 753 rows of mroz (bbbb" in notes


def test_other_columns_of_one_table_are_the_same_data(logit, probit):
    shorter = probit.specification.replace(formula="inlf ~ educ")
    before = on_data(logit, fingerprint="a" * 8)
    after = on_data(probit.but(specification=shorter), fingerprint="b" * 8)

    assert compare(before, after).comparable


def test_two_queries_of_one_database_are_other_data_and_are_named(logit, probit):
    place = {"kind": "sql", "name": "work.db", "fingerprint": ""}
    before, after = (
        on_data(fit, **place, query=f"SELECT *\nFROM mroz WHERE city = {city}")
        for fit, city in [(logit, 0), (probit, 1)]
    )

    comparison = compare(before, after)

    note = "Probit uses 753 rows of work.db: SELECT * FROM mroz WHERE city = 1."
    assert not comparison.comparable
    assert note in " ".join(comparison.grid.notes)


@pytest.mark.parametrize("option", [{"scale": "~ survey"}, {"panel": "person"}])
def test_other_columns_of_a_choice_models_options_are_the_same_data(logit, option):
    long = {"situation": "id", "alternatives": "mode"}
    before, after = (on_data(logit, fingerprint=8 * digit).but(name=digit) for digit in ("a", "b"))
    models = [Choice("conditional_logit", options) for options in (long, long | option)]
    plain, other, changed = (
        fit.but(specification=fit.specification.replace(model=model))
        for fit, model in [(before, models[0]), (after, models[1]), (after, models[0])]
    )

    assert compare(plain, other).share_data
    assert not compare(plain, changed).share_data


def test_equal_names_are_numbered(logit, probit):
    same = probit.but(name="Logit")
    third = probit.but(name="Logit (1)")

    names = compare(logit, same, third).names

    assert names == ("Logit (2)", "Logit (3)", "Logit (1)")


def test_the_error_of_estimates_against_another_fit_is_a_row(logit, probit):
    comparison = compare(logit, probit, against=logit)

    expected = np.sqrt(np.mean((probit.params - logit.params) ** 2))
    row = {row.label: row.cells for row in comparison.grid.rows}["RMSE against Logit"]
    assert row[0] == ""
    assert float(row[1]) == pytest.approx(expected, rel=0.05)
    assert f"{expected:.17g}" in comparison.to_csv()


def test_stars_and_p_values_are_off_until_asked_for(logit):
    plain, decorated = compare(logit), compare(logit, stars=True, p_values=True)

    assert "*" not in str(plain)
    assert "0.221***" in str(decorated)
    assert "[0.011]" in str(decorated)
    assert f"{logit.pvalues['nwifeinc']:.3f}" == "0.011"


def test_only_the_parameters_to_keep_are_listed_and_the_others_counted(logit):
    comparison = compare(logit, keep=["educ"])

    assert [row.label for row in comparison.grid.sections[0] if row.label] == ["educ"]
    assert "7 more parameters" in " ".join(comparison.grid.notes)


def test_words_that_differ_get_a_row_and_equal_ones_do_not(logit, probit):
    on_jax = probit.but(specification=probit.specification.replace(backend="jax"))

    labels = [row.label for row in compare(logit, on_jax).grid.rows]

    assert "Library" in labels
    assert "Device" not in labels


def test_nothing_to_compare_is_an_error_with_a_hint():
    with pytest.raises(OptionError, match="no fit"):
        compare()
    with pytest.raises(OptionError, match="this is a str"):
        compare("logit")


def test_a_parameter_to_keep_that_no_fit_has_is_an_error_that_names_it(logit):
    with pytest.raises(OptionError, match="eduk"):
        compare(logit, keep=["eduk"])


def test_missing_numbers_are_blank_and_never_nan(logit, stopped):
    short = logit.but(params=logit.params[:2], se=logit.se[:2] * np.nan, se_label="none")
    comparison = compare(logit, short, stopped)

    exports = [comparison.to_html(), comparison.to_latex(), comparison.to_csv(), str(comparison)]

    assert not any("nan" in export.lower() for export in exports)
