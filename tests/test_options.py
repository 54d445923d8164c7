"""An option is declared once, and checked, written, read and drawn from its declaration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from workbench.errors import OptionError
from workbench.literals import Choice
from workbench.options import Kind, Option, Options, option, options_from, options_of


@dataclass(frozen=True, kw_only=True)
class Everything(Options):
    """One option of each kind."""

    title: ClassVar[str] = "Everything"

    count: int = option(5, kind=Kind.COUNT, least=1, help="how many")
    number: float = option(0.5, kind=Kind.NUMBER, above=0.0, below=1.0, help="how much")
    flag: bool = option(False, kind=Kind.FLAG, help="whether")
    choice: str = option("one", kind=Kind.CHOICE, choices=("one", "two"), help="which")
    text: str = option("", kind=Kind.TEXT, help="what")
    column: str | None = option(None, kind=Kind.COLUMN, help="which column")
    columns: tuple[str, ...] | None = option(None, kind=Kind.COLUMNS, help="which columns")
    level: str | None = option(None, kind=Kind.LEVEL, help="which level")
    formula: str = option("~ 1", kind=Kind.FORMULA, help="of what", example="~ age")
    condition: str | None = option(None, kind=Kind.CONDITION, help="which rows")
    numbers: dict[str, float] = option({}, kind=Kind.NUMBERS, help="held", example={"b": 1.0})
    choices: dict[str, str] = option(
        {}, kind=Kind.CHOICES, choices=("normal", "uniform"), help="distributions"
    )
    groups: dict[str, list[str]] = option({}, kind=Kind.GROUPS, help="nests")
    settings: dict[str, Any] = option({}, kind=Kind.SETTINGS, help="anything")
    member: Choice = option(Choice("bfgs"), kind=Kind.MEMBER, help="optimizer")


CHANGED = {
    "count": 7,
    "number": 0.25,
    "flag": True,
    "choice": "two",
    "text": "a text",
    "column": "income",
    "columns": ("firm", "year"),
    "level": "3",
    "formula": "~ age + income",
    "condition": "year > 1990 and country == 'DE'",
    "numbers": {"cost": -1.0},
    "choices": {"price": "normal", "in vehicle": "uniform"},
    "groups": {"fly": ["air"], "ground": ["train", "bus"]},
    "settings": {"time": "year", "lag": 2},
    "member": Choice("sgd", {"lr": 0.1}),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_value_comes_back_from_the_word_that_writes_it(name):
    (declared,) = (each for each in options_of(Everything) if each.name == name)
    value = CHANGED[name]

    again = declared.checked(declared.read(declared.written(value)))

    assert again == value


def test_options_that_differ_from_their_defaults_are_plain_json():
    changed = Everything(**CHANGED).changed()

    assert json.loads(json.dumps(changed)) == changed
    assert set(changed) == set(CHANGED)
    assert Everything().changed() == {}


def test_every_option_has_a_schema_of_plain_json():
    schema = [each.schema() for each in options_of(Everything)]

    assert json.loads(json.dumps(schema)) == schema
    assert {each["kind"] for each in schema} == {kind.name.lower() for kind in Kind}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("count", 0, "of at least 1"),
        ("count", 2.5, "a whole number"),
        ("count", True, "a whole number"),
        ("number", 1, "above 0 and below 1"),
        ("number", float("nan"), "a number"),
        ("number", "0.5", "a number"),
        ("flag", 1, "True or False"),
        ("choice", "twoo", '"two"'),
        ("text", 3, 'text="3"'),
        ("column", 3, "the name of a column"),
        ("columns", ["firm", 3], "names of columns"),
        ("level", ["bus"], "level"),
        ("formula", "age", "~ age"),
        ("formula", " ", "~ age"),
        ("numbers", 3, "b"),
        ("numbers", {"b": float("inf")}, "b"),
        ("choices", {"price": "norml"}, '"normal"'),
        ("groups", {"fly": "air"}, "groups"),
        ("member", "bfgs", "member"),
    ],
)
def test_a_value_that_is_not_of_its_kind_is_refused_with_the_option_and_a_next_step(
    name, value, said
):
    with pytest.raises(OptionError) as refused:
        Everything(**{name: value})

    assert name in refused.value.problem
    assert said in refused.value.hint
    assert refused.value.where == name
    assert refused.value.code == "bad-option"


def test_numpy_numbers_become_plain_ones():
    made_of = Everything(count=np.int64(3), number=np.float32(0.5), level=np.float64(3.0))

    assert (type(made_of.count), type(made_of.number), made_of.level) == (int, float, "3")


def test_an_unknown_option_is_refused_with_the_nearest_one():
    with pytest.raises(OptionError, match='no option "cuont"') as refused:
        options_from(Everything, {"cuont": 3})

    assert refused.value.suggestion == "count"


@dataclass(frozen=True, kw_only=True)
class Renamed(Options):
    """An option that must be given, and that had another name before."""

    title: ClassVar[str] = "Renamed"
    renamed: ClassVar[dict[str, str]] = {"choosers": "situation"}

    situation: str = option(kind=Kind.COLUMN, help="column of the situation", example="id")


def test_an_option_that_must_be_given_is_required_with_an_example():
    with pytest.raises(OptionError, match="needs the option situation") as refused:
        options_from(Renamed, {})

    assert refused.value.hint == 'situation="id".'


def test_a_stored_option_is_found_under_the_name_that_it_had_before():
    assert options_from(Renamed, {"choosers": "id"}) == Renamed(situation="id")


def test_the_flag_of_a_cell_is_the_name_with_dashes():
    assert Option("draw_kind", Kind.CHOICE, "").flag == "--draw-kind"
