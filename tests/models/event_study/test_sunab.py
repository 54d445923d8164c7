"""Event studies in the formula: i() and sunab() against pyfixest and explicit dummies."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import statsmodels.formula.api as smf
from packaging.version import Version

import workbench as wb
from workbench.errors import OptionError
from workbench.results.fit import Fit
from workbench.runs.store.json_codec import dumps, loads

# The demands of the proof: both programs project to this relative precision.
COEFFICIENTS, ERRORS = 1e-8, 1e-6
SUNAB = "y ~ x + sunab(first_treated, year) | unit + year"


@pytest.fixture(scope="module")
def staggered():
    return wb.load("staggered")


@pytest.fixture(scope="module")
def sun_abraham(staggered):
    return wb.fit("feols", SUNAB, staggered, cluster="unit", ssc="pyfixest")


def pyfixest(formula, frame, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tight = pf.MapDemeaner(fixef_tol=1e-13, fixef_maxiter=100_000)
        return pf.feols(formula, frame, demeaner=tight, **options)


def test_a_two_way_event_study_is_that_of_pyfixest(staggered):
    # pyfixest takes one reference: the never treated join the year before the treatment.
    joined = staggered.assign(t=staggered.time_to_treatment.replace(-1000, -1))
    other = pyfixest("y ~ x + i(t, ref=-1) | unit + year", joined, vcov={"CRV1": "region"})

    formula = "y ~ x + i(time_to_treatment, ever_treated, ref=[-1, -1000]) | unit + year"
    ours = wb.fit("feols", formula, staggered, cluster="region", ssc="pyfixest")

    names = [name.replace("t::", "time_to_treatment::") for name in other.coef().index]
    names = [name if name == "x" else f"{name}:ever_treated" for name in names]
    np.testing.assert_allclose(ours.params[names], other.coef(), atol=COEFFICIENTS)
    np.testing.assert_allclose(ours.se[names], other.se(), rtol=ERRORS)


def test_every_level_without_a_reference_leaves_the_collinear_one_out_by_name(staggered):
    ours = wb.fit("feols", "y ~ i(year, ever_treated) | unit + year", staggered)

    assert len(ours.params) == 11
    assert ours.left_out[0].startswith("year::2015:ever_treated is a combination of")


@pytest.fixture(scope="module")
def cells(staggered):
    """Estimate every cohort in every period with explicit dummies, errors clustered by unit."""
    frame = staggered.copy()
    made = {}
    for g in (2007, 2010, 2013):
        for e in range(2004 - g, 2016 - g):
            if e != -1:
                made[g, e] = name = f"c{g}_{e}".replace("-", "m")
                frame[name] = ((frame.first_treated == g) & (frame.year == g + e)).astype(float)
    formula = f"y ~ x + {' + '.join(made.values())} + C(unit) + C(year)"
    by_unit = {"groups": frame.unit, "use_correction": False}
    return made, smf.ols(formula, frame).fit(cov_type="cluster", cov_kwds=by_unit)


def test_every_cohort_in_every_period_has_the_estimate_of_explicit_dummies(staggered, cells):
    made, dummies = cells
    names = [f"year::{e}:cohort::{g}" for g, e in made]

    ours = wb.fit("feols", SUNAB, staggered, cluster="unit", ssc="none").aggregate("cells")

    np.testing.assert_allclose(ours.params[names], dummies.params[list(made.values())], atol=1e-8)
    np.testing.assert_allclose(ours.se[names], dummies.bse[list(made.values())], rtol=ERRORS)


def test_the_average_effect_has_the_delta_methods_error(staggered, cells):
    made, dummies = cells
    rows = staggered.groupby(["first_treated", "time_to_treatment"]).size()
    treated = {name: rows[cell] for cell, name in made.items() if cell[1] >= 0}
    weights = pd.Series(treated).reindex(dummies.params.index).fillna(0) / sum(treated.values())

    ours = wb.fit("feols", SUNAB, staggered, cluster="unit", ssc="none").aggregate("att")

    assert list(ours.params.index) == ["x", "ATT"]
    assert ours.params["ATT"] == pytest.approx(weights @ dummies.params, abs=COEFFICIENTS)
    variance = weights @ dummies.cov_params() @ weights
    assert ours.se["ATT"] == pytest.approx(np.sqrt(variance), rel=ERRORS)


@pytest.mark.skipif(
    Version(np.__version__) < Version("2.1"), reason="pyfixest 0.60 crosses factors by numpy 2.1"
)
def test_periods_are_averaged_as_in_pyfixest(staggered):
    frame = staggered.assign(first_treated=staggered.first_treated.replace(10_000, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        columns = {"yname": "y", "idname": "unit", "tname": "year", "gname": "first_treated"}
        saturated = pf.event_study(frame, **columns, estimator="saturated", cluster="unit")
        other = saturated.aggregate().astype(float)

    formula = "y ~ sunab(first_treated, year) | unit + year"
    ours = wb.fit("feols", formula, frame, cluster="unit", ssc="pyfixest")

    names = [f"year::{period:g}" for period in other.index]
    np.testing.assert_allclose(ours.params[names], other["Estimate"], atol=COEFFICIENTS)
    np.testing.assert_allclose(ours.se[names], other["Std. Error"], rtol=ERRORS)


def test_weights_count_in_the_shares_of_cohorts(staggered):
    twice = pd.concat([staggered, staggered[staggered.first_treated == 2010]])
    weighted = staggered.assign(w=1.0 + (staggered.first_treated == 2010))

    ours = wb.fit("feols", SUNAB, weighted, weights="w").aggregate("att")

    repeated = wb.fit("feols", SUNAB, twice).aggregate("att")
    np.testing.assert_allclose(ours.params, repeated.params, atol=COEFFICIENTS)


def test_the_formula_may_ask_for_the_average_at_once(staggered, sun_abraham):
    formula = SUNAB.replace("year)", "year, att=True)")

    ours = wb.fit("feols", formula, staggered, cluster="unit", ssc="pyfixest")

    pd.testing.assert_series_equal(ours.se, sun_abraham.aggregate("att").se)


def test_averaging_changes_neither_the_fit_nor_its_residuals(staggered, sun_abraham):
    average = sun_abraham.aggregate("cohort")

    assert list(average.params.index) == ["x", "cohort::2007", "cohort::2010", "cohort::2013"]
    assert (average.aic, average.df_resid) == (sun_abraham.aic, 239)
    residuals = staggered.y - average.predict(staggered)
    np.testing.assert_allclose(residuals, sun_abraham.residuals, atol=COEFFICIENTS)


def test_a_fit_from_the_record_can_still_be_averaged(sun_abraham):
    again = Fit.from_dict(loads(dumps(sun_abraham.to_dict())))

    pd.testing.assert_series_equal(again.aggregate("att").se, sun_abraham.aggregate("att").se)


def test_a_model_without_cohorts_says_so(staggered):
    fit = wb.fit("feols", "y ~ x | unit", staggered)

    with pytest.raises(OptionError, match="has no cohorts to average"):
        fit.aggregate("att")


def test_an_unknown_average_is_refused(sun_abraham):
    with pytest.raises(OptionError, match='no average by "calendar"'):
        sun_abraham.aggregate("calendar")


def test_leads_are_tested_together_by_their_names_in_backticks(sun_abraham):
    leads = [f"year::{e}" for e in range(-9, -1)]
    gap, v = sun_abraham.params[leads], sun_abraham.covariance().loc[leads, leads]

    test = sun_abraham.test(", ".join(f"`{name}` = 0" for name in leads))

    assert test.statistic == pytest.approx(gap @ np.linalg.solve(v, gap) / len(leads))


def test_the_code_of_a_run_repeats_it(sun_abraham, staggered):
    scope = {"staggered": staggered}
    exec(sun_abraham.code().python, scope)

    pd.testing.assert_series_equal(scope["fit"].se, sun_abraham.se)
