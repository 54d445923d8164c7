"""The shortest Python call, and the shortest cell, that repeat exactly one run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from keyword import iskeyword
from typing import Any

from workbench.estimation.families import FAMILIES
from workbench.estimation.model import model_class
from workbench.estimation.specification import DataReference, Specification
from workbench.literals import Choice, choice_text
from workbench.options import Kind, Option, options_of

_LINE = 88
_READ = Option("read", Kind.SETTINGS, "options of the file")
_BLOCK = '"""\\\n'
"""How a text of several lines begins."""


@dataclass(frozen=True)
class Call:
    """A call of a function of the package.

    Attributes
    ----------
    function
        Its name in the package, as in ``"fit"``.
    arguments, options
        Plain values, calls, names, blocks of text, `DataReference` and `Choice`.
    remarks
        Comments above it.
    """

    function: str
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Name:
    """A variable of the notebook."""

    text: str


@dataclass(frozen=True)
class Block:
    """A text of several lines, written without change."""

    text: str


def python_call(specification: Specification) -> str:
    """Return the Python lines that repeat a run, with the options that differ from their defaults.

    A frame is called by the name of its variable, a sample is loaded, a file is opened by path.

    Examples
    --------
    >>> data = DataReference("sample", "mroz")
    >>> print(python_call(Specification(Choice("logit"), data, "inlf ~ educ", se="robust")))
    import workbench as wb
    <BLANKLINE>
    fit = wb.fit("logit", "inlf ~ educ", wb.load("mroz"), se="robust")
    """
    module, _, name = model_class(specification.model.name).called_by.partition(":")
    call: Call = getattr(import_module(module), name)(specification)
    assigned = _assigned("fit", _value(call))
    remarks = [*_remarks(specification.data), *(f"# {remark}" for remark in call.remarks)]
    return "\n".join(["import workbench as wb", "", *remarks, _render(assigned, 0)])


def fit_call(specification: Specification, model: Call | None = None) -> Call:
    """Return the call of ``wb.fit`` that repeats a run.

    Parameters
    ----------
    specification
        The specification of the run.
    model
        What makes the model, where a name and its options do not.
    """
    what = (model or specification.model.name, specification.formula, specification.data)
    own = {} if model else own_options(specification)
    return Call("fit", what, own | dict(run_options(specification)))


def magic_cell(specification: Specification) -> str:
    """Return the ``%%mle`` cell that repeats a run, or a comment that says why there is none.

    Examples
    --------
    >>> data = DataReference("sample", "mroz")
    >>> print(magic_cell(Specification(Choice("logit"), data, "inlf ~ educ", se="robust")))
    %%mle mroz --model logit --se robust
    inlf ~ educ
    """
    source, formula = specification.source, specification.formula or ""
    words = [specification.data.name, *_words(specification)]
    if reason := _why_no_cell(specification, words):
        return f"# This run has no %%mle cell: {reason}. The Python call repeats it."
    first, *options = map(quoted_word, words)
    return " ".join(["%%mle", first, *options]) + "\n" + (source.text if source else formula)


# The options -------------------------------------------------------------------------------------
def run_options(
    specification: Specification, defaults: Mapping[str, Any] | None = None
) -> list[tuple[str, Any]]:
    """Return the options of a run that differ from their defaults, by name.

    Parameters
    ----------
    specification
        The specification of the run.
    defaults
        The defaults of the function that is called, as far as they are not those of ``wb.fit``.
    """
    usual = {each.name: each.default for each in options_of(Specification)} | {**(defaults or {})}
    # A cluster alone means clustered errors, so another kind is named with it; models differ in
    # what weights are by default.
    always = {"se"} if specification.clusters else set()
    always |= {"weight_kind"} if specification.weights else set()
    always -= {*(defaults or {})}
    values = ((name, getattr(specification, name)) for name in usual)
    return [(n, value) for n, value in values if value != usual[n] or n in always]


def own_options(specification: Specification) -> dict[str, Any]:
    """Return the options of the model that the specification has, by name."""
    declared = _own(specification)
    return {name: v for name, v in specification.model.settings.items() if name in declared}


def _own(specification: Specification) -> dict[str, Option]:
    return {each.name: each for each in options_of(model_class(specification.model.name))}


# Python ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Piece:
    """A piece of code: ``flat`` on one line, or its items on lines of their own."""

    flat: str
    opening: str = ""
    items: tuple[_Piece, ...] = ()
    closing: str = ""
    comma: str = ","


def _render(piece: _Piece, indent: int) -> str:
    if not piece.items or _fits(piece.flat, indent):
        return piece.flat
    pad = " " * (indent + 4)
    together = ", ".join(item.flat for item in piece.items)
    if piece.comma and _fits(together, indent + 4):
        lines = f"{pad}{together}\n"
    else:
        parts = (_render(item, indent + 4) for item in piece.items)
        lines = "".join(f"{pad}{part}{piece.comma}\n" for part in parts)
    return f"{piece.opening}\n{lines}{' ' * indent}{piece.closing}"


def _fits(flat: str, indent: int) -> bool:
    comma = 1 if indent else 0
    return "\n" not in flat and indent + len(flat) + comma <= _LINE


def _call(function: str, items: Iterable[_Piece]) -> _Piece:
    """Write a call; one with a block of text stays as it is."""
    piece = _group(f"wb.{function}(", items, ")")
    blocks = any(item.flat.startswith(_BLOCK) for item in piece.items)
    return _Piece(piece.flat) if blocks else piece


def _group(opening: str, items: Iterable[_Piece], closing: str) -> _Piece:
    parts = tuple(items)
    flat = f"{opening}{', '.join(item.flat for item in parts)}{closing}"
    return _Piece(flat, opening, parts, closing)


def _named(name: str, value: _Piece, sign: str = "=") -> _Piece:
    opening = f"{name}{sign}{value.opening}"
    return _Piece(f"{name}{sign}{value.flat}", opening, value.items, value.closing, value.comma)


def _assigned(variable: str, value: _Piece) -> _Piece:
    return _named(variable, value, " = ")


def _value(value: Any) -> _Piece:
    match value:
        case Call():
            options = (_named(name, _value(item)) for name, item in value.options.items())
            return _call(value.function, (*map(_value, value.arguments), *options))
        case Name():
            return _Piece(value.text)
        case Block():
            return _Piece(_block(value.text))
        case DataReference():
            return _data(value)
        case Choice():
            return _member(value)
        case str():
            return _text(value)
        case float() if not math.isfinite(value):
            return _Piece(f'float("{value!r}")')
        case Mapping():
            items = (_named(_quoted(name), _value(item), ": ") for name, item in value.items())
            return _group("{", items, "}")
        case list() | tuple():
            return _group("[", map(_value, value), "]")
    return _Piece(repr(value))


def _text(text: str) -> _Piece:
    chunks = [""]
    for part in re.findall(r"\S{1,40}\s?|\s", text):
        if len(_quoted(chunks[-1] + part)) > _LINE - 9:
            chunks.append("")
        chunks[-1] += part
    return _Piece(_quoted(text), "(", tuple(_Piece(_quoted(chunk)) for chunk in chunks), ")", "")


def _quoted(text: str) -> str:
    """Write a string literal, in double quotation marks unless it holds some."""
    return repr(text) if '"' in text else f'{repr(text + chr(39))[:-2]}"'


def _block(text: str) -> str:
    """Write a string literal of several lines."""
    letters = (
        letter
        if letter == "\n" or (letter.isprintable() and letter != "\\")
        else repr(letter)[1:-1]
        for letter in text
    )
    closing = re.compile(r'"{3,}|"+\Z')
    lines = closing.sub(lambda marks: '\\"' * len(marks[0]), "".join(letters))
    return f'{_BLOCK}{lines}"""'


def _member(choice: Choice) -> _Piece:
    """Write an optimizer or a demeaner by its name, or as a call when it has settings."""
    families = (FAMILIES["optimizer"], FAMILIES["demeaner"])
    members = {name: kind for each in families for name, kind in each.members.items()}
    if not choice.settings or choice.name not in members:
        return _text(choice_text(choice))
    settings = (_named(name, _value(value)) for name, value in choice.settings.items())
    return _call(members[choice.name].__name__, settings)


def _data(data: DataReference) -> _Piece:
    if data.kind == "sample":
        return _value(Call("load", (data.name,)))
    if data.kind == "file" and data.options:
        workbook = data.name.lower().endswith(".xlsx")
        reader = "read_excel" if workbook else "read_csv"
        return _value(Call(reader, (data.name,), data.options))
    if data.kind == "file":
        return _text(data.name)
    if data.kind == "sql":
        return _value(Call("read_sql", (data.query, data.name)))
    return _Piece(data.name if is_variable(data.name) else "data")


def _remarks(data: DataReference) -> list[str]:
    if data.kind != "frame" or is_variable(data.name):
        return []
    size = f"{data.rows:,} rows and {data.columns:,} columns"
    return [f"# data is the table of {size} that the run read"]


def is_variable(name: str) -> bool:
    """Return whether a name can be that of a variable."""
    return name.isidentifier() and not iskeyword(name)


# The cell ----------------------------------------------------------------------------------------
def _words(specification: Specification) -> list[str]:
    """Return the words of the first line behind the data."""
    source, declared = specification.source, _own(specification)
    pairs = [("sql", specification.data.query)] if specification.data.query else []
    if specification.data.options:
        pairs.append(("read", _READ.written(specification.data.options)))
    pairs += [] if source else [("model", specification.model.name)]
    own = own_options(specification).items()
    pairs += [(name, declared[name].written(value)) for name, value in own]
    if source and specification.formula is not None:
        pairs.append(("formula", specification.formula))
    if source and source.by is not None:
        pairs.append(("by", source.by))
    of_run = {each.name: each for each in options_of(Specification)}
    for name, value in run_options(specification):
        each = [[one] for one in value] if isinstance(value, tuple) else [value]
        pairs += [(name, of_run[name].written(one)) for one in each]
    return [word for name, text in pairs for word in _flag(name, text)]


def _flag(name: str, text: str) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    return [f"{flag}={text}"] if text.startswith("-") else [flag, text]


def quoted_word(text: str) -> str:
    """Quote a word so that IPython's ``arg_split(posix=True)`` gives it back.

    >>> quoted_word("educ"), quoted_word("by hand")
    ('educ', '"by hand"')
    """
    if re.fullmatch(r"[A-Za-z0-9_./-]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _why_no_cell(specification: Specification, words: list[str]) -> str:
    data = specification.data
    if reason := model_class(specification.model.name).no_cell:
        return reason
    if data.kind == "frame" and not is_variable(data.name):
        return "its data have no name in the notebook"
    if data.name.startswith("-"):
        return "the name of its data begins with a dash"
    if any(len(f"{word}.".splitlines()) > 1 for word in words):
        return "one of its settings has a line break"
    return ""
