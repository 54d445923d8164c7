"""Outcomes and notes of likelihoods of several equations without an inner maximum, or bad data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import chi2

import workbench as wb
from workbench.backends import BACKENDS
from workbench.errors import WorkbenchError
from workbench.estimation.outcome import Outcome
from workbench.optimizers import OPTIMIZERS

every_library = pytest.mark.parametrize("library", BACKENDS)


@pytest.fixture(scope="module")
def data():
    """Return 500 rows with a count of less than Poisson variance, and levels, drawn with seed 3."""
    rng = np.random.default_rng(3)
    n = 500
    x, z = rng.normal(size=(2, n))
    mean = np.exp(0.5 + 0.4 * x)
    level = np.digitize(0.7 * x + rng.logistic(size=n), [-1, 0.5, 2])
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "late": (x > 1.2) * 1.0,
            "count": rng.binomial(6, np.minimum(mean / 6, 1)),
            "spread": rng.poisson(mean * rng.gamma(4, 1 / 4, n)),
            "level": level,
            "word": np.array(["low", "middling", "high", "top"])[level],
        }
    )


@pytest.fixture(scope="module")
def poisson(data):
    return sm.Poisson(data["count"], sm.add_constant(data[["x"]])).fit(tol=1e-13, disp=0)


@every_library
def test_a_negative_binomial_without_overdispersion_is_called_poisson(data, poisson, library):
    fit = wb.fit("negbin2", "count ~ x", data, backend=library)

    assert fit.outcome is Outcome.BOUNDARY
    assert not fit.converged
    assert "alpha goes to 0: count is not overdispersed" in fit.message
    assert 'the model "poisson"' in fit.message
    np.testing.assert_allclose(fit.params[["Intercept", "x"]], poisson.params, atol=1e-6)
    np.testing.assert_allclose(fit.se[["Intercept", "x"]], poisson.bse, rtol=1e-5)
    assert 0 < fit.params["alpha"] < 1e-8
    assert np.isnan(fit.se["alpha"])
    assert fit.loglik == pytest.approx(poisson.llf, abs=1e-6)
    assert any("Poisson: 0.000, p = 1.000" in note for note in fit.notes)


def test_the_test_against_poisson_takes_half_of_chi_squared(data):
    fit = wb.fit("negbin2", "spread ~ x", data)
    plain = sm.Poisson(data["spread"], sm.add_constant(data[["x"]])).fit(tol=1e-13, disp=0)

    statistic = 2 * (fit.loglik - plain.llf)
    p = chi2.sf(statistic, 1) / 2
    said = f"{statistic:.3f}, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}, half of chi-squared's"
    assert any(said in note for note in fit.notes)


def test_the_test_against_poisson_is_not_made_with_probability_weights(data):
    weighted = data.assign(w=1.5)

    fit = wb.fit("negbin2", "spread ~ x", weighted, weights="w", weight_kind="probability")

    assert not any("Poisson" in note for note in fit.notes)


@every_library
@pytest.mark.parametrize("inflation", ["~ 1", "~ z"])
def test_inflation_that_goes_to_zero_is_noted(data, poisson, library, inflation):
    fit = wb.fit("zip", "count ~ x", data, inflation=inflation, backend=library)

    assert fit.outcome is Outcome.BOUNDARY
    assert "inflation:Intercept falls without bound" in fit.message
    assert 'the model "poisson"' in fit.message
    assert fit.params["inflation:Intercept"] < -15
    np.testing.assert_allclose(fit.params[["Intercept", "x"]], poisson.params, atol=1e-5)
    np.testing.assert_allclose(fit.se[["Intercept", "x"]], poisson.bse, rtol=1e-5)
    assert fit.se.filter(like="inflation:").isna().all()
    assert any("there is no excess of zeros" in note for note in fit.notes)


@every_library
@pytest.mark.parametrize("model", ["negbin2", "zip"])
def test_a_limit_in_single_precision_is_never_called_converged_and_is_noted(data, model, library):
    fit = wb.fit(model, "count ~ x", data, dtype="float32", backend=library)

    assert not fit.converged
    assert any('This is the model "poisson"' in text for text in (*fit.notes, fit.message))


@pytest.mark.filterwarnings("ignore:torch.triangular_solve is deprecated:UserWarning")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", ["negbin2", "zip"])
def test_no_optimizer_calls_a_limit_converged(data, poisson, model, optimizer):
    options = {"optimizer": optimizer, "backend": "torch", "max_steps": 500}

    fit = wb.fit(model, "count ~ x", data, **options)

    assert not fit.converged
    assert fit.loglik <= poisson.llf + 1e-6
    if fit.outcome is Outcome.BOUNDARY:
        np.testing.assert_allclose(fit.params[["Intercept", "x"]], poisson.params, atol=1e-4)
    else:
        assert fit.se.isna().all()


def test_zeros_and_ones_alone_are_noted_not_to_identify_the_inflation(data):
    fit = wb.fit("zip", "few ~ x", data.assign(few=(data["count"] > 2) * 1))

    assert any("never above 1" in note for note in fit.notes)
    assert not fit.converged


def test_a_count_that_is_never_zero_has_nothing_to_inflate(data):
    with pytest.raises(WorkbenchError) as refused:
        wb.fit("zip", "more ~ x", data.assign(more=data["count"] + 1))

    assert refused.value.code == "no-zeros"
    assert "poisson" in refused.value.hint


def test_zeros_that_a_column_of_the_inflation_predicts_are_separated(data):
    hidden = data.assign(seen=np.where(data["late"] == 1, 0, data["count"]))

    fit = wb.fit("zip", "seen ~ x", hidden, inflation="~ late")

    assert fit.outcome is Outcome.SEPARATED
    assert fit.evidence["regressors"] == ["inflation:late"]
    assert "inflation:late predicts seen = 0 exactly" in fit.message


@pytest.mark.parametrize("model", ["negbin2", "zip"])
def test_counts_that_vanish_along_a_column_are_separated(data, model):
    hidden = data.assign(seen=np.where(data["late"] == 1, 0, data["count"]))

    fit = wb.fit(model, "seen ~ z + late", hidden)

    assert fit.outcome is Outcome.SEPARATED
    assert "late" in fit.evidence["regressors"]


@every_library
def test_a_column_that_splits_the_levels_is_separated(data, library):
    split = data.assign(level=np.digitize(data["x"], [-1, 0.3, 1.2]))

    fit = wb.fit("ordered_logit", "level ~ x + z", split, backend=library)

    assert fit.outcome is Outcome.SEPARATED
    assert fit.evidence["regressors"] == ["x"]
    assert fit.message.endswith("x predicts level exactly.")


def test_a_column_that_predicts_the_highest_level_is_separated(data):
    split = data.assign(level=np.where(data["late"] == 1, 3, np.minimum(data["level"], 2)))

    fit = wb.fit("ordered_logit", "level ~ late + z", split)

    assert fit.outcome is Outcome.SEPARATED
    assert fit.evidence["regressors"] == ["late"]
    assert fit.message.endswith("late predicts level exactly in some rows.")


def test_the_direction_of_ordered_separation_is_one_of_a_linear_programme(data):
    """The levels of rows that no direction separates have a maximum, and are fitted."""
    nearly = data.assign(level=np.digitize(data["x"], [-1, 0.3, 1.2]))
    swapped = nearly.sort_values("x")["level"].to_numpy().copy()
    order = nearly.sort_values("x").index
    for cut in (1, 2, 3):
        at = int(np.argmax(swapped == cut))
        swapped[[at - 1, at]] = swapped[[at, at - 1]]
    nearly.loc[order, "level"] = swapped

    fit = wb.fit("ordered_logit", "level ~ x", nearly)

    assert fit.converged
    assert fit.params["x"] > 50


def test_probabilities_far_in_the_tails_do_not_underflow(data):
    far = data.assign(x=data["x"] + np.where(np.arange(500) == 7, 60.0, 0.0))

    fit = wb.fit("ordered_logit", "level ~ x", far, start={"x": 15.0})

    assert fit.converged
    assert np.isfinite(fit.se).all()


def test_levels_without_an_order_are_refused_with_how_to_give_one(data):
    with pytest.raises(WorkbenchError) as refused:
        wb.fit("ordered_logit", "word ~ x", data)

    assert refused.value.code == "no-order"
    assert '"high", "low", "middling", "top"' in refused.value.problem
    assert "ordered=True" in refused.value.hint


@pytest.mark.parametrize("ordered", [True, False])
def test_categories_are_taken_in_their_order_or_refused(data, ordered):
    words = ["top", "high", "never", "middling", "low"]
    coded = data.assign(word=pd.Categorical(data["word"], words, ordered=ordered))
    if not ordered:
        with pytest.raises(WorkbenchError, match="no order"):
            wb.fit("ordered_logit", "word ~ x", coded)
        return

    fit = wb.fit("ordered_logit", "word ~ x", coded)

    plain = wb.fit("ordered_logit", "level ~ x", data)
    assert list(fit.params.index) == ["x", "top|high", "high|middling", "middling|low"]
    np.testing.assert_allclose(fit.params["x"], -plain.params["x"], rtol=1e-7)
    np.testing.assert_allclose(fit.params.iloc[1:], -plain.params.iloc[:0:-1], rtol=1e-7)
    assert 'word has no row of the level "never", which is left out.' in fit.notes


def test_categories_of_numbers_keep_their_own_order(data):
    backwards = pd.Categorical(data["level"], [3, 2, 1, 0], ordered=True)

    fit = wb.fit("ordered_logit", "level ~ x", data.assign(level=backwards))

    assert list(fit.params.index) == ["x", "3|2", "2|1", "1|0"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"level": 1}, "constant-outcome"),
        ({"level": np.arange(500) / 7}, "too-many-levels"),
    ],
)
def test_one_level_or_too_many_are_refused(data, change, code):
    with pytest.raises(WorkbenchError) as refused:
        wb.fit("ordered_logit", "level ~ x", data.assign(**change))

    assert refused.value.code == code


@pytest.mark.parametrize("model", ["negbin2", "zip"])
@pytest.mark.parametrize("change", [0.5, -3])
def test_outcomes_that_are_not_counts_are_refused(data, model, change):
    with pytest.raises(WorkbenchError) as refused:
        wb.fit(model, "count ~ x", data.assign(count=data["count"] + change))

    assert refused.value.code == "outside-support"
    assert "whole number" in refused.value.problem


@pytest.mark.parametrize(
    ("inflation", "code"),
    [
        ("z", "bad-option"),
        ("~ zz", "unknown-column"),
        ("~ z | word", "one-sided"),
        ("", "bad-option"),
        (3, "bad-option"),
    ],
)
def test_a_wrong_formula_of_an_equation_is_refused(data, inflation, code):
    with pytest.raises(WorkbenchError) as refused:
        wb.fit("zip", "count ~ x", data, inflation=inflation)

    assert refused.value.code == code


def test_a_row_that_misses_a_column_of_a_further_equation_is_left_out(data):
    holes = data.assign(z=data["z"].where(data.index % 10 > 0))

    fit = wb.fit("zip", "spread ~ x", holes, inflation="~ z")

    assert fit.nobs == 450
    assert sum(fit.dropped.values()) == 50


def test_a_collinear_column_of_a_further_equation_is_left_out_by_name(data):
    twice = data.assign(again=2 * data["z"])

    fit = wb.fit("zip", "spread ~ x", twice, inflation="~ z + again")

    assert any("inflation:again is collinear with" in sentence for sentence in fit.left_out)
    assert "inflation:again" not in fit.params.index


def test_a_constant_next_to_thresholds_is_left_out(data):
    fit = wb.fit("ordered_logit", "level ~ 0 + x + one", data.assign(one=2.0))

    plain = wb.fit("ordered_logit", "level ~ x", data)
    pd.testing.assert_series_equal(fit.params, plain.params, rtol=1e-8)
    assert any(sentence.startswith("one is the same in every row") for sentence in fit.left_out)


def test_models_list_what_an_equation_and_its_option_are():
    listed = wb.models()

    assert {"negbin2", "zip", "ordered_logit"} <= set(listed.index)
    assert listed.loc["negbin2", "further_parameters"] == ("alpha",)
    assert listed.loc["ordered_logit", "outcome"] == "one of a set of ordered levels"
