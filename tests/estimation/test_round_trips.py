"""Every option of every model, optimizer, demeaner and covariance comes back from all its forms."""

from __future__ import annotations

import builtins
import json
import math
from contextlib import suppress
from types import SimpleNamespace

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from workbench.errors import OptionError
from workbench.estimation.code import magic_cell, python_call, quoted_word
from workbench.estimation.families import FAMILIES
from workbench.estimation.model import model_of
from workbench.estimation.specification import DataReference, Specification
from workbench.literals import Choice
from workbench.models.registry import MODELS, model_class
from workbench.notebook.cell import arguments
from workbench.notebook.cell.options import read_line, with_options
from workbench.options import Kind, options_from, options_of

MROZ = DataReference("sample", "mroz")
FORMULA = "y ~ x"


def others(option):
    """Return values of an option that differ from its default, odd ones where there are some."""
    values = {
        Kind.COUNT: [7, 3, 2],
        Kind.NUMBER: [0.3, 1e-05, 3.5],
        Kind.FLAG: [not option.default],
        Kind.CHOICE: [*reversed(option.choices)],
        Kind.COLUMNS: [("a", 'odd "name"', "b + c")],
        Kind.FORMULA: ["~ age + `odd name`"],
        Kind.NUMBERS: [{"x": -1.5, "tau.it's, so": 1e-300}],
        Kind.CHOICES: [dict.fromkeys(("x", "a = b"), choice) for choice in option.choices],
        Kind.GROUPS: [{"it's": ["a", "b, c"], "y": ["1", "d"]}],
        Kind.SETTINGS: [{"time": "odd name", "lag": 2, "share": 0.5, "unit": "1", "on": True}],
    }.get(option.kind, ['an "odd" name'])
    return [value for value in values if value != option.default]


def with_one(kind, option):
    """Make a member with an option that differs from its default, and what it needs besides."""
    needed = {each.name: each.example for each in options_of(kind) if each.required}
    for value in others(option):
        with suppress(OptionError):
            return options_from(kind, {**needed, option.name: value})
    pytest.fail(f"No value of {option.name} was found that {kind.__name__} takes.")


def cases(members):
    return [
        pytest.param(name, each, id=f"{name}-{each.name}")
        for name, kind in members.items()
        for each in options_of(kind)
    ]


models = {name: model_class(name) for name in MODELS}
every_option_of_models = pytest.mark.parametrize(("name", "option"), cases(models))


@with_options
def mle(self, line):
    """Stand in for the magic, to read a cell with its parser."""


def called(code):
    """Run code with a ``wb`` where ``fit`` and ``did2s`` return their arguments."""
    load = lambda name: DataReference("sample", name)  # noqa: E731
    kinds = {
        kind.__name__: kind for family in FAMILIES.values() for kind in family.members.values()
    }
    taken = lambda *what, **options: (what, options)  # noqa: E731
    stand_in = SimpleNamespace(fit=taken, did2s=taken, load=load, **kinds)
    importer = lambda name, *_: {"workbench": stand_in}[name]  # noqa: E731
    scope = {"__builtins__": {**vars(builtins), "__import__": importer}}
    exec(code, scope)
    return scope["fit"]


def of_cell(cell):
    """Return the model and the options of a cell, as IPython hands it to the magic."""
    scope = {}
    recorder = SimpleNamespace(run_cell_magic=lambda *words: scope.update(words=words))
    exec(TransformerManager().transform_cell(cell), {"get_ipython": lambda: recorder})
    _, line, body = scope["words"]
    options = read_line(mle.parser, line)
    assert body.strip() == FORMULA
    return options.model, arguments.settings(options)


def again(specification):
    """Return a specification that went through its record."""
    return Specification.from_dict(json.loads(json.dumps(specification.to_dict())))


@every_option_of_models
def test_an_option_of_a_model_comes_back_from_the_record_the_call_and_the_cell(name, option):
    kind = models[name]
    member = with_one(kind, option)
    extra = {"cluster": "id", "se": "cluster", "ssc": "stata"} if kind.no_cell else {}
    specification = Specification(Choice(name, member.changed()), MROZ, FORMULA, **extra)

    what, options = called(python_call(specification))
    own = {each: options[each] for each in member.changed() if each in options}

    assert option.name in member.changed()
    assert options_from(kind, json.loads(json.dumps(member.to_dict()))) == member
    assert model_of(again(specification).model) == member
    assert options_from(kind, own) == member
    if kind.no_cell:
        assert kind.no_cell in magic_cell(specification)
    else:
        assert what == (name, FORMULA, MROZ)
        assert of_cell(magic_cell(specification)) == (name, {**member.changed()})


@pytest.mark.parametrize(
    ("family", "name", "option"),
    [
        pytest.param(family.option, *case.values, id=case.id)
        for family in FAMILIES.values()
        for case in cases(family.members)
    ],
)
def test_an_option_of_a_member_comes_back_from_the_record_the_call_and_the_cell(
    family, name, option
):
    kind = FAMILIES[family].members[name]
    member = with_one(kind, option)
    changed, keyword = member.changed(), FAMILIES[family].keyword
    by_name = {family: name, keyword: changed}
    chosen = by_name if family == "se" else {family: Choice(name, changed)}
    specification = Specification(Choice("feols"), MROZ, FORMULA, **chosen)
    flags = " ".join(
        f"--{family}-{each.name.replace('_', '-')} {quoted_word(each.written(changed[each.name]))}"
        for each in options_of(kind)
        if each.name in changed
    )

    _, options = called(python_call(specification))
    _, in_one_word = of_cell(magic_cell(specification))
    _, in_flags = of_cell(f"%%mle mroz --model feols --{family} {name} {flags}\n{FORMULA}")

    assert option.name in changed
    assert options_from(kind, json.loads(json.dumps(member.to_dict()))) == member
    assert getattr(again(specification), family) == chosen[family]
    assert in_one_word == by_name
    assert in_flags == by_name
    if family == "se":
        assert options == by_name
    else:
        assert options == {family: member}


def test_an_option_of_every_kind_is_among_those_tried():
    members = [*models.values(), *(k for f in FAMILIES.values() for k in f.members.values())]

    tried = {each.kind for kind in (*members, Specification) for each in options_of(kind)}

    assert tried == {*Kind}


def test_bounds_survive_in_the_call_of_a_function():
    params = {"const": 0.0, "sigma": [1.0, 0.0, math.inf], "rho": [0.5, 0.0, 1.0]}
    specification = Specification(Choice("custom", {"function": "tobit", "params": params}), MROZ)
    scope = {"tobit": lambda params, data: data["y"] * params["const"]}

    code = (
        python_call(specification)
        .replace("wb.fit(", "dict(model=")
        .replace("None,", "formula=None,")
    )

    exec(code.replace('wb.load("mroz")', 'data="mroz"'), scope)
    assert scope["fit"]["model"].changed() | {"function": "tobit"} == specification.model.settings
