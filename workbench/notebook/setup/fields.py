"""The models of discrete choice on the Setup tab: their columns, their settings, their counts."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from keyword import iskeyword
from typing import Any

import numpy as np

from workbench.data.complete_cases import Positions
from workbench.data.table import Table
from workbench.errors import OptionError, WorkbenchError
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.literals import Choice, parse_settings, settings_text
from workbench.models.choice.data import labelled
from workbench.models.choice.options import (
    ConditionalLogit,
    LatentClass,
    MixedLogit,
    MultinomialLogit,
    NestedLogit,
)
from workbench.models.choice.problem import ChoiceProblem
from workbench.models.registry import model_class, problem_of
from workbench.notebook.setup.formula_text import cut, sides
from workbench.options import made, options_of

COLUMNS = ("situation", "alternatives", "panel")
"""What the page asks columns for."""

CLASSICS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("choice ~ ttme + gc + C(mode)", {"situation": "individual", "alternatives": "mode"}),
    (
        "choice ~ pf + cl + loc + wk + tod + seas",
        {"situation": "chid", "alternatives": "alt", "panel": "id"},
    ),
)
"""The formula and the columns of data sets that textbooks use, for a conditional logit."""

_MOST_LEVELS = 12


@dataclass(frozen=True)
class Counted:
    """What the line below the formula says of a model and its data."""

    text: str
    about: str
    used: Positions
    """The positions of the rows, shape ``(n,)``."""
    names: tuple[str, ...]


def _option_names(template: str) -> tuple[str, ...]:
    return tuple(each.name for each in options_of(model_class(template)))


def asks(template: str) -> tuple[str, ...]:
    """Return the columns that a model needs beside its formula."""
    return tuple(name for name in COLUMNS if name in _option_names(template))


# Settings ---------------------------------------------------------------------------------------
def read(template: str, columns: Mapping[str, str], text: str) -> Choice:
    """Return a model with its columns and the settings that a person wrote.

    Parameters
    ----------
    template
        The model's name.
    columns
        The column of each role, empty when none is chosen.
    text
        As in ``random={price: normal}, draws=200``; words may stand without quotation marks.

    Raises
    ------
    OptionError
        When a column is missing, or a setting cannot be read or cannot serve.
    """
    given = {name: columns[name] for name in asks(template) if columns.get(name)}
    told = {name: _with_words(value) for name, value in parse_settings(text).items()}
    known = [name for name in _option_names(template) if name not in COLUMNS]
    for name in told:
        if name not in known:
            raise _unknown(name, template, known)
    return Choice(template, made(model_class(template), given | told).changed())


def half_typed(template: str, columns: Mapping[str, str], text: str) -> Choice:
    """Return what can be read of a model, its columns alone while the settings are half typed."""
    try:
        return read(template, columns, text)
    except OptionError:
        return Choice(template, {n: columns[n] for n in asks(template) if columns.get(n)})


def random_part(template: str, text: str) -> str:
    """Say how many coefficients are random, nothing while that cannot be read.

    >>> random_part("mixed_logit", "random={price: normal}, draws=100")
    ', 1 random coefficient'
    """
    if template != MixedLogit.name:
        return ""
    try:
        random = _with_words(parse_settings(text).get("random"))
    except OptionError:
        return ""
    return f", {_many(len(random), 'random coefficient')}" if isinstance(random, dict) else ""


def written(model: Choice) -> str:
    """Write the settings of a model beside its columns, as :func:`read` takes them.

    >>> written(Choice("mixed_logit", {"random": {"price": "normal"}, "draws": 100}))
    'random={price: normal}, draws=100'
    """
    own = {name: value for name, value in model.settings.items() if name not in COLUMNS}
    each = (
        f"{name}={_in_words(value)}"
        if isinstance(value, Mapping | list)
        else settings_text({name: value})
        for name, value in own.items()
    )
    return ", ".join(each)


def example(template: str, formula: str, labels: tuple[str, ...]) -> str:
    """Return settings as they might be written for this formula and these alternatives."""
    first = next(iter(_columns(formula)), "price")
    examples = {
        ConditionalLogit.name: f"fixed={{{first}: -1}}",
        MultinomialLogit.name: f"base={labels[0] if labels else 'bus'}",
        MixedLogit.name: f"random={{{first}: normal}}, draws=200",
        NestedLogit.name: f"nests={_nests(labels)}",
        LatentClass.name: "classes=2, membership=~ income",
    }
    return examples.get(template, "")


def alternatives_of(table: Table, column: str) -> tuple[str, ...]:
    """Return the names of the alternatives, none where there are too many to be ones."""
    if column not in table.names:
        return ()
    values = table.column(column).dropna().drop_duplicates()
    return () if len(values) > _MOST_LEVELS else labelled(values)[1]


def proposed(names: Sequence[str]) -> tuple[str, dict[str, Any]] | None:
    """Return a textbook's formula of these data, and the columns of its roles."""
    for formula, columns in CLASSICS:
        parts = sides(formula)
        read_by_it = {parts.outcome, *_columns(formula), *columns.values()}
        if read_by_it <= {*names}:
            return formula, columns
    return None


def _columns(formula: str) -> list[str]:
    """Return the terms of a formula that are a column by themselves."""
    terms = (piece.strip() for _, piece in cut(sides(formula).terms, "+"))
    return [term for term in terms if term.isidentifier()]


def _nests(labels: tuple[str, ...]) -> str:
    if len(labels) < 3:
        return "{fly: [air], ground: [train, bus, car]}"
    return f"{{alone: [{labels[0]}], together: [{', '.join(labels[1:])}]}}"


def _in_words(value: Any) -> str:
    """Write a value with its names bare, the inverse of :func:`_with_words`."""
    if isinstance(value, Mapping):
        pairs = (f"{_in_words(key)}: {_in_words(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_in_words, value))}]"
    bare = isinstance(value, str) and value.isidentifier() and not iskeyword(value)
    return str(value) if bare else repr(value)


class _Words(ast.NodeTransformer):
    """Turn bare names into texts, so that people need no quotation marks."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(node.id)


def _with_words(value: Any) -> Any:
    """Read a list or mapping whose words stand without quotation marks; else return the value."""
    if not isinstance(value, str) or value[:1] not in "{[":
        return value
    try:
        return ast.literal_eval(_Words().visit(ast.parse(value, mode="eval")).body)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise OptionError(
            f"The setting {value} cannot be read.",
            hint="{price: normal}, or {fly: [air], ground: [train, bus]}.",
            code="unreadable-settings",
            where="model_settings",
        ) from None


def _unknown(name: str, template: str, known: list[str]) -> OptionError:
    near = get_close_matches(name, known, n=1)
    column = f"choose {name} above." if name in COLUMNS else ""
    return OptionError(
        f"{model_class(template).title} has no setting {name}.",
        hint=column or (f"{near[0]}?" if near else f"one of {', '.join(known)}."),
        code="no-such-setting",
        where="model_settings",
    )


# Checks -----------------------------------------------------------------------------------------
def counted(asked: Specification, table: Table) -> Counted:
    """Join a model with its data as its run would, and count what it has.

    Raises
    ------
    WorkbenchError
        When the data or an option cannot serve the model.
    """
    problem = problem_of(asked, table)
    rows, names = len(problem.design.rows), problem.parameter_names
    lost = table.nrows - rows
    why = ", ".join(f"{count:,} {reason}" for reason, count in problem.dropped.items() if count)
    text = (
        f"{_many(len(names), 'parameter')}, {_units(problem, rows)}, "
        f"{_many(lost, 'row')} dropped" + (f" ({why})." if lost and why else ".")
    )
    about = " ".join([*problem.left_out, _about_choices(problem)])
    return Counted(text, about.strip(), problem.design.rows, names)


def _units(problem: Problem, rows: int) -> str:
    if not isinstance(problem, ChoiceProblem):
        return f"{_many(rows, 'row')} used"
    situations = _many(problem.data.situations, "choice situation")
    people = f" of {_many(problem.data.persons, 'person')}" if problem.settings.panel else ""
    return f"{situations}{people} in {_many(rows, 'row')}"


def _about_choices(problem: Problem) -> str:
    """Say how often each alternative was chosen."""
    if not isinstance(problem, ChoiceProblem):
        return ""
    data = problem.data
    chosen = np.bincount(data.codes[data.chosen], minlength=len(data.labels))
    if len(chosen) > _MOST_LEVELS:
        return f"{len(chosen):,} alternatives."
    listed = ", ".join(f"{label} ({n:,})" for label, n in zip(data.labels, chosen, strict=True))
    return f"Chosen: {listed}."


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def field_of(error: WorkbenchError, columns: Mapping[str, str], template: str) -> str:
    """Return the field of the page that an error is about."""
    if error.where in (*COLUMNS, "model_settings", "offset"):
        return str(error.where)
    if error.code in {"no-choice", "two-choices", "alternative-twice"}:
        return next((role for role, name in columns.items() if name == error.where), "formula")
    return "model_settings" if error.where in _option_names(template) else "formula"
