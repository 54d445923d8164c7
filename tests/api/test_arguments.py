"""A model and its options are given by name, as a class, as an object, or in between."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
import pytest

import workbench as wb
from workbench.api.arguments import specified
from workbench.errors import OptionError
from workbench.estimation.model import Model
from workbench.literals import Choice
from workbench.models import registry
from workbench.models.choice.options import MixedLogit
from workbench.options import Kind, option

FORMULA = "choice ~ ttme + invc"
LONG = {"situation": "individual", "alternatives": "mode"}
RANDOM = {"ttme": "normal"}


def asked(model, **options):
    """Return the specification of a call on the sample of travellers."""
    import sys

    return specified(model, FORMULA, "modechoice", options, sys._getframe(0))[0]


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("mixed_logit", {**LONG, "random": RANDOM, "draws": 50}),
        (MixedLogit, {**LONG, "random": RANDOM, "draws": 50}),
        (MixedLogit(**LONG, random=RANDOM, draws=50), {}),
        (MixedLogit(draws=50), {**LONG, "random": RANDOM}),
    ],
    ids=["name", "class", "object", "object that waits for required options"],
)
def test_the_same_call_is_written_in_four_ways(model, options):
    specification = asked(model, **options)

    own = {**LONG, "random": RANDOM, "draws": 50}
    assert specification.model == Choice("mixed_logit", own)


def test_an_option_in_the_object_and_in_the_call_is_refused():
    with pytest.raises(OptionError) as refused:
        asked(MixedLogit(draws=500), **LONG, random=RANDOM, draws=200)

    assert "draws is given twice" in refused.value.problem
    assert refused.value.hint == "MixedLogit(draws=200) alone."


def test_a_required_option_that_nobody_gives_is_named():
    with pytest.raises(OptionError) as refused:
        asked(MixedLogit(draws=500), **LONG)

    assert refused.value.where == "random"
    assert "distribution of each random coefficient" in refused.value.problem


@pytest.mark.parametrize("start", [wb.fit, wb.start])
def test_the_former_name_of_an_option_is_understood_with_one_warning(start):
    with pytest.warns(FutureWarning, match="choosers is called situation now") as warned:
        found = start(
            "conditional_logit", FORMULA, "modechoice", choosers="individual", alternatives="mode"
        )

    assert len(warned) == 1
    assert warned[0].filename == __file__
    code = found.code() if start is wb.fit else found.result().code()
    assert 'situation="individual"' in code.python
    assert "choosers" not in f"{code.python}{code.magic}"


def test_the_former_name_of_the_column_that_long_makes_is_understood_with_one_warning():
    wide = pd.DataFrame({"mode": ["a", "b", "a"], "cost_a": [1.0, 3, 2], "cost_b": [2.0, 1, 1]})
    long = wb.long(wide, "mode", ["a", "b"], ["cost"])
    roles = {"alternatives": "alternative"}

    with pytest.warns(FutureWarning, match="The column chooser is called situation") as warned:
        old = wb.fit("conditional_logit", "chosen ~ cost", long, situation="chooser", **roles)

    assert [warning.filename for warning in warned] == [__file__]
    new = wb.fit("conditional_logit", "chosen ~ cost", long, situation="situation", **roles)
    pd.testing.assert_series_equal(old.params, new.params)
    own = long.rename(columns={"situation": "chooser"})
    wb.fit("conditional_logit", "chosen ~ cost", own, situation="chooser", **roles)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_former_name_with_the_new_one_is_refused():
    with pytest.raises(OptionError, match="as choosers, its former name"):
        asked("conditional_logit", **LONG, choosers="individual")


def test_the_former_name_means_nothing_to_other_models():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(OptionError, match='no option "choosers"'):
            asked("logit", choosers="individual")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"draws": 50}, "draws is an option of mixed_logit."),
        ({"starts": 3}, "starts is an option of latent_class."),
        ({"scale": "~ x"}, "conditional_logit, mixed_logit, nested_logit"),
    ],
)
def test_an_option_of_another_model_is_refused_by_the_names_that_have_it(options, words):
    with pytest.raises(OptionError) as refused:
        asked("logit", **options)

    assert words in refused.value.hint
    assert refused.value.code == "no-such-option"


@pytest.mark.parametrize(
    "optimizer",
    [
        {"optimizer": "sgd", "optimizer_options": {"lr": 0.5}},
        {"optimizer": wb.SGD(lr=0.5)},
    ],
    ids=["by name", "as an object"],
)
def test_an_optimizer_is_given_by_name_or_as_an_object(optimizer):
    assert asked("logit", **optimizer).optimizer == Choice("sgd", {"lr": 0.5})


@dataclass(frozen=True, kw_only=True)
class Colliding(Model):
    """A model with an option that every run has."""

    name: ClassVar[str] = "colliding"
    title: ClassVar[str] = "Colliding"

    seed: int = option(0, kind=Kind.COUNT, help="a seed of its own")


@dataclass(frozen=True, kw_only=True)
class Shadowing(Model):
    """A model with an option that names the options of the optimizer."""

    name: ClassVar[str] = "colliding"
    title: ClassVar[str] = "Shadowing"

    optimizer_options: int = option(0, kind=Kind.COUNT, help="another thing")


@pytest.mark.parametrize(
    ("member", "words"),
    [("Colliding", "the option seed"), ("Shadowing", "the option optimizer_options")],
)
def test_an_option_that_every_run_has_fails_when_the_model_is_registered(
    monkeypatch, member, words
):
    place = f"{__name__}:{member}"
    monkeypatch.setitem(registry.MODELS, "colliding", place)
    monkeypatch.setattr(registry, "import_module", lambda _: __import__("sys").modules[__name__])

    with pytest.raises(TypeError, match=words):
        registry.model_class("colliding")


def test_a_name_that_differs_from_the_registered_one_fails(monkeypatch):
    monkeypatch.setitem(registry.MODELS, "ordinary", registry.MODELS["ols"])

    with pytest.raises(TypeError, match='registered as "ordinary"'):
        registry.model_class("ordinary")
