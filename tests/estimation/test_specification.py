"""A specification survives JSON, and refuses what it does not know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import pytest

from workbench.errors import OptionError
from workbench.estimation.code import magic_cell, python_call
from workbench.estimation.model import likelihood_key
from workbench.estimation.specification import DataReference, Source, Specification
from workbench.literals import Choice
from workbench.options import Kind, option, options_of


@pytest.fixture
def specification():
    """A specification in which no setting has its default."""
    return Specification(
        model=Choice("body"),
        data=DataReference("file", "wages.csv", "ab12", 753, 22),
        formula="lwage ~ educ",
        source=Source("params: sigma > 0\nloglik = normal_logpdf(y, eta, sigma)", by="id"),
        se="cluster",
        cluster="region",
        weights="w",
        weight_kind="probability",
        offset="exposure",
        optimizer=Choice("l-bfgs-b", {"memory": 5}),
        backend="torch",
        device="cuda:0",
        dtype="float32",
        start={"educ": 0.1},
        max_steps=7,
        missing="raise",
        collinear="raise",
        positive="yes",
        seed=3,
        ssc="stata",
        name="by hand",
    )


def test_a_specification_comes_back_equal_from_its_dictionary(specification):
    again = Specification.from_dict(specification.to_dict())

    assert again == specification


def test_a_specification_comes_back_equal_from_json_text(specification):
    text = json.dumps(specification.to_dict(), allow_nan=False)

    assert Specification.from_dict(json.loads(text)) == specification


def test_settings_left_out_of_a_dictionary_have_their_defaults():
    stored = {"model": {"name": "logit"}, "data": {"kind": "sample", "name": "mroz"}}

    specification = Specification.from_dict(stored)

    assert specification == Specification(Choice("logit"), DataReference("sample", "mroz"))


def test_a_setting_of_a_newer_version_is_refused_by_name(specification):
    stored = {**specification.to_dict(), "bootstrap": 99}

    with pytest.raises(OptionError, match="bootstrap") as refused:
        Specification.from_dict(stored)

    assert refused.value.code == "unknown-setting"


def test_a_changed_copy_leaves_the_original_as_it_was(specification):
    changed = specification.replace(se="robust")

    assert (changed.se, specification.se) == ("robust", "cluster")


def test_a_specification_writes_the_call_and_the_cell_that_repeat_it(specification):
    assert "wb.LBFGSB(memory=5)" in python_call(specification)
    assert '--optimizer "l-bfgs-b(memory=5)"' in magic_cell(specification)


@dataclass(frozen=True, kw_only=True)
class FurtherOptions(Specification):
    """A specification with one further option of each kind that a record may change."""

    periods: tuple[str, ...] | None = option(None, kind=Kind.COLUMNS, help="columns of periods")
    sampler: Choice = option(Choice("halton"), kind=Kind.MEMBER, help="sampler")
    groups: Mapping[str, Any] = option({}, kind=Kind.GROUPS, help="groups")
    prior: Mapping[str, float] | None = option(None, kind=Kind.NUMBERS, help="prior means")
    trim: float = option(0.0, kind=Kind.NUMBER, help="share left out")


@pytest.mark.parametrize(
    "further",
    [
        {"periods": ("year", "month")},
        {"sampler": Choice("sobol", {"skip": 3})},
        {"groups": {"near": ["1", "2"]}},
        {"prior": {"educ": 0.5}},
        {"trim": 0.25},
    ],
)
def test_an_option_of_any_kind_comes_back_from_json_text(specification, further):
    values = {item.name: getattr(specification, item.name) for item in fields(specification)}
    asked = FurtherOptions(**values, **further)

    assert FurtherOptions.from_dict(json.loads(json.dumps(asked.to_dict()))) == asked


def different(each):
    """Return a value of an option of the run that is not its default."""
    return {
        "se_options": {"lag": 2},
        "start": {"educ": 1.0},
        "optimizer": Choice("bfgs"),
        "demeaner": Choice("lsmr"),
        "cluster": "age",
    }.get(each.name, next((c for c in each.choices if c != each.default), "x"))


@pytest.mark.parametrize(
    ("model", "alike"),
    [
        ("logit", {"seed"}),
        ("mixed_logit", set()),
    ],
)
def test_two_runs_share_a_likelihood_unless_an_option_of_it_differs(model, alike):
    asked = Specification(Choice(model), DataReference("sample", "mroz"), "inlf ~ educ")
    options = {each.name: different(each) for each in options_of(Specification)}

    same = {
        name
        for name, value in options.items()
        if likelihood_key(asked.replace(**{name: value})) == likelihood_key(asked)
    }

    assert same == alike | {
        *("optimizer", "demeaner", "backend", "device", "dtype", "start", "max_steps", "name"),
        *("se", "se_options", "cluster", "ssc"),
    }
