"""Errors by leverage, by deletion, across time and space, against formulas and other programs."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.stats.sandwich_covariance import cov_hac, cov_nw_panel

import workbench as wb
from workbench.errors import DataError, InferenceError, OptionError, WorkbenchError

# Explicit dummies and demeaned columns differ by the demeaner's tolerance.
SAME = 1e-7
ROWS = 240


@pytest.fixture(scope="module")
def panel():
    """Draw an unbalanced panel of 24 persons, with towns, firms, jobs, weights and a count."""
    rng = np.random.default_rng(77)
    person, year = (part.ravel() for part in np.meshgrid(np.arange(24), np.arange(2000, 2013)))
    seen = rng.permutation(len(person))[:ROWS]
    frame = pd.DataFrame({"person": person[seen], "year": year[seen]})
    frame["firm"] = rng.integers(0, 9, ROWS)
    frame["job"] = rng.choice(list("abcd"), ROWS)
    frame["region"] = frame.person % 6
    for name in ("x", "z", "v", "trend"):
        frame[name] = rng.normal(size=ROWS)
    frame["w"] = rng.uniform(0.5, 2, ROWS)
    frame["times"] = rng.integers(1, 4, ROWS)
    frame["lat"], frame["lon"] = rng.uniform(-60, 70, ROWS), rng.uniform(-180, 180, ROWS)
    frame["d"] = frame.z + 0.5 * frame.v + rng.normal(size=ROWS)
    noise = (
        rng.normal(size=ROWS) * (1 + np.abs(frame.x)) + 0.5 * rng.normal(size=13)[year[seen] - 2000]
    )
    frame["y"] = frame.x + 0.4 * frame.d + 0.05 * frame.firm + np.sin(frame.person) + noise
    return frame


def theirs(formula, frame, vcov, **options):
    """Fit with pyfixest, its demeaning far below our tolerance."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tight = pf.MapDemeaner(fixef_tol=1e-13, fixef_maxiter=100_000)
        return pf.feols(formula, frame, vcov=vcov, demeaner=tight, fixef_rm="none", **options)


# Leverage ---------------------------------------------------------------------------------------
ABSORBED = {
    "firm": "C(firm)",
    "firm + job": "C(firm) + C(job)",
    "person + firm + job": "C(person) + C(firm) + C(job)",
    "person + region + firm": "C(person) + C(firm)",
    "job[trend] + firm": "C(firm) + C(job) + C(job):trend",
    "firm + job[[trend]]": "C(firm) + C(job):trend",
}


@pytest.mark.parametrize("kind", ["HC2", "HC3"])
@pytest.mark.parametrize("absorbed", ABSORBED)
@pytest.mark.parametrize("weights", [None, "w"])
def test_hc2_and_hc3_with_effects_are_those_of_dummies(panel, absorbed, kind, weights):
    formula = f"y ~ x + z + {ABSORBED[absorbed]}"
    dummies = smf.wls(formula, panel, weights=1 if weights is None else panel[weights]).fit()
    expected = pd.Series(dummies.get_robustcov_results(kind).bse, dummies.params.index)

    fit = wb.fit("feols", f"y ~ x + z | {absorbed}", panel, se=kind, weights=weights)

    np.testing.assert_allclose(fit.se, expected[["x", "z"]], rtol=SAME)
    assert (fit.se_label, fit.ssc_label) == (kind, "")
    assert fit.df_resid == dummies.df_resid


def test_hc3_of_disconnected_effects_is_that_of_dummies(panel):
    frame = panel.assign(left=panel.person % 2 * 5 + panel.firm % 5, right=panel.person)
    design = _dummies(frame, ["left", "right"])
    inverse = np.linalg.pinv(design, rcond=1e-12)  # dependent dummies, up to rounding
    hat = np.einsum("ij,ji->i", design, inverse)
    rows = inverse[0] * (frame.y - design @ (inverse @ frame.y)) / (1 - hat)

    fit = wb.fit("feols", "y ~ x | left + right", frame, se="HC3")

    assert fit.se["x"] == pytest.approx(np.sqrt(rows @ rows), rel=SAME)


def _dummies(frame, names):
    parts = [frame[["x"]], *(pd.get_dummies(frame[name], dtype=float) for name in names)]
    return np.column_stack([part.to_numpy() for part in parts])


@pytest.mark.parametrize("kind", ["HC2", "HC3", "CRV3"])
@pytest.mark.parametrize("effects", ["", " | firm + job"])
def test_counts_are_rows_repeated(panel, kind, effects):
    repeated = panel.loc[panel.index.repeat(panel.times)]
    options = {"se": kind, "cluster": "region" if kind == "CRV3" else None}

    counted = wb.fit(
        "feols", f"y ~ x + z{effects}", panel, weights="times", weight_kind="frequency", **options
    )
    whole = wb.fit("feols", f"y ~ x + z{effects}", repeated, **options)

    np.testing.assert_allclose(counted.se, whole.se, rtol=SAME)
    bootstrapped = [fit.wild_bootstrap("x = 0", cluster="region") for fit in (counted, whole)]
    assert bootstrapped[0].pvalue == bootstrapped[1].pvalue
    assert bootstrapped[0].upper == pytest.approx(bootstrapped[1].upper)


def test_pyfixest_corrects_hc3_once_more(panel):
    other = theirs("y ~ x + z", panel, "HC3")

    fit = wb.fit("feols", "y ~ x + z", panel, se="HC3", ssc="pyfixest")

    np.testing.assert_allclose(fit.se, other.se()[["Intercept", "x", "z"]], rtol=SAME)
    assert fit.ssc_label == "n/(n−k)"


def test_a_row_with_leverage_one_has_no_hc3(panel):
    frame = pd.concat([panel, panel.head(1).assign(firm=99)])

    with pytest.raises(InferenceError, match=r"1 row has leverage one .* so HC3"):
        wb.fit("feols", "y ~ x | firm", frame, se="HC3", fixef_rm="none")
    assert wb.fit("feols", "y ~ x | firm", frame, se="HC3").nobs == ROWS


# Deletion ---------------------------------------------------------------------------------------
FORMULAS = [
    "y ~ x + z",
    "y ~ x + z | region",
    "y ~ x + z | region + job",
    "y ~ x + z | firm + job",
    "y ~ x + z | firm + job[trend]",
    "y ~ x | job | d ~ z + v",
]


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("weights", [None, "w"])
def test_crv3_is_every_cluster_left_out_and_estimated_again(panel, formula, weights):
    without = _without_each(formula, panel, "region", weights)

    fit = wb.fit("feols", formula, panel, se="CRV3", cluster="region", weights=weights)

    changes = without - fit.params.to_numpy()
    np.testing.assert_allclose(fit.se, np.sqrt(5 / 6 * (changes**2).sum(axis=0)), rtol=SAME)
    assert (fit.se_label, fit.ssc_label, fit.df_resid) == ("CRV3 region", "(g−1)/g", 5)
    around = fit.standard_errors("CRV3", centre="mean")
    spread = without - without.mean(axis=0)
    np.testing.assert_allclose(around, np.sqrt(5 / 6 * (spread**2).sum(axis=0)), rtol=SAME)


def _without_each(formula, frame, cluster, weights):
    fits = [
        wb.fit("feols", formula, frame[frame[cluster] != each], weights=weights, fixef_rm="none")
        for each in frame[cluster].unique()
    ]
    return np.array([fit.params.to_numpy() for fit in fits])


def test_crv3_with_many_levels_demeans_anew(panel, monkeypatch):
    short = wb.fit("feols", "y ~ x + z | person + firm", panel, se="CRV3", cluster="job")
    monkeypatch.setattr("workbench.covariances.delete_cluster._MOST_DUMMIES", 3)

    long = wb.fit("feols", "y ~ x + z | person + firm", panel, se="CRV3", cluster="job")

    np.testing.assert_allclose(long.se, short.se, rtol=SAME)


@pytest.mark.parametrize("formula", ["y ~ x + z", "y ~ x + z | job"])
def test_crv3_is_that_of_pyfixest_by_its_convention(panel, formula):
    other = theirs(formula, panel, {"CRV3": "region"})

    fit = wb.fit("feols", formula, panel, se="CRV3", cluster="region", ssc="pyfixest")

    np.testing.assert_allclose(fit.se, other.se()[list(fit.params.index)], rtol=SAME)


def test_crv3_needs_every_regressor_without_every_cluster(panel):
    frame = panel.assign(only=panel.x * (panel.region == 2))

    with pytest.raises(InferenceError, match="Without one of the clusters of region, only"):
        wb.fit("feols", "y ~ z + only | job", frame, se="CRV3", cluster="region")
    with pytest.raises(OptionError, match="one column of clusters, not 2"):
        wb.fit("feols", "y ~ z | job", frame, se="CRV3", cluster=["region", "job"])


@pytest.mark.parametrize("ssc", ["fixest", "statsmodels"])
def test_each_direction_may_have_its_own_number_of_clusters(panel, ssc):
    groups = panel[["region", "firm"]].to_numpy()
    by_each = smf.ols("y ~ x + z", panel).fit(cov_type="cluster", cov_kwds={"groups": groups})

    fit = wb.fit(
        "ols",
        "y ~ x + z",
        panel,
        cluster=["region", "firm"],
        se_options={"cluster_df": "conventional"},
        ssc=ssc,
    )

    np.testing.assert_allclose(fit.se, by_each.bse, rtol=SAME)
    assert (fit.standard_errors("cluster", cluster_df="min") != fit.se).all()
    assert fit.ssc_label.endswith("each its own g")


# Time -------------------------------------------------------------------------------------------
def test_newey_west_of_one_series_is_that_of_statsmodels(panel):
    series = panel.assign(t=np.random.default_rng(3).permutation(ROWS))
    ordered = smf.ols("y ~ x + z", series.sort_values("t")).fit()
    expected = np.sqrt(np.diag(cov_hac(ordered, nlags=4, use_correction=False)))

    fit = wb.fit(
        "ols", "y ~ x + z", series, se="newey_west", se_options={"time": "t", "lag": 4}, ssc="none"
    )

    np.testing.assert_allclose(fit.se, expected, rtol=SAME)
    assert fit.se_label == "Newey-West (4 lags)"


def test_newey_west_of_a_balanced_panel_is_that_of_statsmodels():
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"unit": np.repeat(np.arange(20), 9), "t": np.tile(np.arange(9), 20)})
    frame["x"], frame["y"] = rng.normal(size=180), rng.normal(size=180)
    plain = smf.ols("y ~ x", frame).fit()
    expected = np.sqrt(
        np.diag(cov_nw_panel(plain, 2, list(zip(range(0, 180, 9), range(9, 181, 9), strict=True))))
    )
    options = {"time": "t", "unit": "unit", "lag": 2}

    shuffled = frame.sample(frac=1, random_state=1)
    fit = wb.fit("ols", "y ~ x", shuffled, se="newey_west", se_options=options, ssc="statsmodels")

    np.testing.assert_allclose(fit.se, expected, rtol=SAME)
    assert fit.ssc_label == "n/(n−k)"


@pytest.mark.parametrize("lag", [1, 3])
def test_newey_west_of_a_balanced_panel_with_effects_is_that_of_pyfixest(lag):
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({"unit": np.repeat(np.arange(15), 8), "t": np.tile(np.arange(8), 15)})
    frame["x"], frame["y"] = rng.normal(size=120), rng.normal(size=120)
    arguments = {"time_id": "t", "panel_id": "unit", "lag": lag}
    other = theirs("y ~ x | unit", frame, "NW", vcov_kwargs=arguments)
    options = {"time": "t", "unit": "unit", "lag": lag}

    fit = wb.fit(
        "feols", "y ~ x | unit", frame, se="newey_west", se_options=options, ssc="pyfixest"
    )

    np.testing.assert_allclose(fit.se, other.se()[["x"]], rtol=SAME)
    np.testing.assert_allclose(fit.pvalues, other.pvalue()[["x"]], rtol=1e-6)


STATSMODELS = [
    ("HAC", {"maxlags": 2}, "newey_west", {"time": "k"}),
    ("hac-panel", {"maxlags": 2, "groups": "unit"}, "newey_west", {"time": "t", "unit": "unit"}),
    ("hac-groupsum", {"maxlags": 2, "time": "t"}, "driscoll_kraay", {"time": "t"}),
]


@pytest.mark.parametrize(("their_kind", "arguments", "kind", "options"), STATSMODELS)
def test_the_factors_of_statsmodels_are_its_defaults(their_kind, arguments, kind, options):
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"unit": np.repeat(np.arange(9), 7), "t": np.tile(np.arange(7), 9)})
    frame["x"], frame["y"], frame["k"] = rng.normal(size=63), rng.normal(size=63), np.arange(63)
    ordered = frame.sort_values(["t", "unit"] if kind == "driscoll_kraay" else ["unit", "t"])
    columns = {key: ordered[name].to_numpy() for key, name in arguments.items() if key != "maxlags"}
    plain = smf.ols("y ~ x", ordered)

    other = plain.fit(cov_type=their_kind, cov_kwds={"maxlags": 2, **columns})
    fit = wb.fit(
        "ols", "y ~ x", frame, se=kind, se_options={**options, "lag": 2}, ssc="statsmodels"
    )

    np.testing.assert_allclose(fit.se, other.bse, rtol=SAME)


@pytest.mark.parametrize("formula", ["y ~ x + z", "y ~ x + z | firm"])
@pytest.mark.parametrize("lag", [None, 3])
def test_driscoll_kraay_is_that_of_pyfixest(panel, formula, lag):
    arguments = {"time_id": "year", "panel_id": "person"} | ({} if lag is None else {"lag": lag})
    other = theirs(formula, panel, "DK", vcov_kwargs=arguments)
    options = {"time": "year"} | ({} if lag is None else {"lag": lag})

    fit = wb.fit("feols", formula, panel, se="driscoll_kraay", se_options=options, ssc="pyfixest")

    names = list(fit.params.index)
    np.testing.assert_allclose(fit.se, other.se()[names], rtol=SAME)
    np.testing.assert_allclose(fit.pvalues, other.pvalue()[names], rtol=1e-6)
    assert fit.se_label == f"Driscoll-Kraay ({lag or 1} lag{'s' * (lag == 3)})"


def test_lags_count_periods_and_not_rows(panel):
    """Without 2005 to 2007 the years 2004 and 2008 are neighbours, as in fixest."""
    gap = panel[(panel.year < 2005) | (panel.year > 2007)]
    closed = gap.assign(year=gap.year - 3 * (gap.year > 2007))
    options = {"time": "year", "unit": "person", "lag": 2}

    one, other = (
        wb.fit("feols", "y ~ x | firm", frame, se="newey_west", se_options=options)
        for frame in (gap, closed)
    )

    pd.testing.assert_series_equal(one.se, other.se)


def test_dates_are_periods_in_their_order(panel):
    dated = panel.assign(day=pd.to_datetime(panel.year.astype(str)))

    one, other = (
        wb.fit("ols", "y ~ x", dated, se="driscoll_kraay", se_options={"time": name, "lag": 2})
        for name in ("day", "year")
    )

    pd.testing.assert_series_equal(one.se, other.se)


def test_likelihoods_have_errors_across_time_and_space(panel):
    frame = panel.assign(n=np.random.default_rng(4).poisson(np.exp(0.3 * panel.x)))
    poisson = smf.glm("n ~ x + z", frame, family=sm.families.Poisson()).fit()
    scores = np.asarray(poisson.model.exog) * poisson.resid_response.to_numpy()[:, None]
    bread = poisson.normalized_cov_params.to_numpy()
    totals = pd.DataFrame(scores).groupby(frame.year.to_numpy()).sum().to_numpy()
    lagged = totals[1:].T @ totals[:-1]
    meat = totals.T @ totals + 0.5 * (lagged + lagged.T)

    fit = wb.fit("poisson", "n ~ x + z", frame, se="driscoll_kraay", se_options={"time": "year"})

    np.testing.assert_allclose(fit.se, np.sqrt(np.diag(bread @ meat @ bread)), rtol=1e-6)
    with pytest.raises(OptionError, match="not a linear regression"):
        wb.fit("poisson", "n ~ x", frame, se="HC3")


# Space ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kernel", ["uniform", "bartlett"])
@pytest.mark.parametrize("distance", ["great_circle", "planar"])
def test_conley_is_the_double_sum_over_pairs(panel, kernel, distance):
    options = {"lat": "lat", "lon": "lon", "cutoff": 1500, "kernel": kernel, "distance": distance}
    doubled = pd.concat([panel, panel.head(30).assign(y=panel.y.head(30) + 1)])
    expected = _double_sum(doubled, 1500.0, kernel, distance)

    fit = wb.fit("ols", "y ~ x + z", doubled, se="conley", se_options=options, ssc="none")

    np.testing.assert_allclose(fit.covariance(), expected, rtol=SAME, atol=1e-12)
    assert fit.se_label == "Conley (1500 km)"


def test_many_places_are_summed_in_blocks(panel, monkeypatch):
    options = {"lat": "lat", "lon": "lon", "cutoff": 1500}
    whole = wb.fit("ols", "y ~ x + z", panel, se="conley", se_options=options)
    module = sys.modules["workbench.covariances.conley"]
    monkeypatch.setattr(module, "_AT_ONCE", 7)

    blocks = wb.fit("ols", "y ~ x + z", panel, se="conley", se_options=options)

    np.testing.assert_allclose(blocks.se, whole.se, rtol=1e-12)
    monkeypatch.setattr(module, "MOST_PAIRS", 300)
    with pytest.raises(InferenceError, match="pairs of places; 300 are the most"):
        wb.fit("ols", "y ~ x + z", panel, se="conley", se_options=options)


def _double_sum(frame, cutoff, kernel, distance):
    plain = smf.ols("y ~ x + z", frame).fit()
    scores = plain.model.exog * plain.resid.to_numpy()[:, None]
    lat, lon = np.radians(frame.lat.to_numpy()), np.radians(frame.lon.to_numpy())
    meat = np.zeros((3, 3))
    for i in range(len(frame)):
        for j in range(len(frame)):
            apart = _apart(lat[i], lon[i], lat[j], lon[j], distance)
            if apart <= cutoff:
                weight = 1.0 if kernel == "uniform" else 1 - apart / cutoff
                meat += weight * np.outer(scores[i], scores[j])
    bread = plain.normalized_cov_params.to_numpy()
    return bread @ meat @ bread


def _apart(a, b, c, d, distance):
    if distance == "planar":
        around = min(abs(b - d), 2 * np.pi - abs(b - d))
        return 6371.0088 * np.sqrt((a - c) ** 2 + (np.cos((a + c) / 2) * around) ** 2)
    half = np.sin((a - c) / 2) ** 2 + np.cos(a) * np.cos(c) * np.sin((b - d) / 2) ** 2
    return 2 * 6371.0088 * np.arcsin(np.sqrt(half))


# What people write ------------------------------------------------------------------------------
def test_options_survive_code_cell_and_record(panel):
    options = {"time": "year", "unit": "person", "lag": 2}
    fit = wb.fit("feols", "y ~ x | firm", panel, se="newey_west", se_options=options)

    again = wb.Fit.from_dict(fit.to_dict())

    assert type(fit.specification).from_dict(fit.specification.to_dict()) == fit.specification
    assert 'se_options={"time": "year", "unit": "person", "lag": 2}' in fit.code().python
    assert '--se-options "time=year, unit=person, lag=2"' in fit.code().magic
    pd.testing.assert_series_equal(again.se, fit.se, check_index_type=False)
    assert (again.df_resid, again.ssc_label) == (fit.df_resid, fit.ssc_label)
    with pytest.raises(InferenceError, match="did not keep what HC3"):
        again.standard_errors("HC3")


def test_rows_without_a_period_are_left_out_and_counted(panel):
    frame = panel.assign(year=panel.year.where(panel.index > 4))

    fit = wb.fit("feols", "y ~ x | firm", frame, se="driscoll_kraay", se_options={"time": "year"})

    assert dict(fit.dropped) == {"missing year": 5}
    assert fit.curvature.clusters == {}


def test_other_kinds_can_be_asked_for_after_the_fit(panel):
    fit = wb.fit("feols", "y ~ x | firm", panel)
    options = {"time": "year", "unit": "person"}

    direct = wb.fit("feols", "y ~ x | firm", panel, se="newey_west", se_options=options)

    later = fit.standard_errors("newey_west", **options)
    assert later["x"] == pytest.approx(direct.se["x"], rel=1e-12)
    assert later.name == "Newey-West (1 lag)"


BAD = [
    ({"se": "newey_west"}, "Newey-West standard errors need time"),
    ({"se": "newey_west", "se_options": {"tim": "year"}}, 'no option "tim"'),
    ({"se": "newey_west", "se_options": {"time": "yeer"}}, "yeer"),
    ({"se": "newey_west", "se_options": {"time": "year"}}, "repeat the year of an earlier one"),
    (
        {"se": "newey_west", "se_options": {"time": "year", "unit": "region"}},
        "repeat the region and year",
    ),
    ({"se": "driscoll_kraay", "se_options": {"time": "job"}}, '"job" holds text'),
    ({"se": "driscoll_kraay", "se_options": {"time": "year", "lag": -1}}, "lag .* is -1"),
    ({"se": "driscoll_kraay", "se_options": {"time": "one"}}, "at least two periods"),
    ({"se": "conley", "se_options": {"lat": "lat", "lon": "lon"}}, "need cutoff"),
    (
        {"se": "conley", "se_options": {"lat": "job", "lon": "lon", "cutoff": 9}},
        "job",
    ),
    (
        {"se": "conley", "se_options": {"lat": "year", "lon": "lon", "cutoff": 9}},
        "beyond 90 degrees",
    ),
    ({"se": "conley", "se_options": {"lat": "lat", "lon": "lon", "cutoff": 0}}, "cutoff .* is 0"),
    ({"se": "HC3", "se_options": {"lag": 1}}, 'HC3 standard errors have no option "lag"'),
    ({"se": "CRV3"}, "need a column"),
    ({"se": "CRV3", "cluster": "one"}, "at least two clusters"),
    ({"se": "HC3", "se_options": ["time"]}, "not a mapping"),
]


@pytest.mark.parametrize(("options", "said"), BAD, ids=lambda part: str(part)[:60])
def test_invalid_input_is_refused_in_a_sentence(panel, options, said):
    with pytest.raises(WorkbenchError, match=said):
        wb.fit("feols", "y ~ x | firm", panel.assign(one=1), **options)


def test_two_stages_have_no_leverage(panel):
    with pytest.raises(InferenceError, match="two-stage"):
        wb.fit("feols", "y ~ x | job | d ~ z", panel, se="HC2")


def test_effects_with_too_many_levels_for_leverages_are_refused(panel, monkeypatch):
    monkeypatch.setattr("workbench.kernels.absorption.leverages.MOST_LEVELS", 3)

    with pytest.raises(DataError, match="dense inverse of 4 levels of job"):
        wb.fit("feols", "y ~ x | firm + job", panel, se="HC3")


def test_the_kept_sum_is_the_one_asked_for(panel):
    fit = wb.fit("ols", "y ~ x", panel, se="HC3")

    assert list(fit.curvature.kept) == ["HC3 {} []"]
    bare = replace(fit, curvature=replace(fit.curvature, kept={}))
    pd.testing.assert_series_equal(bare.se, fit.se)


@pytest.mark.parametrize("se", ["hessian", "HC1", "cluster"])
def test_a_stored_fit_that_leaves_no_residual_names_its_errors(se):
    exact = pd.DataFrame({"y": [1.0, 2.0], "x": [0.0, 1.0], "g": [1, 2]})
    options = {"cluster": "g"} if se == "cluster" else {}

    fit = wb.fit("ols", "y ~ x", exact, se=se, **options)
    again = wb.Fit.from_dict(fit.to_dict(), fit.trace)

    assert again.se_label == fit.se_label
    assert again.se.isna().all()
