"""Weights of rows: what their kinds allow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.weights import check_weights
from workbench.errors import DataError
from workbench.estimation.code import python_call

ROWS = np.array([0, 2, 5])
FORMULAS = {
    "ols": "y ~ x",
    "gaussian": "y ~ x",
    "logit": "b ~ x",
    "poisson": "c ~ x",
    "negbin2": "c ~ x",
    "multinomial_logit": "o ~ x",
    "feols": "y ~ x | g",
    "fepois": "c ~ x | g",
}


@pytest.fixture(scope="module")
def people():
    """Return 90 rows in 6 groups, drawn with seed 4, with whole weights w and shares s."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"x": rng.normal(size=90), "g": np.arange(90) % 6})
    frame["y"] = frame.x + rng.normal(size=90)
    frame["b"] = (frame.y > 0) * 1
    frame["c"] = rng.poisson(np.exp(0.2 * frame.x))
    frame["o"] = rng.choice(["high", "low", "middle"], 90)
    frame["w"] = rng.integers(1, 4, 90)
    frame["s"] = frame.w + 0.25
    return frame


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1.0, 2.5, 0.5], "first 2.5 in row 2"),
        ([0.2, 0.3, 0.5], "first 0.2 in row 0"),
        ([7.0, 3.0, 1e6 + 0.5], "in 1 row, first 1e+06 in row 5"),
    ],
)
def test_fractional_frequencies_are_refused_by_the_first_row_and_its_value(values, found):
    with pytest.raises(DataError) as caught:
        check_weights(np.array(values), "w", "frequency", ROWS)

    assert (caught.value.code, caught.value.where) == ("fractional-weights", "w")
    assert found in caught.value.problem
    assert all(kind in caught.value.hint for kind in ("probability", "analytic", "frequency"))


@pytest.mark.parametrize("kind", ["analytic", "probability"])
def test_fractions_are_analytic_or_probability_weights(kind):
    check_weights(np.array([0.5, 1.5, 0.1]), "w", kind, ROWS)


def test_products_that_are_whole_up_to_their_last_digits_are_frequencies():
    check_weights(np.array([0.1 * 3 * 10, 1.0, 2.0]), "w", "frequency", ROWS)


@pytest.mark.parametrize("kind", ["analytic", "probability", "frequency"])
def test_a_negative_weight_is_named_with_its_row(kind):
    with pytest.raises(DataError, match=r"negative in 1 row, first -2 in row 5"):
        check_weights(np.array([1.0, 2.0, -2.0]), "w", kind, ROWS)


@pytest.mark.parametrize("model", [name for name in FORMULAS if not name.startswith("fe")])
def test_fractional_weights_without_a_kind_are_refused(model, people):
    with pytest.raises(DataError, match=r"s has fractions in 90 rows, first .* in row 0"):
        wb.fit(model, FORMULAS[model], people, weights="s")


def test_fractional_weights_of_a_model_with_fixed_effects_are_analytic_and_this_is_said(people):
    fit = wb.fit("feols", FORMULAS["feols"], people, weights="s")

    assert "The weights s are taken as analytic weights: only their ratios count." in fit.notes


@pytest.mark.parametrize("model", FORMULAS)
def test_a_row_of_weight_zero_is_no_row_and_is_counted(model, people):
    some = people.assign(w=people.w.where(people.index % 5 > 0, 0))
    options = {"weights": "w", "weight_kind": "frequency"}

    fit = wb.fit(model, FORMULAS[model], some, **options)
    rest = wb.fit(model, FORMULAS[model], some[some.w > 0], **options)

    assert fit.dropped == {"with zero w": 18}
    np.testing.assert_allclose(fit.params, rest.params, rtol=1e-10)
    np.testing.assert_allclose(fit.standard_errors(), rest.standard_errors(), rtol=1e-8)


def test_the_code_of_a_run_says_the_kind_of_weights_where_models_differ(people):
    fit = wb.fit("feols", "y ~ x | g", people, weights="w", weight_kind="frequency")

    assert 'weight_kind="frequency"' in python_call(fit.specification)
