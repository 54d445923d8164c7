"""Poisson, logit and negative binomial with fixed effects: pyfixest, explicit dummies."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

import workbench as wb
from workbench.errors import DataError, FormulaError, OptionError

# The demands of the proof, relative; pyfixest takes errors from its last but one weights.
COEFFICIENTS, ERRORS = 1e-8, 1e-6
ROWS = 900


@pytest.fixture(scope="module")
def panel():
    """Draw an unbalanced panel with counts, amounts and choices; regions hold firms."""
    rng = np.random.default_rng(20240612)
    frame = pd.DataFrame(
        {
            "firm": np.minimum(rng.zipf(1.6, ROWS), 40),
            "worker": rng.integers(0, 30, ROWS),
            "year": rng.integers(2000, 2006, ROWS),
            "x": rng.normal(size=ROWS),
            "z": rng.normal(size=ROWS),
            "w": rng.uniform(0.5, 3.0, ROWS),
            "hours": rng.normal(0, 0.3, ROWS),
        }
    )
    frame["region"] = np.array(["north", "south", "east"])[frame.firm % 3]
    level = 0.02 * frame.firm + 0.5 * np.sin(frame.worker) + 0.1 * (frame.year - 2000)
    index = 0.4 * frame.x - 0.3 * frame.z + level
    frame["count"] = rng.poisson(np.exp(index)).astype(float)
    frame["amount"] = np.exp(index) * rng.gamma(0.5, 2.0, ROWS) * (rng.random(ROWS) < 0.8)
    frame["burst"] = rng.negative_binomial(1.5, 1.5 / (1.5 + np.exp(index))).astype(float)
    frame["choice"] = (index - 0.5 + rng.logistic(size=ROWS) > 0).astype(float)
    return frame


def theirs(model, formula, frame, vcov="iid", **options):
    """Fit with pyfixest, as tightly as it goes."""
    tight = {"demeaner": pf.MapDemeaner(fixef_tol=1e-13, fixef_maxiter=100_000)}
    tight |= {"iwls_tol": 1e-13, "iwls_maxiter": 100}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if model == "felogit":
            return pf.feglm(formula, frame, family="logit", vcov=vcov, **tight, **options)
        return pf.fepois(formula, frame, vcov=vcov, **tight, **options)


def dummies(outcome, regressors, factors, frame):
    """Return outcome and design with a dummy for each level, for a sample that is kept whole."""
    blocks = [pd.get_dummies(frame[name], prefix=name, dtype=float) for name in factors]
    blocks = [blocks[0], *(block.iloc[:, 1:] for block in blocks[1:])]
    return frame[outcome], pd.concat([frame[regressors], *blocks], axis=1)


def used(fit, frame):
    """Return the rows of a frame that a fit used."""
    return frame.loc[fit.residuals.index]


def assert_same(ours, coefficients, errors):
    names = list(ours.params.index)
    np.testing.assert_allclose(ours.params, coefficients[names], rtol=COEFFICIENTS)
    np.testing.assert_allclose(ours.se, errors[names], rtol=ERRORS)


# Against pyfixest --------------------------------------------------------------------------------
FORMULAS = [
    "{} ~ x + z | firm",
    "{} ~ x + z | firm + worker",
    "{} ~ x + z | firm + worker + year",
    "{} ~ x + C(year) | firm + region",
    "{} ~ x + z | worker + firm^year",
    "{} ~ x + z",
]
KINDS = [("iid", "iid", None), ("HC1", "hetero", None), ("cluster", {"CRV1": "worker"}, "worker")]


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize(("se", "vcov", "cluster"), KINDS)
def test_poisson_estimates_and_errors_are_those_of_pyfixest(panel, formula, se, vcov, cluster):
    formula = formula.format("amount")
    sample = used(wb.fit("fepois", formula, panel), panel)
    other = theirs("fepois", formula, sample, vcov, weights="w", offset="hours")
    options = {"se": se, "cluster": cluster, "ssc": "pyfixest"}

    ours = wb.fit("fepois", formula, panel, **options, weights="w", offset="hours")

    assert ours.converged
    assert ours.nobs == other._N
    assert_same(ours, other.coef(), other.se())
    np.testing.assert_allclose(ours.pvalues, other.pvalue()[ours.params.index], atol=ERRORS)


@pytest.mark.parametrize("formula", FORMULAS[:3])
@pytest.mark.parametrize(("se", "vcov", "cluster"), KINDS)
def test_logit_estimates_and_errors_are_those_of_pyfixest(panel, formula, se, vcov, cluster):
    formula = formula.format("choice")
    sample = used(wb.fit("felogit", formula, panel), panel)
    other = theirs("felogit", formula, sample, vcov)

    ours = wb.fit("felogit", formula, panel, se=se, cluster=cluster, ssc="pyfixest")

    assert ours.converged
    assert ours.nobs == other._N
    assert_same(ours, other.coef(), other.se())


def test_errors_clustered_in_two_directions_are_those_of_pyfixest(panel):
    formula = "count ~ x + z | firm + year"
    other = theirs("fepois", formula, panel, {"CRV1": "worker+year"})

    ours = wb.fit("fepois", formula, panel, cluster=["worker", "year"], ssc="fixest")

    assert ours.se_label == "cluster worker & year"
    assert_same(ours, other.coef(), other.se())


def test_errors_across_time_are_those_of_pyfixest(panel):
    rows = panel.drop_duplicates(["worker", "year"])
    options = {"vcov_kwargs": {"time_id": "year", "panel_id": "worker", "lag": 2}}
    other = theirs("fepois", "count ~ x + z | worker", rows, "DK", **options)

    ours = wb.fit(
        "fepois",
        "count ~ x + z | worker",
        used(wb.fit("fepois", "count ~ x | worker", rows), rows),
        se="driscoll_kraay",
        se_options={"time": "year", "lag": 2},
        ssc="pyfixest",
    )

    assert_same(ours, other.coef(), other.se())


def test_errors_by_leverage_are_refused(panel):
    with pytest.raises(OptionError, match="not a linear regression"):
        wb.fit("fepois", "count ~ x | year", panel, se="HC3")


# Against explicit dummies ------------------------------------------------------------------------
@pytest.mark.parametrize(("model", "outcome"), [("fepois", "amount"), ("felogit", "choice")])
@pytest.mark.parametrize("demeaner", [wb.LSMR(), wb.Schur(), wb.AlternatingProjections()])
def test_every_demeaner_gives_the_slopes_of_explicit_dummies(panel, model, outcome, demeaner):
    ours = wb.fit(model, f"{outcome} ~ x + z | firm + worker", panel, demeaner=demeaner)

    kept = used(ours, panel)
    family = sm.families.Poisson() if model == "fepois" else sm.families.Binomial()
    y, design = dummies(outcome, ["x", "z"], ["firm", "worker"], kept)
    other = sm.GLM(y, design, family).fit(tol=1e-14, maxiter=100)
    assert ours.converged
    assert_same(ours, other.params, other.bse)
    if model == "felogit":
        assert ours.loglik == pytest.approx(other.llf, abs=ERRORS)
        assert ours.aic == pytest.approx(other.aic, abs=ERRORS)


@pytest.mark.parametrize(
    ("model", "outcome"), [("fepois", "count"), ("felogit", "choice"), ("fenegbin", "burst")]
)
def test_a_table_lists_the_effects_that_were_absorbed(panel, model, outcome):
    table = wb.compare(wb.fit(model, f"{outcome} ~ x | worker + year", panel))

    marks = {row.label: row.cells for row in table.grid.rows if "effects" in row.label}
    assert marks == {"Fixed effects: worker": ("yes",), "Fixed effects: year": ("yes",)}


def test_negative_binomial_is_that_of_explicit_dummies(panel):
    sample = panel[panel.firm < 8]

    ours = wb.fit("fenegbin", "burst ~ x + z | firm + year", sample)

    y, design = dummies("burst", ["x", "z"], ["firm", "year"], used(ours, sample))
    other = sm.NegativeBinomial(y, design).fit(disp=0, method="newton", maxiter=100, tol=1e-14)
    assert ours.converged
    assert_same(ours, other.params, other.bse)
    assert ours.loglik == pytest.approx(other.llf, abs=ERRORS)
    assert ours.aic == pytest.approx(other.aic, abs=ERRORS)
    null = sm.NegativeBinomial(y, np.ones(len(y))).fit(disp=0, method="newton", tol=1e-12)
    assert ours.loglik_null == pytest.approx(null.llf, abs=1e-5)


def test_negative_binomial_errors_by_cluster_are_the_sandwich_of_the_whole_design(panel):
    ours = wb.fit("fenegbin", "burst ~ x + z | year", panel, cluster="firm", offset="hours")

    y, design = dummies("burst", ["x", "z"], ["year"], panel)
    other = sm.NegativeBinomial(y, design, offset=panel.hours).fit(
        disp=0,
        method="newton",
        tol=1e-14,
        cov_type="cluster",
        cov_kwds={"groups": panel.firm.to_numpy(), "use_correction": False},
    )
    groups = panel.firm.nunique()
    assert_same(ours, other.params, other.bse * np.sqrt(groups / (groups - 1)))


def test_counts_without_overdispersion_put_alpha_at_its_bound(panel):
    rng = np.random.default_rng(3)
    frame = panel.assign(count=rng.binomial(20, 0.3, ROWS))

    ours = wb.fit("fenegbin", "count ~ x | year", frame)

    poisson = wb.fit("fepois", "count ~ x | year", frame)
    assert ours.outcome.status_label == "! At a bound"
    assert np.isnan(ours.se["alpha"])
    assert ours.params["x"] == pytest.approx(poisson.params["x"], rel=1e-5)
    assert ours.loglik == pytest.approx(poisson.loglik, abs=1e-5)


def test_frequency_weights_are_repeated_rows(panel):
    frame = panel.assign(times=1 + panel.worker % 3)
    repeated = frame.loc[frame.index.repeat(frame.times)].reset_index(drop=True)
    options = {"se": "HC1", "fixef_rm": "none"}

    ours = wb.fit(
        "fepois", "count ~ x | firm", frame, weights="times", weight_kind="frequency", **options
    )
    whole = wb.fit("fepois", "count ~ x | firm", repeated, **options)

    assert ours.nobs == whole.nobs
    assert ours.loglik == pytest.approx(whole.loglik, abs=ERRORS)
    assert_same(ours, whole.params, whole.se)


def test_degrees_of_freedom_count_the_components_of_a_disconnected_graph(panel):
    frame = panel.assign(firm=panel.firm % 10, worker=panel.worker % 8 + 100 * (panel.firm % 2))

    ours = wb.fit("fepois", "count ~ x | firm + worker", frame)

    y, design = dummies("count", ["x"], ["firm", "worker"], frame)
    rank = np.linalg.matrix_rank(design.to_numpy())
    independent = design.drop(columns="worker_101")  # the second component's first
    other = sm.GLM(y, independent, sm.families.Poisson()).fit(tol=1e-14)
    assert rank == independent.shape[1]
    assert_same(ours, other.params, other.bse)
    assert ours.loglik == pytest.approx(other.llf, abs=ERRORS)
    assert ours.aic == pytest.approx(2 * rank - 2 * other.llf, abs=ERRORS)


def test_varying_slopes_are_interactions_with_dummies(panel):
    ours = wb.fit("fepois", "count ~ x | region[z] + year", panel)

    other = smf.glm(
        "count ~ x + C(region) + C(region):z + C(year)", panel, family=sm.families.Poisson()
    ).fit(tol=1e-14)
    assert_same(ours, other.params, other.bse)


# Separation --------------------------------------------------------------------------------------
def test_a_regressor_that_is_zero_where_the_outcome_is_positive_is_left_out_with_its_rows():
    frame = pd.DataFrame(
        {
            "y": [0.0, 0, 0, 1, 2, 3],
            "x1": [1.0, 1, 0, 0, 0, 0],
            "x2": [5.0, 6, 5, 6, 7, 8],
        }
    )

    fit = wb.fit("fepois", "y ~ x1 + x2", frame)

    other = smf.glm("y ~ x2", frame[frame.x1 == 0], family=sm.families.Poisson()).fit(tol=1e-14)
    assert fit.converged
    assert dict(fit.dropped) == {"separated by the regressors": 2}
    assert list(fit.params.index) == ["Intercept", "x2"]
    assert_same(fit, other.params, other.bse)
    assert "x1" in fit.left_out[0]


def test_a_regressor_of_either_sign_among_the_zeros_separates_nothing():
    frame = pd.DataFrame(
        {
            "y": [0.0, 0, 0, 1, 2, 3, 4, 2],
            "x1": [2.0, -1, 3, 0, 0, 0, 0, 0],
            "x2": [1.0, 2, 3, 4, 5, 6, 7, 9],
        }
    )

    fit = wb.fit("fepois", "y ~ x1 + x2", frame)

    other = smf.glm("y ~ x1 + x2", frame, family=sm.families.Poisson()).fit(tol=1e-14)
    assert fit.converged
    assert not fit.dropped
    assert_same(fit, other.params, other.bse)


def test_levels_without_variation_are_left_out_until_none_is_left(panel):
    frame = panel.assign(count=np.where(panel.worker < 3, 0.0, panel["count"]))
    frame["lonely"] = np.where(panel.worker < 3, panel.worker, 7)
    frame.loc[frame.index[-1], ["lonely", "worker", "count"]] = [0, 9, 2.0]

    fit = wb.fit("fepois", "count ~ x | worker + lonely", frame)

    zeros = int((panel.worker < 3).sum()) - int(panel.worker.iloc[-1] < 3)
    assert dict(fit.dropped) == {"only zeros in worker": zeros, "alone in lonely": 1}
    assert fit.nobs == ROWS - zeros - 1


def test_rows_separated_by_a_regressor_and_effects_together_are_found_and_left_out(panel):
    rng = np.random.default_rng(11)
    height = rng.normal(size=100)[panel.firm]
    pushed = (panel["amount"] == 0) & (rng.random(ROWS) < 0.3)
    frame = panel.assign(c=height + pushed * rng.exponential(size=ROWS))

    fit = wb.fit("fepois", "amount ~ x + c | firm + year", frame)
    without = wb.fit("fepois", "amount ~ x | firm + year", frame[~pushed])

    other = theirs("fepois", "amount ~ x | firm + year", used(without, frame))
    assert fit.converged
    assert fit.dropped["separated by the regressors"] > 0
    assert list(fit.params.index) == ["x"]
    assert fit.nobs == other._N
    assert_same(fit, other.coef(), without.se)


def test_a_logit_predicted_exactly_has_no_maximum_and_names_the_regressor(panel):
    frame = panel.assign(s=panel.choice * (1 + panel.w))

    fit = wb.fit("felogit", "choice ~ x + s | year", frame)

    assert fit.outcome.status_label == "✕ Separated"
    assert "s and year together predict choice exactly" in fit.message
    assert fit.params.isna().all()


def test_a_logit_predicted_exactly_in_some_rows_is_that_of_the_others(panel):
    rng = np.random.default_rng(2)
    sure = (panel.choice == 1) & (rng.random(ROWS) < 0.1)
    frame = panel.assign(s=sure.astype(float))

    fit = wb.fit("felogit", "choice ~ x + s | year", frame)

    without = wb.fit("felogit", "choice ~ x | year", panel[~sure])
    assert fit.converged
    assert dict(fit.dropped) == {"separated by the regressors": int(sure.sum())}
    assert fit.params["x"] == pytest.approx(without.params["x"], rel=COEFFICIENTS)


# Hard cases --------------------------------------------------------------------------------------
def gravity(countries=12, years=4):
    """Draw flows between countries over years: huge means, many zeros, three large factors."""
    rng = np.random.default_rng(8)
    places = np.meshgrid(*map(range, (countries, countries, years)), indexing="ij")
    frame = pd.DataFrame(dict(zip(("exp", "imp", "year"), map(np.ravel, places), strict=True)))
    frame = frame[frame.exp != frame.imp].reset_index(drop=True)
    size = np.exp(2 * rng.normal(size=countries) + 8)
    far = rng.uniform(0, 3, (countries, countries))[frame.exp, frame.imp]
    begun = rng.integers(1, years, (countries, countries))[frame.exp, frame.imp]
    frame["rta"] = (frame.year >= begun).astype(float)
    frame["tariff"] = rng.uniform(0, 0.3, len(frame))
    mean = size[frame.exp] * size[frame.imp] * np.exp(0.3 * frame.rta - 2 * frame.tariff - 2 * far)
    traded = rng.random(len(frame)) > 0.9 * np.exp(-mean / 100)
    return frame.assign(flow=1000 * mean * rng.gamma(0.5, 2.0, len(frame)) * traded)


def test_a_gravity_model_ends_when_its_effects_have_converged():
    frame = gravity()
    formula = "flow ~ rta + tariff | exp^year + imp^year + exp^imp"

    fit = wb.fit("fepois", formula, frame, cluster="exp", ssc="pyfixest")

    joined = used(fit, frame).assign(
        ey=lambda f: f.exp * 100 + f.year,
        iy=lambda f: f.imp * 100 + f.year,
        ei=lambda f: f.exp * 100 + f.imp,
    )
    other = theirs("fepois", "flow ~ rta + tariff | ey + iy + ei", joined, {"CRV1": "exp"})
    assert fit.converged
    assert_same(fit, other.coef(), other.se())
    residuals, rows = fit.residuals, joined
    for groups in ("ey", "iy", "ei"):  # the first-order conditions of the effects
        sums = residuals.groupby(rows[groups]).sum()
        assert np.abs(sums / rows.groupby(groups).flow.sum()).max() < 1e-9


@pytest.mark.parametrize("unit", [1e-12, 1e9])
def test_the_unit_of_an_amount_changes_no_slope(panel, unit):
    frame = panel.assign(amount=panel["amount"] * unit)
    plain = wb.fit("fepois", "amount ~ x + z | firm + year", panel, se="HC1")

    ours = wb.fit("fepois", "amount ~ x + z | firm + year", frame, se="HC1")

    assert ours.converged
    assert_same(ours, plain.params, plain.se)


def test_an_outcome_of_almost_only_zeros_gives_the_slopes_of_pyfixest():
    rng = np.random.default_rng(5)
    rows = 6_000
    frame = pd.DataFrame({"f": rng.integers(0, 80, rows), "x": rng.normal(size=rows)})
    frame["y"] = rng.poisson(np.exp(0.5 * frame.x - 5)).astype(float)

    fit = wb.fit("fepois", "y ~ x | f", frame, se="HC1", ssc="pyfixest")

    other = theirs("fepois", "y ~ x | f", frame, "hetero")
    assert fit.dropped["only zeros in f"] > rows / 3
    assert_same(fit, other.coef(), other.se())


# Facts of the fit --------------------------------------------------------------------------------
def test_log_likelihood_and_pseudo_r2_are_those_of_pyfixest(panel):
    other = theirs("fepois", "count ~ x + z | firm + year", panel)

    fit = wb.fit("fepois", "count ~ x + z | firm + year", panel)

    assert fit.loglik == pytest.approx(other._loglik, abs=ERRORS)
    assert fit.loglik_null == pytest.approx(other._loglik_null, abs=ERRORS)
    assert fit.pseudo_r2 == pytest.approx(other._pseudo_r2, abs=COEFFICIENTS)


def test_effects_and_predictions_are_those_of_dummies(panel):
    frame = panel.assign(firm=panel.firm % 7)

    fit = wb.fit("fepois", "count ~ x | firm + year", frame, offset="hours")

    y, design = dummies("count", ["x"], ["firm", "year"], frame)
    other = sm.GLM(y, design, sm.families.Poisson(), offset=frame.hours).fit(tol=1e-14)
    effects = fit.fixed_effects()
    firms = [other.params[f"firm_{level}"] for level in effects["firm"].index]
    np.testing.assert_allclose(effects["firm"], firms, atol=1e-7)
    np.testing.assert_allclose(fit.predict(), other.fittedvalues, rtol=1e-7)
    np.testing.assert_allclose(fit.residuals, frame["count"] - other.fittedvalues, atol=1e-6)
    again = fit.predict(frame.head(9).assign(year=[1900, *frame.year[1:9]]))
    assert np.isnan(again[0])
    np.testing.assert_allclose(again[1:], other.fittedvalues[1:9], rtol=1e-7)


def test_the_table_says_which_effects_were_absorbed(panel):
    poisson = wb.fit("fepois", "count ~ x | firm + region[z]", panel, name="effects")
    plain = wb.fit("fepois", "count ~ x", panel, name="none")

    lines = str(wb.compare(poisson, plain)).splitlines()

    assert poisson.absorbed == ("firm", "region", "region[z]")
    assert plain.absorbed == ()
    for name in poisson.absorbed:
        (line,) = (line for line in lines if f"Fixed effects: {name} " in line)
        assert line.split()[-2:] == ["yes", "no"]
        assert f"Fixed effects: {name},yes,,no,\n" in wb.compare(poisson, plain).to_csv()


def test_a_regressor_that_the_effects_absorb_is_left_out_by_name(panel):
    frame = panel.assign(size=panel.firm * 1.7 + 10, copy=panel.x + 3 * panel.year)

    fit = wb.fit("fepois", "count ~ size + x + copy | firm + year", frame)

    plain = wb.fit("fepois", "count ~ x | firm + year", frame)
    assert list(fit.params.index) == ["x"]
    assert fit.left_out[0] == "size is absorbed by firm + year and was left out of the model."
    assert np.isnan(fit.trace.last.params).tolist() == [True, False, True]
    assert fit.params["x"] == pytest.approx(plain.params["x"], rel=COEFFICIENTS)


def test_a_logit_with_small_groups_says_that_it_is_biased(panel):
    small = wb.fit("felogit", "choice ~ x | worker^year", panel)
    large = wb.fit("felogit", "choice ~ x | year", panel)

    assert any("incidental parameters" in note for note in small.notes)
    assert not any("incidental parameters" in note for note in large.notes)


# The run -----------------------------------------------------------------------------------------
def test_each_step_and_each_demeaning_is_recorded(panel):
    run = wb.start("fepois", "amount ~ x + z | firm + worker", panel, demeaner="lsmr")

    fit = run.result()

    objectives = [step.objective for step in run.trace]
    assert objectives == sorted(objectives, reverse=True)
    assert -objectives[-1] * fit.nobs == pytest.approx(fit.loglik)
    assert all(step.decrement >= 0 for step in run.trace)
    assert run.trace.last.decrement < 1e-8
    assert run.demeaning.rounds == len(run.trace) + 1
    assert run.demeaning.column_names == ("amount", "x", "z")
    assert run.demeaning.last.residuals.shape == (3,)
    assert {"demean", "optimize", "hessian"} <= set(fit.timing)
    assert fit.message.startswith("Converged after")
    assert fit.provenance["backend"] == "numpy"


def test_a_paused_run_waits_within_its_demeaning_and_one_stopped_there_keeps_nothing():
    rng = np.random.default_rng(5)
    rows = 30_000
    frame = pd.DataFrame({"a": np.arange(rows) // 2, "b": (np.arange(rows) + 1) // 2})
    frame["x"], frame["y"] = rng.normal(size=rows), rng.poisson(3.0, rows) + 1.0
    options = {"demeaner": wb.AlternatingProjections(tol=1e-13), "fixef_rm": "none"}
    run = wb.start("fepois", "y ~ x | a + b", frame, **options)
    while len(run.demeaning) < 2 and not run.wait(0.01):
        pass

    run.pause()
    time.sleep(0.2)
    seen = len(run.demeaning)
    time.sleep(0.2)
    still = len(run.demeaning)
    run.stop()

    assert run.wait(10)
    assert seen == still
    assert run.fit is None


def test_a_run_stopped_within_a_step_keeps_the_step_before(panel):
    run = wb.start("fepois", "amount ~ x | firm + worker", panel, demeaner="alternating")
    run.pause()
    stepped = []
    run.trace.listen(lambda step: (stepped.append(step.number), run.stop()), replay=True)

    run.resume()

    fit = run.result()
    assert stepped == [0]
    assert fit.outcome.status_label == "■ Stopped"
    assert fit.se.isna().all()
    assert fit.params["x"] == run.trace[0].params[0]
    assert fit.standard_errors("hessian")["x"] > 0


def test_the_step_limit_leaves_a_fit_that_goes_on_to_the_same_end(panel):
    formula = "amount ~ x + z | firm + year"
    whole = wb.fit("fepois", formula, panel)

    run = wb.start("fepois", formula, panel, max_steps=1)
    early = run.result()
    late = run.continue_with(max_steps=50).result()

    assert early.outcome.status_label == "! Not converged"
    assert early.se.isna().all()
    assert late.converged
    assert_same(late, whole.params, whole.se)


def test_a_fit_survives_json_and_its_code_repeats_it(panel):
    fit = wb.fit("fenegbin", "burst ~ x | year", panel, cluster="firm", ssc="fixest")

    again = wb.Fit.from_dict(fit.to_dict())

    pd.testing.assert_series_equal(again.se, fit.se, check_index_type=False)
    assert again.standard_errors("hessian").equals(fit.standard_errors("hessian"))
    assert (
        'wb.fit(\n    "fenegbin"' in fit.code().python or 'wb.fit("fenegbin"' in fit.code().python
    )
    assert "--model fenegbin" in fit.code().magic


def test_what_is_invalid_is_refused_in_one_sentence(panel):
    negative = panel.assign(count=panel["count"] - 2)
    with pytest.raises(DataError, match=r"count to be zero or more; .* first is row \d+ with -"):
        wb.fit("fepois", "count ~ x | firm", negative)
    with pytest.raises(DataError, match="choice2 to be 0 or 1"):
        wb.fit("felogit", "choice2 ~ x | firm", panel.assign(choice2=panel.choice * 2))
    with pytest.raises(FormulaError, match="does not take instruments"):
        wb.fit("fepois", "count ~ x | firm | z ~ w", panel)
    with pytest.raises(OptionError, match=r'offset="log\(w\)"'):
        wb.fit("fepois", "count ~ x | firm", panel, exposure="w")
    with pytest.raises(OptionError, match=r"in the formula, as in .y ~ x \| firm"):
        wb.fit("fepois", "count ~ x", panel, absorb="firm")
    with pytest.raises(FormulaError, match='with offset="hours"'):
        wb.fit("fepois", "count ~ x + offset(hours) | firm", panel)
    with pytest.raises(OptionError, match="bfgs"):
        wb.fit("fepois", "count ~ x | firm", panel, optimizer="bfgs")
    with pytest.raises(DataError, match="No row is left"):
        wb.fit("felogit", "choice ~ x | id", panel.assign(id=range(ROWS)), fixef_rm="none")


@pytest.mark.parametrize("model", ["fepois", "felogit", "fenegbin"])
def test_models_are_listed(model):
    listed = wb.models().loc[model]

    assert listed["title"].endswith("fixed effects")
    assert "fixed effects" in listed["roles"]
