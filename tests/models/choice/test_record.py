"""Runs of choice models are repeated by their code, kept, stopped and resumed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager

import workbench as wb
from tests.models.choice.choices import rides
from workbench.api.calls import start_specification
from workbench.errors import OptionError
from workbench.estimation.specification import Specification
from workbench.models.choice.state import ChoiceState
from workbench.notebook.cell.arguments import settings
from workbench.notebook.cell.options import read_line, with_options
from workbench.runs.store import current_store

RIDE = "chosen ~ price + time + comfort"
LONG = {"situation": "id", "alternatives": "ride"}
MODELS = {
    "conditional_logit": {**LONG, "fixed": {"time": -0.1}, "se": "robust", "scale": "~ C(town)"},
    "nested_logit": {**LONG, "nests": {"it's": ["a", "b"], "y": ["c", "d"]}},
    "mixed_logit": {
        **LONG,
        "panel": "person",
        "random": {"price": "normal", "time": "negative_lognormal"},
        "correlated": True,
        "draws": 20,
        "draw_kind": "mlhs",
        "wtp_price": "price",
        "seed": 3,
    },
    "latent_class": {**LONG, "panel": "person", "membership": "~ age", "starts": 1},
    "multinomial_logit": {"base": "b"},
}
every_model = pytest.mark.parametrize("model", MODELS)


@pytest.fixture(scope="module")
def frame():
    """The rides."""
    return rides(persons=40)


@with_options
def mle(self, line):
    """Stand in for the magic, whose parser is asked what it reads."""


def fitted(model, frame):
    formula = "ride ~ age" if model == "multinomial_logit" else RIDE
    return wb.fit(model, formula, frame, **MODELS[model])


@every_model
def test_the_call_and_the_cell_state_the_run_again(model, frame):
    found = fitted(model, frame)
    scope = {"frame": frame}

    exec(found.code().python, scope)
    again = scope["fit"]
    words = {}
    recorder = type("Shell", (), {"run_cell_magic": lambda _, *each: words.update(each=each)})()
    cell = TransformerManager().transform_cell(found.code().magic)
    exec(cell, {"get_ipython": lambda: recorder})
    _, line, body = words["each"]
    options = read_line(mle.parser, line)
    by_cell = wb.fit(options.model, body.strip(), frame, **settings(options))

    for other in (again, by_cell):
        assert other.specification == found.specification
        np.testing.assert_array_equal(other.params, found.params)
        np.testing.assert_array_equal(other.se, found.se)


@every_model
def test_specifications_survive_json(model, frame):
    specification = fitted(model, frame).specification

    stored = json.loads(json.dumps(specification.to_dict()))

    assert Specification.from_dict(stored) == specification


def test_numbers_of_numpy_are_recorded_as_numbers(frame):
    options = {**MODELS["mixed_logit"], "draws": np.int64(20), "seed": np.int64(3)}

    found = wb.fit("mixed_logit", RIDE, frame, **options)

    assert found.specification == fitted("mixed_logit", frame).specification
    assert json.dumps(found.specification.to_dict())


@pytest.mark.parametrize("model", ["conditional_logit", "mixed_logit"])
def test_a_stopped_run_goes_on_to_the_same_answer(model, frame):
    whole = fitted(model, frame)
    formula, options = RIDE, MODELS[model]

    short = wb.fit(model, formula, frame, **options, max_steps=1)
    on = wb.start(model, formula, frame, **options, max_steps=1).continue_with(max_steps=100)

    assert short.outcome.name == "STEP_LIMIT"
    assert on.result().loglik == pytest.approx(whole.loglik, abs=0.5)
    assert on.result().converged


def test_the_record_keeps_the_fit(frame):
    found = fitted("mixed_logit", frame)

    wb.runs()
    listed = list(current_store().runs_frame().index)

    assert listed
    assert found.state.simulation["draws"] == 20


def test_other_values_in_the_columns_of_roles_are_other_data(frame):
    found = fitted("conditional_logit", frame)
    renumbered = frame.assign(id=frame["id"] + 1)

    again = wb.fit("conditional_logit", RIDE, renumbered, **MODELS["conditional_logit"])

    prints = [each.specification.data.fingerprint for each in (found, again)]
    assert prints[0] != prints[1]


@pytest.mark.parametrize("option", [{"scale": "~ C(town)"}, {"panel": "person"}])
def test_a_scale_or_a_panel_makes_no_other_data(frame, option):
    plain = wb.fit("conditional_logit", RIDE, frame, **LONG)
    found = wb.fit("conditional_logit", RIDE, frame, **LONG, **option)

    notes = " ".join(wb.compare(plain, found).grid.notes)

    assert plain.specification.data.fingerprint != found.specification.data.fingerprint
    assert "Data differ" not in notes


def test_models_of_choice_are_listed_with_their_roles():
    listed = wb.models()

    assert set(MODELS) <= set(listed.index)
    assert listed.loc["mixed_logit", "roles"][:4] == (
        "situation",
        "alternatives",
        "panel",
        "random",
    )


def test_options_of_other_models_are_refused(frame):
    with pytest.raises(OptionError, match='no option "situation"'):
        wb.fit("logit", "chosen ~ price", frame, situation="id")


def test_a_stored_specification_can_be_started(frame):
    found = fitted("nested_logit", frame)

    again = start_specification(found.specification, found.live.table).result()

    np.testing.assert_array_equal(again.params, found.params)


def test_a_record_that_names_the_unit_of_the_scores_by_its_former_word_is_read():
    assert ChoiceState.from_dict({"unit": "chooser"}).unit == "choice situation"
    assert ChoiceState.from_dict({"unit": "person"}).unit == "person"
