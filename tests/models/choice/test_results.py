"""Results after a fit of a choice model: closed forms, finite differences and other programs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import minimize_scalar
from statsmodels.discrete.conditional_models import ConditionalLogit

import workbench as wb
from tests.models.choice.choices import TRAVEL, rides, travel
from workbench.errors import DataError, InferenceError, OptionError
from workbench.models.choice.wtp import WillingnessToPay

ROLES = {"situation": "individual", "alternatives": "mode"}
RIDES = {"situation": "id", "alternatives": "ride"}
RIDE = "chosen ~ price + time + comfort"
# Central differences with a relative step of 1e-5.
BY_DIFFERENCES = 1e-6


@pytest.fixture(scope="module")
def trips():
    """The travel data."""
    return travel()


@pytest.fixture(scope="module")
def found(trips):
    """The conditional logit of the travel data."""
    return wb.fit("conditional_logit", TRAVEL, trips, **ROLES)


@pytest.fixture(scope="module")
def frame():
    """The rides."""
    return rides()


def test_predicted_shares_with_constants_are_the_observed_ones(found, trips):
    observed = trips[trips["choice"] == 1]["mode"].value_counts(normalize=True).sort_index()

    np.testing.assert_allclose(found.choice.shares(), observed, rtol=1e-9)
    np.testing.assert_allclose(found.choice.shares(trips), observed, rtol=1e-9)


def test_elasticities_of_rows_are_the_closed_form(found, trips):
    chances, slope = found.predict(), found.params["gc"]

    rows = found.choice.elasticities("gc", kind="rows")

    for name in ("air", "bus", "car", "train"):
        mine = trips["mode"] == name
        share = (chances * trips["gc"]).where(mine, 0).groupby(trips["individual"]).transform("sum")
        own = np.where(mine, slope * trips["gc"], 0.0) - slope * share
        np.testing.assert_allclose(rows[name], own, rtol=BY_DIFFERENCES, atol=1e-9)


def test_aggregate_elasticities_weigh_situations_by_probability(found, trips):
    chances, rows = found.predict(), found.choice.elasticities("gc", kind="rows")

    table = found.choice.elasticities("gc")

    weighted = rows.mul(chances, axis=0).groupby(trips["mode"]).sum()
    expected = weighted.div(chances.groupby(trips["mode"]).sum(), axis=0)
    np.testing.assert_allclose(table, expected, rtol=1e-8)
    mean = found.choice.elasticities("gc", kind="mean")
    np.testing.assert_allclose(mean, rows.groupby(trips["mode"]).mean(), rtol=1e-8)


def test_cross_elasticities_of_a_conditional_logit_are_all_the_same(found):
    table = found.choice.elasticities("gc", kind="mean")

    for name in table.columns:
        assert np.ptp(table[name].drop(name)) < 1e-8


def test_an_alternative_that_is_gone_leaves_its_share_in_proportion(found, trips):
    chances = found.predict()
    rest = chances.where(trips["mode"] != "air", 0)
    expected = rest / rest.groupby(trips["individual"]).transform("sum")

    table = found.choice.counterfactual(without=["air"])

    shares = expected.groupby(trips["mode"]).sum() / expected.sum()
    np.testing.assert_allclose(table["after"], shares.reindex(table.index), rtol=1e-9, atol=1e-12)


def test_other_prices_are_a_column_or_a_function(found, trips):
    dearer = trips["gc"] * np.where(trips["mode"] == "car", 1.2, 1.0)

    column = found.choice.counterfactual({"gc": dearer})
    function = found.choice.counterfactual(lambda data: data.assign(gc=dearer))

    pd.testing.assert_frame_equal(column, function)
    assert column.loc["car", "change"] < 0
    assert column["change"].sum() == pytest.approx(0, abs=1e-12)


def test_willingness_to_pay_has_the_delta_methods_error(found):
    b, V = found.params, found.covariance()
    ratio = -b["ttme"] / b["gc"]
    slope = np.array([-1 / b["gc"], b["ttme"] / b["gc"] ** 2])
    part = V.loc[["ttme", "gc"], ["ttme", "gc"]].to_numpy()

    table = found.choice.wtp("gc")

    assert table.loc["ttme", "wtp"] == pytest.approx(ratio, rel=1e-12)
    assert table.loc["ttme", "se"] == pytest.approx(np.sqrt(slope @ part @ slope), rel=1e-6)
    reach = stats.norm.ppf(0.975) * table.loc["ttme", "se"]
    assert table.loc["ttme", "upper"] == pytest.approx(ratio + reach, rel=1e-9)


def test_a_parameter_without_an_error_leaves_other_ratios_theirs(found):
    covariance, at = found.covariance().to_numpy().copy(), list(found.params.index)
    covariance[at.index("ttme")], covariance[:, at.index("ttme")] = np.nan, np.nan
    ratios = WillingnessToPay(found.choice.settings, found.state, found.params, "gc")

    errors = dict(zip(ratios.names, ratios.by_delta(covariance, 0.95)[0], strict=True))

    whole = found.choice.wtp("gc")["se"]
    assert np.isnan(errors.pop("ttme"))
    for name, error in errors.items():
        assert error == pytest.approx(whole[name], rel=1e-12)


def test_krinsky_and_robb_draw_the_estimates(found):
    rng = np.random.default_rng(7)
    drawn = rng.multivariate_normal(found.params, found.covariance(), 4_000)
    names = list(found.params.index)
    ratios = -drawn[:, names.index("ttme")] / drawn[:, names.index("gc")]

    table = found.choice.wtp("gc", method="krinsky_robb", draws=4_000, seed=7)

    low, high = np.quantile(ratios, [0.025, 0.975])
    assert table.loc["ttme", "lower"] == pytest.approx(low, rel=1e-9)
    assert table.loc["ttme", "upper"] == pytest.approx(high, rel=1e-9)


def test_willingness_to_pay_space_is_the_same_model_with_fixed_coefficients(frame):
    options = {**RIDES, "panel": "person", "random": {"comfort": "normal"}, "draws": 30}
    plain = wb.fit("mixed_logit", RIDE, frame, **options, fixed={"sd.comfort": 1e-6})
    space = wb.fit(
        "mixed_logit", RIDE, frame, **options, wtp_price="price", fixed={"sd.comfort": 1e-6}
    )

    ratios, worth = plain.choice.wtp("price"), space.choice.wtp()

    assert space.loglik == pytest.approx(plain.loglik, rel=1e-6)
    np.testing.assert_allclose(worth["wtp"], ratios["wtp"], rtol=1e-4)
    np.testing.assert_allclose(worth["se"], ratios["se"], rtol=1e-3)


def test_the_mean_of_a_lognormal_coefficient_is_that_of_the_distribution(frame):
    found = wb.fit(
        "mixed_logit",
        RIDE,
        frame,
        **RIDES,
        panel="person",
        random={"time": "negative_lognormal"},
        draws=30,
    )

    mean = found.choice.mean_coefficients().loc["time", "mean"]

    sd = found.params["sd.time"]
    assert mean == pytest.approx(-np.exp(found.params["time"] + sd**2 / 2), rel=1e-12)


def test_the_likelihood_ratio_is_twice_the_difference(found, trips):
    small = wb.fit("conditional_logit", "choice ~ gc + ttme + C(mode)", trips, **ROLES)

    test = wb.likelihood_ratio(small, found)

    assert test.statistic == pytest.approx(2 * (found.loglik - small.loglik))
    assert (test.df, test.pvalue) == (1, pytest.approx(stats.chi2.sf(test.statistic, 1)))
    assert found.likelihood_ratio(small) == test
    with pytest.raises(InferenceError, match="not a smaller model"):
        wb.likelihood_ratio(found, small)
    with pytest.raises(InferenceError, match="not of the same data"):
        wb.likelihood_ratio(wb.fit("conditional_logit", TRAVEL, trips[4:], **ROLES), found)


def test_a_standard_deviation_at_its_bound_is_noted(frame):
    small = wb.fit("conditional_logit", RIDE, frame, **RIDES, panel="person")
    large = wb.fit(
        "mixed_logit", RIDE, frame, **RIDES, panel="person", random={"price": "normal"}, draws=50
    )

    assert "at the bound" in repr(wb.likelihood_ratio(small, large))


def test_hausman_and_mcfadden_compare_two_fits_of_statsmodels(found, trips):
    names = ["gc", "ttme", "train", "bus"]
    for name in ("train", "bus"):
        trips = trips.assign(**{name: (trips["mode"] == name) * 1.0})
    trips = trips.assign(hincair=trips["hinc"] * trips["air"])
    flew = trips["individual"].isin(
        trips[(trips["mode"] == "air") & (trips["choice"] == 1)]["individual"]
    )
    left = trips[~flew & (trips["mode"] != "air")]
    part = ConditionalLogit(left["choice"], left[names], groups=left["individual"]).fit(disp=0)
    whole = [*names, "air", "hincair"]
    full = ConditionalLogit(trips["choice"], trips[whole], groups=trips["individual"]).fit(disp=0)
    gap = (part.params - full.params[names]).to_numpy()
    difference = part.cov_params() - full.cov_params().loc[names, names]

    test = found.choice.hausman_mcfadden("air")

    # statsmodels stops its BFGS at a gradient of 1e-5.
    assert test.statistic == pytest.approx(gap @ np.linalg.solve(difference, gap), rel=1e-2)
    assert (test.df, test.situations) == (4, 152)


def test_a_fixed_coefficient_stays_fixed_without_the_alternative(trips):
    """The test's equation 3.1 on maxima that scipy finds, with one attribute free."""
    held = -0.05
    fit = wb.fit("conditional_logit", "choice ~ gc + ttme", trips, **ROLES, fixed={"gc": held})
    flew = trips.groupby("individual")["choice"].transform("first") == 1
    left = trips[~flew & (trips["mode"] != "air")]

    def loglik(rows, slope):
        utility = np.exp(held * rows["gc"] + slope * rows["ttme"])
        chance = utility / utility.groupby(rows["individual"]).transform("sum")
        return np.log(chance[rows["choice"] == 1]).sum()

    slopes, variances = [], []
    for rows in (left, trips):
        at = minimize_scalar(lambda b, rows=rows: -loglik(rows, b), bracket=(-0.1, 0)).x
        ends = [loglik(rows, at + step) for step in (-1e-3, 0, 1e-3)]
        slopes.append(at)
        variances.append(-1e-6 / (ends[0] - 2 * ends[1] + ends[2]))

    test = fit.choice.hausman_mcfadden("air")

    expected = (slopes[0] - slopes[1]) ** 2 / (variances[0] - variances[1])
    assert test.statistic == pytest.approx(expected, rel=1e-3)
    assert test.columns == ("ttme",)


def test_an_alternative_without_a_name_is_in_no_choice_set(trips):
    unnamed = trips.assign(mode=trips["mode"].where(trips.index != 5))
    found = wb.fit("conditional_logit", "choice ~ gc + ttme", unnamed, **ROLES)

    shares = found.choice.shares()

    assert list(shares.index) == ["air", "bus", "car", "train"]
    assert found.predict().isna().sum() == 4


def test_one_alternative_may_be_named_without_a_list(found):
    one, listed = (found.choice.counterfactual(without=each) for each in ("bus", ["bus"]))

    pd.testing.assert_frame_equal(one, listed)


def test_smaller_models_at_a_bound_are_noted(frame):
    plain = wb.fit("conditional_logit", RIDE, frame, **RIDES)
    random = {"price": "normal", "comfort": "normal"}
    mixed = wb.fit("mixed_logit", RIDE, frame, **RIDES, random=random, correlated=True, draws=20)
    classes = wb.fit("latent_class", RIDE, frame, **RIDES, starts=0)

    assert "p is an upper limit" in mixed.likelihood_ratio(plain).note
    assert "not chi-squared" in classes.likelihood_ratio(plain).note


def test_results_that_a_model_does_not_have_are_refused(found, trips):
    with pytest.raises(DataError, match="mode is not numeric"):
        found.choice.elasticities("mode")
    with pytest.raises(DataError, match="does not depend on invt"):
        found.choice.elasticities("invt")
    with pytest.raises(DataError, match='no column "gcc"'):
        found.choice.counterfactual({"gcc": trips["gc"]})
    with pytest.raises(DataError, match="No alternative is left"):
        found.choice.counterfactual(without=["air", "bus", "car", "train"])
    with pytest.raises(OptionError, match="draws is 1"):
        found.choice.wtp("gc", method="krinsky_robb", draws=1)
    weighted = wb.fit(
        "conditional_logit", "choice ~ gc", trips, **ROLES, weights="hinc",
        weight_kind="probability",
    )  # fmt: skip
    with pytest.raises(InferenceError, match="not efficient"):
        weighted.choice.hausman_mcfadden("air")
    with pytest.raises(OptionError, match='no elasticity "own"'):
        found.choice.elasticities("gc", kind="own")
    with pytest.raises(OptionError, match="needs the price's column"):
        found.choice.wtp()
    with pytest.raises(OptionError, match='"cost" is not the price'):
        found.choice.wtp("cost")
    with pytest.raises(OptionError, match="the same for all"):
        found.choice.individual()
    with pytest.raises(DataError, match="no alternative boat"):
        found.choice.counterfactual(without=["boat"])
    with pytest.raises(OptionError, match='no alternative "boat"'):
        found.choice.hausman_mcfadden("boat")
    with pytest.raises(OptionError, match="not a model of discrete choice"):
        wb.fit("ols", "gc ~ ttme", trips).choice  # noqa: B018
    with pytest.raises(OptionError, match="no attributes of alternatives"):
        wb.fit("multinomial_logit", "mode ~ hinc", trips).choice.shares()


def test_a_fit_from_the_record_predicts_once_it_has_data(found, trips):
    kept = type(found).from_dict(found.to_dict())

    np.testing.assert_allclose(kept.choice.shares(trips), found.choice.shares(), rtol=1e-12)
    np.testing.assert_allclose(kept.predict(trips), found.predict(), rtol=1e-12)
    np.testing.assert_allclose(kept.standard_errors("opg"), found.standard_errors("opg"))


def test_residuals_are_choice_minus_probability(found, trips):
    np.testing.assert_allclose(found.residuals, trips["choice"] - found.predict(), atol=1e-14)
