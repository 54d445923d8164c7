"""Two-stage difference in differences, against the GMM formula on dense dummies and pyfixest."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest

import workbench as wb
from workbench.errors import (
    DataError,
    FormulaError,
    InferenceError,
    OptionError,
    WorkbenchError,
)

# The demands of the proof.
COEFFICIENTS, ERRORS = 1e-8, 1e-6
# What pyfixest's first stage, demeaned to its own tolerance, agrees to.
PYFIXEST = 1e-4
# Singular values of dependent dummies are zero up to rounding, which differs between libraries.
RANK = 1e-12
FIRST = "~ x | unit + year"
STUDY = "~ i(time_to_treatment, ref=[-1, -1000])"


@pytest.fixture(scope="module")
def panel():
    """Keep 80 units of the sample, unbalanced, with weights drawn between 0.5 and 2."""
    frame = wb.load("staggered").query("unit <= 80")
    rng = np.random.default_rng(20240702)
    frame = frame[rng.random(len(frame)) > 0.1].reset_index(drop=True)
    return frame.assign(w=rng.uniform(0.5, 2.0, len(frame)))


def dense(frame, x2, cluster, weights=None):
    """Compute both stages and Gardner's covariance with dense dummies, as the paper has it."""
    w = np.ones(len(frame)) if weights is None else frame[weights].to_numpy()
    dummies = pd.get_dummies(frame[["unit", "year"]].astype(str), dtype=float).to_numpy()
    x1 = np.column_stack([dummies, frame.x]) * np.sqrt(w)[:, None]
    x10 = x1 * (frame.treated == 0).to_numpy()[:, None]
    x2, y = x2 * np.sqrt(w)[:, None], frame.y.to_numpy() * np.sqrt(w)
    adjusted = y - x1 @ (np.linalg.pinv(x10, rcond=RANK) @ y)
    bread = np.linalg.inv(x2.T @ x2)
    estimate = bread @ x2.T @ adjusted
    rest = adjusted - x2 @ estimate
    rows = (
        x2 * rest[:, None]
        - x10 @ np.linalg.pinv(x10.T @ x10, rcond=RANK) @ x1.T @ x2 * adjusted[:, None]
    )
    sums = pd.DataFrame(rows).groupby(frame[cluster].to_numpy()).sum().to_numpy()
    return estimate, np.sqrt(np.diag(bread @ sums.T @ sums @ bread))


@pytest.mark.parametrize("cluster", ["unit", "region"])
@pytest.mark.parametrize("weights", [None, "w"])
def test_effect_and_error_are_those_of_the_dense_formula(panel, cluster, weights):
    estimate, error = dense(panel, panel[["treated"]].to_numpy(float), cluster, weights)

    ours = wb.did2s(panel, "y", FIRST, "~ treated", "treated", cluster, weights)

    assert ours.converged
    np.testing.assert_allclose(ours.params, estimate, atol=COEFFICIENTS)
    np.testing.assert_allclose(ours.se, error, rtol=ERRORS)


def test_the_model_by_its_name_has_errors_once_clusters_are_named(panel):
    estimate, error = dense(panel, panel[["treated"]].to_numpy(float), "unit")
    stages = {"first_stage": FIRST, "treatment": "treated"}

    without = wb.fit("did2s", "y ~ treated", panel, **stages)
    clustered = wb.fit("did2s", "y ~ treated", panel, cluster="unit", ssc="none", **stages)

    np.testing.assert_allclose(without.params, estimate, atol=COEFFICIENTS)
    assert without.se.isna().all()
    np.testing.assert_allclose(clustered.se, error, rtol=ERRORS)


@pytest.fixture(scope="module")
def study(panel):
    return wb.did2s(panel, "y", FIRST, STUDY, "treated", "unit")


def test_an_event_study_has_the_errors_of_the_dense_formula(panel, study):
    periods = [e for e in range(-9, 9) if e != -1]
    x2 = np.column_stack([panel.time_to_treatment == e for e in periods]).astype(float)
    estimate, error = dense(panel, x2, "unit")

    names = [f"time_to_treatment::{e}" for e in periods]

    np.testing.assert_allclose(study.params[names], estimate, atol=COEFFICIENTS)
    np.testing.assert_allclose(study.se[names], error, rtol=ERRORS)


def test_estimates_and_errors_are_near_those_of_pyfixest(panel):
    frame = panel.assign(t=panel.time_to_treatment.replace(-1000, -1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = pf.did2s(frame, "y", FIRST, "~ i(t, ref=-1)", "treated", "unit").tidy()

    ours = wb.did2s(frame, "y", FIRST, "~ i(t, ref=-1)", "treated", "unit")

    np.testing.assert_allclose(ours.params[other.index], other["Estimate"], atol=PYFIXEST)
    np.testing.assert_allclose(ours.se[other.index], other["Std. Error"], rtol=PYFIXEST)


def test_units_without_an_untreated_row_are_left_out_and_counted(panel):
    always = panel.assign(treated=np.where(panel.unit == 4, 1, panel.treated))

    ours = wb.did2s(always, "y", FIRST, "~ treated", "treated", "unit")

    without = wb.did2s(panel[panel.unit != 4], "y", FIRST, "~ treated", "treated", "unit")
    assert ours.dropped == {"without an untreated row in unit": (panel.unit == 4).sum()}
    np.testing.assert_allclose([ours.params, ours.se], [without.params, without.se])


def test_rows_that_miss_a_covariate_take_part_in_no_stage(panel):
    gaps = panel.assign(x=panel.x.where(panel.index % 10 > 0))

    ours = wb.did2s(gaps, "y", FIRST, "~ treated", "treated", "unit")

    complete = wb.did2s(gaps.dropna(), "y", FIRST, "~ treated", "treated", "unit")
    assert ours.dropped["missing x"] == gaps.x.isna().sum()
    np.testing.assert_allclose([ours.params, ours.se], [complete.params, complete.se])


def test_treated_rows_that_no_untreated_row_connects_are_refused():
    # Firms 1 and 2 are untreated in period 1 alone, 3 and 4 in period 2 alone.
    frame = pd.DataFrame({"firm": [4, 1, 2, 3] * 2, "t": [1] * 4 + [2] * 4})[1:]
    frame["d"] = ((frame.firm <= 2) == (frame.t == 2)).astype(int)
    frame["y"] = np.arange(7.0) ** 2

    with pytest.raises(DataError, match="do not connect"):
        wb.did2s(frame, "y", "~ 0 | firm + t", "~ d", "d", "firm")


@pytest.mark.parametrize("kind", ["iid", "robust"])
def test_errors_that_ignore_the_first_stage_are_refused(study, kind):
    with pytest.raises(InferenceError, match="the error of the first stage"):
        study.standard_errors(kind)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"treatment": "year"}, DataError, r"year has 20\d\d in row 0, where it needs 0 or 1"),
        ({"treatment": "one"}, DataError, "has only 1"),
        ({"first_stage": "~ x"}, FormulaError, "first stage has no fixed effects"),
        ({"second_stage": "~ treated | unit"}, FormulaError, "second stage has fixed effects"),
        ({"second_stage": "~ 1"}, FormulaError, "second stage has no treatment"),
        ({"cluster": "village"}, WorkbenchError, "village"),
        ({"second_stage": "~ open('f')"}, FormulaError, "not among the functions"),
    ],
)
def test_invalid_input_is_refused_in_a_sentence(panel, changes, error, said):
    options = {"first_stage": FIRST, "second_stage": "~ treated"}
    options |= {"treatment": "treated", "cluster": "unit"}

    with pytest.raises(error, match=said):
        wb.did2s(panel.assign(one=1), "y", **options | changes)


def test_the_code_of_a_run_repeats_it(panel, study):
    scope = {"panel": panel}
    exec(study.code().python, scope)

    pd.testing.assert_series_equal(scope["fit"].se, study.se)
    assert "two stages" in study.code().magic


@pytest.mark.parametrize(
    "options",
    [
        {"collinear": "refuse"},
        {"missing": "raise", "name": "by hand"},
        {"ssc": None},
        {"ssc": "stata"},
        {"cluster": ["unit", "year"]},
        {"cluster": None, "se": "none"},
        {"weights": "w"},
        {"weights": "w", "weight_kind": "probability"},
    ],
)
def test_the_code_has_every_option_that_was_given(panel, options):
    panel = panel.assign(w=1.0 + panel.unit % 3)
    given = {"first_stage": FIRST, "second_stage": "~ treated"}
    given |= {"treatment": "treated", "cluster": "unit", **options}
    asked = wb.did2s(panel, "y", **given)
    scope = {"panel": panel}

    exec(asked.code().python, scope)

    again = scope["fit"].specification
    assert again.replace(data=asked.specification.data) == asked.specification


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"colinear": "drop"}, "collinear=?"),
        ({"missing": "drp"}, '"drop"?'),
        ({"offset": "x"}, "subtract"),
        ({"draws": 50}, "draws is an option of mixed_logit"),
    ],
)
def test_an_option_that_does_not_fit_is_refused_with_what_to_do(panel, options, said):
    with pytest.raises(OptionError) as refused:
        wb.did2s(panel, "y", FIRST, "~ treated", "treated", "unit", **options)

    assert said in refused.value.hint


def test_the_fit_predicts_the_effect(panel, study):
    effect = study.predict(panel)

    expected = study.params.reindex([f"time_to_treatment::{e}" for e in panel.time_to_treatment])
    np.testing.assert_allclose(effect, expected.fillna(0.0).to_numpy(), atol=COEFFICIENTS)


def test_the_fingerprint_covers_the_first_stage(panel):
    changed = panel.assign(x=-panel.x)

    prints = {
        wb.did2s(frame, "y", FIRST, "~ treated", "treated", "unit").specification.data.fingerprint
        for frame in (panel, changed)
    }

    assert len(prints) == 2


def test_untreated_rows_without_an_event_time_are_in_the_first_stage(panel, study):
    never = panel.time_to_treatment == -1000
    gaps = panel.assign(time_to_treatment=panel.time_to_treatment.mask(never))

    ours = wb.did2s(gaps, "y", FIRST, STUDY.replace("[-1, -1000]", "-1"), "treated", "unit")

    pd.testing.assert_series_equal(ours.params, study.params)
    pd.testing.assert_series_equal(ours.se, study.se)
    assert any(f"{never.sum()} rows with treated = 0 are without" in note for note in ours.notes)


def test_treated_rows_without_an_event_time_are_left_out_and_counted(panel):
    lost = (panel.treated == 1) & (panel.year == 2014)
    gaps = panel.assign(time_to_treatment=panel.time_to_treatment.mask(lost))

    ours = wb.did2s(gaps, "y", FIRST, STUDY, "treated", "unit")

    without = wb.did2s(panel[~lost], "y", FIRST, STUDY, "treated", "unit")
    assert ours.dropped == {"missing time_to_treatment": lost.sum()}
    np.testing.assert_allclose([ours.params, ours.se], [without.params, without.se])


@pytest.mark.parametrize(("no", "yes"), [("no", "yes"), ("0", "1"), (False, True)])
def test_the_treatment_may_be_written_as_words(panel, no, yes):
    words = panel.assign(treated=np.where(panel.treated == 1, yes, no))

    ours = wb.did2s(words, "y", FIRST, STUDY, "treated", "unit")

    numbers = wb.did2s(panel, "y", FIRST, STUDY, "treated", "unit")
    pd.testing.assert_series_equal(ours.se, numbers.se)
