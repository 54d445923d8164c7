"""Least squares with fixed effects against explicit dummies and against pyfixest."""

from __future__ import annotations

import re
import time
import warnings

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import statsmodels.formula.api as smf

import workbench as wb
from workbench.errors import DataError, FormulaError, InferenceError, OptionError
from workbench.estimation.outcome import Outcome

# The demands of the proof: both programs project to this relative precision.
COEFFICIENTS, ERRORS = 1e-8, 1e-6
ROWS = 900


@pytest.fixture(scope="module")
def panel():
    """Draw an unbalanced panel: zipf firms, workers, years, text regions that hold firms."""
    rng = np.random.default_rng(20240611)
    frame = pd.DataFrame(
        {
            "firm": np.minimum(rng.zipf(1.6, ROWS), 80),
            "worker": rng.integers(0, 60, ROWS),
            "year": rng.integers(2000, 2009, ROWS),
            "job": rng.choice(list("abcde"), ROWS),
            "x": rng.normal(size=ROWS),
            "z": rng.normal(size=ROWS),
            "z2": rng.normal(size=ROWS),
            "w": rng.uniform(0.5, 3.0, ROWS),
        }
    )
    frame["region"] = np.array(["north", "south", "east"])[frame.firm % 3]
    shock = rng.normal(size=ROWS)
    frame["d"] = frame.z + 0.5 * frame.z2 + shock + 0.1 * frame.worker
    frame["trend"] = frame.year - 2000 + rng.normal(size=ROWS)
    level = 0.1 * frame.firm + np.sin(frame.worker) + 0.2 * frame.year + 0.01 * frame.firm
    frame["y"] = frame.x - 0.5 * frame.trend + 0.7 * frame.d + level + shock * frame.w
    return frame


def theirs(formula, frame, vcov="iid", weights=None):
    """Fit with pyfixest, its demeaning far below our tolerance."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tight = pf.MapDemeaner(fixef_tol=1e-13, fixef_maxiter=100_000)
        return pf.feols(formula, frame, vcov=vcov, weights=weights, demeaner=tight)


def assert_same(ours, other):
    names = list(ours.params.index)
    assert set(names) == set(other.coef().index)
    np.testing.assert_allclose(ours.params, other.coef()[names], rtol=0, atol=COEFFICIENTS)
    np.testing.assert_allclose(ours.se, other.se()[names], rtol=ERRORS)
    np.testing.assert_allclose(ours.pvalues, other.pvalue()[names], atol=ERRORS)
    np.testing.assert_allclose(ours.conf_int(), other.confint().loc[names], atol=ERRORS)


FORMULAS = [
    "y ~ x + trend | firm",
    "y ~ x + trend | firm + worker",
    "y ~ x + trend | firm + worker + year",
    "y ~ x + trend | firm + worker + year + job",
    "y ~ x + trend | firm + worker^year",
    "y ~ x + C(job) | firm + year",
    "y ~ x + trend | firm + region",
    "y ~ x + trend",
]
KINDS = [("iid", "iid", None), ("HC1", "hetero", None), ("cluster", {"CRV1": "firm"}, "firm")]


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize(("se", "vcov", "cluster"), KINDS)
@pytest.mark.parametrize("weights", [None, "w"])
def test_estimates_and_errors_are_those_of_pyfixest(panel, formula, se, vcov, cluster, weights):
    other = theirs(formula, panel, vcov, weights)

    ours = wb.fit("feols", formula, panel, se=se, cluster=cluster, weights=weights, ssc="pyfixest")

    assert ours.converged
    assert ours.nobs == other._N
    assert_same(ours, other)


@pytest.mark.parametrize("formula", ["y ~ x + trend | worker + year", "y ~ x + trend | year"])
def test_errors_clustered_in_two_directions_are_those_of_pyfixest(panel, formula):
    other = theirs(formula, panel, {"CRV1": "firm+year"})

    ours = wb.fit("feols", formula, panel, se="cluster", cluster=["firm", "year"], ssc="fixest")

    assert ours.se_label == "cluster firm & year"
    assert_same(ours, other)


@pytest.mark.parametrize("ssc", ["fixest", "pyfixest"])
def test_an_indefinite_covariance_is_kept_by_conventions_that_keep_it(panel, ssc):
    formula = "y ~ x + z + z2 | firm + worker"
    other = theirs(formula, panel, {"CRV1": "job+year"})

    kept = wb.fit("feols", formula, panel, cluster=["job", "year"], ssc=ssc)
    cleared = wb.fit("feols", formula, panel, cluster=["job", "year"])

    assert np.linalg.eigvalsh(other._vcov)[0] < 0 < np.diag(other._vcov).min()
    assert_same(kept, other)
    names = list(other.coef().index)
    values, vectors = np.linalg.eigh(other._vcov)
    positive = np.diag((vectors * np.maximum(values, 0)) @ vectors.T)
    np.testing.assert_allclose(cleared.se[names], np.sqrt(positive), rtol=ERRORS)


@pytest.mark.parametrize("demeaner", [wb.LSMR(), wb.Schur(), wb.AlternatingProjections()])
def test_every_demeaner_gives_the_slopes_of_explicit_dummies(panel, demeaner):
    kept = _without_singletons(panel, ["firm", "worker", "year"])
    dummies = smf.ols("y ~ x + trend + C(firm) + C(worker) + C(year)", kept).fit()

    ours = wb.fit("feols", "y ~ x + trend | firm + worker + year", panel, demeaner=demeaner)

    np.testing.assert_allclose(ours.params, dummies.params[["x", "trend"]], atol=COEFFICIENTS)
    np.testing.assert_allclose(ours.se, dummies.bse[["x", "trend"]], rtol=ERRORS)
    assert ours.r2 == pytest.approx(dummies.rsquared, abs=COEFFICIENTS)
    assert ours.loglik == pytest.approx(dummies.llf, abs=ERRORS)
    assert ours.aic == pytest.approx(dummies.aic, abs=ERRORS)
    assert ours.df_resid == dummies.df_resid


def _without_singletons(frame, columns):
    while True:
        sizes = [frame.groupby(name)[name].transform("size") for name in columns]
        kept = frame[np.all([size > 1 for size in sizes], axis=0)]
        if len(kept) == len(frame):
            return kept
        frame = kept


@pytest.mark.filterwarnings("ignore:The design matrix is rank-deficient")
def test_degrees_of_freedom_count_the_components_of_a_disconnected_graph(panel):
    frame = panel.assign(firm=panel.firm % 10, worker=panel.worker % 8 + 100 * (panel.firm % 2))
    dummies = smf.ols("y ~ x + C(firm) + C(worker)", frame).fit()

    ours = wb.fit("feols", "y ~ x | firm + worker", frame)
    counted = wb.fit("feols", "y ~ x | firm + worker", frame, ssc="fixest")

    assert ours.df_resid == dummies.df_resid
    assert ours.se["x"] == pytest.approx(dummies.bse["x"], rel=ERRORS)
    assert counted.df_resid == ours.df_resid - 1
    assert_same(counted, theirs("y ~ x | firm + worker", frame))


@pytest.mark.parametrize("formula", ["y ~ x | job[trend] + year", "y ~ x | year + job[[trend]]"])
def test_varying_slopes_are_interactions_with_dummies(panel, formula):
    own = " + C(job)" if "[[" not in formula else ""
    dummies = smf.ols(f"y ~ x + C(year) + C(job):trend{own}", panel).fit()

    ours = wb.fit("feols", formula, panel)

    np.testing.assert_allclose(ours.params, dummies.params[["x"]], atol=COEFFICIENTS)
    np.testing.assert_allclose(ours.se, dummies.bse[["x"]], rtol=ERRORS)
    assert ours.df_resid == dummies.df_resid


@pytest.mark.parametrize("se", ["iid", "HC1", "cluster"])
@pytest.mark.parametrize("formula", ["y ~ x | firm + year | d ~ z + z2", "y ~ x + trend | d ~ z"])
def test_two_stage_least_squares_are_those_of_pyfixest(panel, formula, se):
    vcov = {"iid": "iid", "HC1": "hetero", "cluster": {"CRV1": "worker"}}[se]
    other = theirs(formula, panel, vcov, "w")
    cluster = "worker" if se == "cluster" else None

    ours = wb.fit("feols", formula, panel, se=se, cluster=cluster, weights="w", ssc="pyfixest")

    assert_same(ours, other)


def test_the_first_stage_is_the_f_test_of_the_instruments(panel):
    dummies = smf.ols("d ~ x + z + z2 + C(job) + C(year)", panel).fit()
    expected = dummies.f_test("z = 0, z2 = 0")

    ours = wb.fit("feols", "y ~ x | job + year | d ~ z + z2", panel)

    found = ours.first_stage.loc["d"]
    assert found["statistic"] == pytest.approx(float(expected.fvalue), rel=ERRORS)
    assert (found["numerator"], found["denominator"]) == (expected.df_num, expected.df_denom)


def test_fewer_instruments_than_endogenous_regressors_are_refused(panel):
    with pytest.raises(DataError, match="cannot identify the effect of d and trend"):
        wb.fit("feols", "y ~ x | year | d + trend ~ z", panel)


@pytest.mark.parametrize(
    ("model", "outcome"), [("feols", "y"), ("fepois", "count"), ("felogit", "positive")]
)
@pytest.mark.parametrize("se", ["robust", "cluster"])
def test_a_row_of_frequency_three_is_three_rows_and_no_singleton(model, outcome, se, panel):
    some = panel.iloc[:200].assign(copies=np.arange(200) % 3 + 1)
    some["count"], some["positive"] = some.y.abs().round() + 1, (some.y > some.y.median()) * 1
    some.loc[some.index[:2], ["job", "copies"]] = [["alone", 3], ["once", 1]]
    long = some.loc[some.index.repeat(some.copies)]
    options = {"se": se, **({"cluster": "year"} if se == "cluster" else {})}

    ours = wb.fit(
        model, f"{outcome} ~ x | job", some, weights="copies", weight_kind="frequency", **options
    )
    other = wb.fit(model, f"{outcome} ~ x | job", long, **options)

    assert ours.nobs == other.nobs
    figures = [(*fit.params, *fit.standard_errors(), fit.loglik, fit.bic) for fit in (ours, other)]
    np.testing.assert_allclose(*figures, rtol=1e-9)


def test_singletons_are_removed_until_none_is_left_and_counted_by_factor():
    frame = pd.DataFrame(
        {
            "a": [1, 1, 1, 2, 2, 3, 4, 4, 4],
            "b": ["p", "p", "q", "q", "r", "s", "t", "t", "p"],
            "x": [1.0, 2.0, 4.0, 1.0, 5.0, 2.0, 8.0, 1.0, 3.0],
            "y": [2.0, 1.0, 3.0, 5.0, 2.0, 2.0, 1.0, 0.0, 4.0],
        }
    )

    ours = wb.fit("feols", "y ~ x | a + b", frame)
    whole = wb.fit("feols", "y ~ x | a + b", frame, fixef_rm="none")

    assert dict(ours.dropped) == {"alone in a": 2, "alone in b": 2}
    assert ours.nobs == 5
    assert whole.nobs == 9
    assert whole.params["x"] == pytest.approx(ours.params["x"], abs=COEFFICIENTS)


def test_rows_without_a_level_are_dropped_and_counted(panel):
    frame = panel.assign(year=panel.year.astype(float))
    frame.loc[:9, "year"] = np.nan

    ours = wb.fit("feols", "y ~ x | year", frame)

    assert dict(ours.dropped) == {"missing year": 10}
    assert ours.nobs == ROWS - 10


def test_a_regressor_that_the_effects_absorb_is_left_out_by_name(panel):
    frame = panel.assign(size=panel.firm * 1.7 + 1e6, copy=panel.x + 3 * panel.worker)

    ours = wb.fit("feols", "y ~ x + size + copy | firm + worker", frame)

    assert list(ours.params.index) == ["x"]
    assert ours.left_out == (
        "size is absorbed by firm + worker and was left out of the model.",
        "copy is a combination of x given firm + worker and was left out of the model.",
    )
    assert np.isnan(ours.trace.last.params).tolist() == [False, True, True]
    with pytest.raises(DataError, match="size is absorbed"):
        wb.fit("feols", "y ~ size + x | firm", frame, collinear="refuse")
    with pytest.raises(DataError, match="No regressor is left"):
        wb.fit("feols", "y ~ size | firm", frame)


def test_the_effects_are_those_of_dummies_up_to_their_normalisation(panel):
    frame = panel.assign(firm=panel.firm % 10)
    dummies = smf.ols("y ~ x + C(firm) + C(year) - 1", frame).fit()

    effects = wb.fit("feols", "y ~ x | firm + year", frame).fixed_effects()

    firms = [dummies.params[f"C(firm)[{level}]"] for level in effects["firm"].index]
    assert effects["year"].iloc[0] == 0
    np.testing.assert_allclose(effects["firm"], firms, atol=1e-7)
    later = [dummies.params[f"C(year)[T.{level}]"] for level in effects["year"].index[1:]]
    np.testing.assert_allclose(effects["year"][1:], later, atol=1e-7)


def test_effects_of_factors_connected_in_one_long_chain_add_up_to_the_fitted_values():
    rows, rng = np.arange(12_000), np.random.default_rng(6)
    frame = pd.DataFrame({"a": rows // 4, "b": (rows + 2) // 4, "x": rng.normal(size=12_000)})
    frame["y"] = frame.x + 100 * np.sin(rows / 2_000) + rng.normal(size=12_000)
    fit = wb.fit("feols", "y ~ x | a + b", frame, fixef_rm="none", demeaner=wb.Schur(tol=1e-12))

    effects = fit.fixed_effects()

    total = effects["a"][frame.a].to_numpy() + effects["b"][frame.b].to_numpy()
    left = frame.y - fit.params["x"] * frame.x - total
    np.testing.assert_allclose(left, fit.residuals, atol=1e-10)
    assert np.abs(left.groupby(frame.a).sum()).max() < 1e-10
    assert np.abs(left.groupby(frame.b).sum()).max() < 1e-10


def test_predictions_include_the_effects_and_are_missing_for_unknown_levels(panel):
    fit = wb.fit("feols", "y ~ x | job[trend] + year", panel)
    new = panel.head(20).assign(year=[1900, *panel.year[1:20]])

    predicted = fit.predict(new)

    assert np.isnan(predicted[0])
    np.testing.assert_allclose(predicted[1:], fit.predict()[1:20], atol=1e-7)


def test_demeaning_is_a_stage_with_a_trace_of_its_own(panel):
    run = wb.start("feols", "y ~ x | firm + worker", panel, demeaner="lsmr")

    fit = run.result()

    assert fit.demeaning is run.demeaning
    assert run.demeaning.column_names == ("y", "x")
    assert [step.number for step in run.demeaning] == list(range(1, len(run.demeaning) + 1))
    assert run.demeaning.last.worst < 1e-8
    assert run.phases["demean"][0] == "done"
    assert {"demean", "optimize", "hessian"} <= set(fit.timing)
    assert fit.trace.last.stage == "solve"
    assert fit.message.startswith("Demeaned by LSMR")


def test_a_demeaner_that_ends_early_leaves_a_fit_that_is_not_converged(panel):
    hurried = wb.LSMR(max_iterations=2)

    fit = wb.fit("feols", "y ~ x | firm + worker + year", panel, demeaner=hurried)

    assert not fit.converged
    assert fit.outcome.status_label == "! Not converged"
    assert "The demeaner ended after 2 iterations" in fit.message
    assert fit.se.isna().all()


def test_a_paused_run_waits_while_demeaning_and_a_stopped_one_keeps_nothing():
    rng = np.random.default_rng(5)
    rows = 40_000
    frame = pd.DataFrame({"a": np.arange(rows) // 2, "y": rng.normal(size=rows)})
    frame["b"] = (np.arange(rows) + 1) // 2 % (rows // 2)
    frame["x"] = rng.normal(size=rows)
    run = wb.start("feols", "y ~ x | a + b", frame, demeaner=wb.LSMR(tol=1e-14), fixef_rm="none")
    while len(run.demeaning) < 2 and not run.wait(0.01):
        pass

    run.pause()
    time.sleep(0.3)
    seen = len(run.demeaning)
    time.sleep(0.3)
    still = len(run.demeaning)
    run.stop()

    assert run.wait(10)
    assert seen == still
    assert run.fit is None
    assert run.outcome is Outcome.STOPPED_EARLY
    stopped = rf"at iteration {len(run.demeaning):,} of demeaning, .* there are no estimates"
    assert re.search(stopped, run.message)
    with pytest.raises(InferenceError, match=stopped):
        run.result()


def test_the_code_of_a_run_repeats_its_choices(panel):
    fit = wb.fit(
        "feols",
        "y ~ x | firm",
        panel,
        cluster=["firm", "year"],
        demeaner=wb.LSMR(tol=1e-10),
        fixef_rm="none",
    )

    again = type(fit.specification).from_dict(fit.specification.to_dict())

    assert again == fit.specification
    assert 'cluster=["firm", "year"]' in fit.code().python
    assert "demeaner=wb.LSMR(tol=1e-10)" in fit.code().python
    assert '--cluster firm --cluster year --demeaner "lsmr(tol=1e-10)"' in fit.code().magic
    assert "--fixef-rm none" in fit.code().magic


def test_a_fit_with_effects_survives_json(panel):
    fit = wb.fit("feols", "y ~ x + z | firm + year", panel, cluster="firm", ssc="fixest")

    again = wb.Fit.from_dict(fit.to_dict())

    pd.testing.assert_series_equal(again.se, fit.se, check_index_type=False)
    assert again.df_resid == fit.df_resid
    assert again.r2_within == fit.r2_within


def test_other_errors_can_be_computed_after_the_fit(panel):
    fit = wb.fit("feols", "y ~ x | firm + worker", panel, ssc="fixest")
    direct = wb.fit("feols", "y ~ x | firm + worker", panel, cluster="firm", ssc="fixest")

    later = fit.standard_errors("cluster", cluster="firm")

    assert later["x"] == pytest.approx(direct.se["x"], rel=1e-12)
    assert fit.standard_errors("HC1")["x"] > 0


@pytest.mark.parametrize("text", ["firm +", "firm++year", "firm[", "firm^", "firm[x]]", "2*firm"])
def test_fixed_effects_that_cannot_be_read_are_refused(panel, text):
    with pytest.raises(FormulaError):
        wb.fit("feols", f"y ~ x | {text}", panel)


def test_unknown_options_are_refused_with_the_nearest(panel):
    with pytest.raises(OptionError, match="demeaner"):
        wb.fit("feols", "y ~ x | firm", panel, demeaner="lsmrr")
    with pytest.raises(OptionError, match="fixef_rm"):
        wb.fit("feols", "y ~ x | firm", panel, fixef_rm="singletons")
    with pytest.raises(FormulaError, match="no part after"):
        wb.fit("ols", "y ~ x | firm", panel)
    with pytest.raises(FormulaError, match="firmm"):
        wb.fit("feols", "y ~ x | firmm", panel)
