"""Likelihoods of several equations in a ``%%mle`` cell, in the record, and resumed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from tests.notebook.cell.test_magic import run, shell  # noqa: F401, fixtures

CELLS = {
    "negbin2": ("", "trips ~ x"),
    "zip": ('--inflation "~ z" ', "trips ~ x"),
    "ordered_logit": ("", "rating ~ x + z"),
}
every_model = pytest.mark.parametrize("model", CELLS)


@pytest.fixture(scope="module")
def frame():
    """Return 300 rows of a count with many zeros and an ordered rating, drawn with seed 6."""
    rng = np.random.default_rng(6)
    x, z = rng.normal(size=(2, 300))
    rating = np.digitize(x - 0.5 * z + rng.logistic(size=300), [-1, 1])
    counts = rng.poisson(np.exp(0.6 + 0.4 * x) * rng.gamma(1.5, 1 / 1.5, 300))
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "trips": np.where(rng.uniform(size=300) < 0.3, 0, counts),
            "rating": pd.Categorical.from_codes(rating, ["bad", "fair", "good"], ordered=True),
        }
    )


@every_model
def test_a_cell_gives_the_estimates_of_the_call(run, shell, frame, model):  # noqa: F811
    options, formula = CELLS[model]
    own = {"inflation": "~ z"} if model == "zip" else {}

    result, outputs, _ = run(
        f"%%mle frame --model {model} {options}--name mine\n{formula}", frame=frame
    )

    fit = shell.user_ns["mine"]
    expected = wb.fit(model, formula, frame, **own)
    assert result.success
    pd.testing.assert_series_equal(fit.params, expected.params)
    assert all(name in outputs[-1].data["text/plain"] for name in fit.params.index)


@every_model
def test_the_cell_that_code_prints_repeats_the_run(run, shell, frame, model):  # noqa: F811
    options, formula = CELLS[model]
    run(f"%%mle frame --model {model} {options}--name mine\n{formula}", frame=frame)
    first = shell.user_ns["mine"]

    run(first.code().magic.replace("mine", "again"), frame=frame)

    again = shell.user_ns["again"]
    assert again.specification.replace(name="") == first.specification.replace(name="")
    pd.testing.assert_series_equal(again.params, first.params)


def test_start_values_of_cutpoints_and_equations_are_read_from_a_word(run, shell, frame):  # noqa: F811
    start = "inflation:Intercept=-1, x=0.3"
    run(
        f'%%mle frame --model zip --inflation "~ z" --start "{start}" --name mine\ntrips ~ x',
        frame=frame,
    )

    assert shell.user_ns["mine"].specification.start == {"inflation:Intercept": -1.0, "x": 0.3}


@every_model
def test_a_run_ended_at_its_limit_goes_on_to_the_same_maximum(frame, model):
    _, formula = CELLS[model]
    own = {"inflation": "~ z"} if model == "zip" else {}
    slow = {"optimizer": wb.Adam(lr=1e-3), "max_steps": 5, "backend": "torch"}
    begun = wb.start(model, formula, frame, **own, **slow)

    ended = begun.result()
    resumed = begun.continue_with("newton").result()

    best = wb.fit(model, formula, frame, backend="torch", **own)
    assert ended.outcome.name == "STEP_LIMIT"
    assert resumed.converged
    np.testing.assert_allclose(resumed.params, best.params, rtol=1e-6)


@every_model
def test_the_list_of_runs_and_the_record_hold_the_model_and_its_options(frame, model):
    _, formula = CELLS[model]
    own = {"inflation": "~ z"} if model == "zip" else {}
    run_of = wb.start(model, formula, frame, **own)
    fit = run_of.result()

    listed = wb.runs().set_index("id").loc[run_of.id]

    assert listed["model"] == fit.model_title or listed["model"] == model
    assert dict(fit.specification.model.settings) == own
