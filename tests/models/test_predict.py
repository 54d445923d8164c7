"""Predictions check the columns they read as a fit does, in every family."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import WorkbenchError

ROWS = 120


@pytest.fixture(scope="module")
def frame():
    """Draw regressors, groups and outcomes of every kind, without any effect of the regressors."""
    rng = np.random.default_rng(20240901)
    return pd.DataFrame(
        {
            "x": rng.normal(size=ROWS),
            "z": rng.uniform(1, 2, ROWS),
            "exposure": rng.uniform(0.1, 0.3, ROWS),
            "firm": np.arange(ROWS) % 8,
            "kind": np.array(["a", "b", "c"])[np.arange(ROWS) % 3],
            "level": np.array(["p", "q", "r"])[rng.integers(0, 3, ROWS)],
            "rating": rng.integers(0, 3, ROWS),
            "y": rng.normal(size=ROWS),
            "count": rng.poisson(1.5, ROWS),
        }
    )


MODELS = {
    "poisson": ("poisson", "count ~ x + log(z) + C(kind)", {"offset": "exposure"}),
    "zip": ("zip", "count ~ x", {"inflation": "~ log(z)"}),
    "ols": ("ols", "y ~ x + log(z) + C(kind)", {}),
    "ordered_logit": ("ordered_logit", "rating ~ x + log(z)", {}),
    "multinomial_logit": ("multinomial_logit", "level ~ x + log(z)", {}),
    "feols": ("feols", "y ~ x + log(z) | firm", {}),
    "slopes": ("feols", "y ~ x | firm[z]", {}),
    "fepois": ("fepois", "count ~ x | firm", {"offset": "exposure"}),
}
COLUMNS = {
    "poisson": ["x", "z", "exposure"],
    "slopes": ["x", "z"],
    "fepois": ["x", "exposure"],
}


@pytest.fixture(scope="module", params=list(MODELS))
def fitted(request, frame):
    model, formula, options = MODELS[request.param]
    return wb.fit(model, formula, frame, **options), COLUMNS.get(request.param, ["x", "z"])


BAD = {
    "text": ["0.1", "n/a", "0.2"],
    "decimal commas and words": ["0,1", "many", "0,3"],
    "dates": pd.to_datetime(["2000-01-01"] * 3),
    "infinite": [np.inf, 1.0, 1.0],
    "missing in every row": [np.nan] * 3,
}


@pytest.mark.parametrize("values", BAD.values(), ids=BAD)
def test_a_column_that_a_fit_would_refuse_is_refused_by_name(fitted, frame, values):
    fit, columns = fitted
    for name in columns:
        with pytest.raises(WorkbenchError) as caught:
            fit.predict(frame.head(3).assign(**{name: values}))
        assert caught.value.where == name


@pytest.mark.parametrize(
    "values", [["0,1", "0,2"], ["$5", "$6"], ["12 %", "3 %"], ["1,234.5", "2"]]
)
def test_marks_that_the_data_of_the_fit_had_not_are_refused(fitted, frame, values):
    fit, columns = fitted
    for name in columns:
        with pytest.raises(WorkbenchError, match="is text that reads as numbers with") as caught:
            fit.predict(frame.head(2).assign(**{name: values}))
        assert caught.value.where == name


def test_marks_that_the_data_of_the_fit_had_are_understood_in_some_of_its_rows(frame):
    prices = frame.x.map("{:.2f}".format).str.replace(".", ",").mask(frame.index == 5, "1.234,5")
    fit = wb.fit("ols", "y ~ price", frame.assign(price=prices))

    some = fit.predict(frame.assign(price=prices).head(3))

    constant, slope = fit.params
    assert some.to_numpy() == pytest.approx(constant + slope * frame.x.head(3).round(2).to_numpy())


def test_a_column_that_is_not_there_is_refused_with_the_nearest_name(fitted, frame):
    fit, columns = fitted
    for name in columns:
        with pytest.raises(WorkbenchError, match=f'no column "{name}"') as caught:
            fit.predict(frame.rename(columns={name: f"{name}_1"}))
        assert caught.value.suggestion in {f"{name}_1", ""}


def test_one_row_with_a_gap_is_nan_and_the_others_are_predicted(fitted, frame):
    fit, columns = fitted
    for name in columns:
        gap = frame.head(4).assign(**{name: frame[name].where(frame.index != 2)})
        predicted = np.asarray(fit.predict(gap), dtype=float).reshape(4, -1)
        assert np.isnan(predicted).any(axis=1).tolist() == [False, False, True, False]


def test_no_rows_have_no_predictions(fitted, frame):
    assert len(fitted[0].predict(frame.head(0))) == 0


@pytest.mark.parametrize("model", ["poisson", "zip", "ols", "feols", "multinomial_logit"])
def test_a_logarithm_of_zero_is_refused_by_its_term_and_row(frame, model):
    name, formula, options = MODELS[model]
    fit = wb.fit(name, formula, frame, **options)

    with pytest.raises(WorkbenchError, match=r"log\(z\) is infinite in 1 row, first in row 1"):
        fit.predict(frame.head(3).assign(z=[1.0, 0.0, 1.0]))


def test_a_new_level_of_a_factor_is_refused(frame):
    fit = wb.fit("poisson", "count ~ x + C(kind)", frame)

    with pytest.raises(WorkbenchError, match="kind has the level z"):
        fit.predict(frame.head(2).assign(kind="z"))


def test_levels_that_are_all_unknown_are_refused_and_one_is_nan(frame):
    fit = wb.fit("feols", "y ~ x | firm", frame)

    with pytest.raises(WorkbenchError, match="row 0 has firm 99"):
        fit.predict(frame.head(3).assign(firm=99))
    one = fit.predict(frame.head(3).assign(firm=[0, 99, 2]))
    assert one.isna().tolist() == [False, True, False]


# Choice ------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def trips():
    rng = np.random.default_rng(20240902)
    choices = 60
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(choices), 3),
            "mode": np.tile(["bus", "car", "train"], choices),
            "cost": rng.uniform(1, 5, 3 * choices),
            "w": np.repeat(rng.uniform(1, 2, choices), 3),
        }
    )
    picked = np.arange(choices) * 3 + rng.integers(0, 3, choices)
    return frame.assign(chosen=np.isin(np.arange(len(frame)), picked).astype(int))


@pytest.fixture(scope="module")
def choice(trips):
    roles = {"situation": "id", "alternatives": "mode"}
    weights = {"weights": "w", "weight_kind": "probability"}
    return wb.fit("conditional_logit", "chosen ~ cost + C(mode)", trips, **roles, **weights)


def test_an_alternative_listed_twice_is_refused_by_its_situation(choice, trips):
    twice = pd.concat([trips.head(6), trips.iloc[[4]]])

    with pytest.raises(WorkbenchError, match="id 1 lists the alternative car twice"):
        choice.predict(twice)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"mode": "ferry"}, "mode"),
        ({"cost": np.inf}, "cost"),
        ({"cost": "n/a"}, "cost"),
        ({"w": "n/a"}, "w"),
        ({"w": -1.0}, "w"),
    ],
)
def test_choice_data_that_a_fit_would_refuse_have_no_shares(choice, trips, changes, where):
    with pytest.raises(WorkbenchError) as caught:
        choice.choice.shares(trips.head(6).assign(**changes))
    assert caught.value.where == where


@pytest.mark.parametrize("name", ["id", "mode", "cost"])
def test_a_missing_column_of_choices_is_named(choice, trips, name):
    with pytest.raises(WorkbenchError, match=f'no column "{name}"'):
        choice.predict(trips.drop(columns=name))
