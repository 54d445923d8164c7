"""The shortest Python call, and the shortest cell, that repeat exactly one run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from keyword import iskeyword
from typing import Any

from workbench.data.formula.parser import split_formula
from workbench.demeaners import DEMEANERS
from workbench.estimation.model import model_class
from workbench.estimation.specification import DataReference, Source, Specification
from workbench.literals import (
    Choice,
    choice_text,
    parse_choice,
    parse_start,
    settings_text,
    start_text,
)
from workbench.optimizers import OPTIMIZERS
from workbench.options import options_of

__all__ = ["choice_text", "magic_cell", "parse_choice", "parse_start", "python_call", "start_text"]

_LINE = 88
_WHAT = {"model", "data", "formula", "source"}
_DEFAULTS = {
    item.name: item.default if item.default_factory is MISSING else item.default_factory()
    for item in fields(Specification)
    if item.name not in _WHAT
}
"""The settings beside what is estimated from which data, with their defaults."""


def python_call(specification: Specification) -> str:
    """Return the Python lines that repeat a run; only settings that differ from defaults stand.

    A frame is called by the name of its variable, a sample is loaded, a file is opened by path.

    Examples
    --------
    >>> data = DataReference("sample", "mroz")
    >>> print(python_call(Specification(Choice("logit"), data, "inlf ~ educ", se="robust")))
    import workbench as wb
    <BLANKLINE>
    fit = wb.fit("logit", "inlf ~ educ", wb.load("mroz"), se="robust")
    """
    model = model_class(specification.model.name)
    if model.function != "fit":
        return _two_stages(specification)
    what = (_model(specification), _value(specification.formula), _data(specification.data))
    settings = (
        _named(name, _member(value) if isinstance(value, Choice) else _value(value))
        for name, value in _settings(specification)
    )
    declared = {e.name for e in options_of(model)}
    own = (
        _named(name, _value(value))
        for name, value in _own_settings(specification).items()
        if name in declared
    )
    return _script(specification, _call("fit = wb.fit", (*what, *own, *settings)))


def _script(specification: Specification, call: _Piece) -> str:
    lines = ["import workbench as wb", "", *_remarks(specification), _render(call, 0)]
    return "\n".join(lines)


def _two_stages(specification: Specification) -> str:
    """Return the call of ``wb.did2s`` that repeats a run."""
    stage = split_formula(specification.formula or "")
    asked: dict[str, Any] = {
        "yname": stage.outcome.strip("`").replace("``", "`"),
        "first_stage": specification.model.settings["first_stage"],
        "second_stage": f"~ {stage.terms}",
        "treatment": specification.model.settings["treatment"],
        "cluster": specification.clusters[0],
        "weights": specification.weights,
        "ssc": specification.ssc,
        "name": specification.name,
    }
    defaults = {"weights": None, "ssc": "none", "name": specification.model.name}
    items = (
        _named(key, _value(value))
        for key, value in asked.items()
        if key not in defaults or value != defaults[key]
    )
    return _script(specification, _call("fit = wb.did2s", (_data(specification.data), *items)))


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
    words = [specification.data.name, *_options(specification)]
    if reason := _why_no_cell(specification, words):
        return f"# This run has no %%mle cell: {reason}. The Python call repeats it."
    first, *options = map(_word, words)
    return " ".join(["%%mle", first, *options]) + "\n" + (source.text if source else formula)


# The settings ------------------------------------------------------------------------------------
def _settings(specification: Specification) -> list[tuple[str, Any]]:
    said = {"se"} if specification.clusters else set()  # a cluster alone asks for clustered errors
    pairs = ((name, getattr(specification, name)) for name in _DEFAULTS)
    return [(name, value) for name, value in pairs if value != _DEFAULTS[name] or name in said]


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
    room_for_comma = 1 if indent else 0
    return "\n" not in flat and indent + len(flat) + room_for_comma <= _LINE


def _call(function: str, items: Iterable[_Piece]) -> _Piece:
    return _group(f"{function}(", items, ")")


def _group(opening: str, items: Iterable[_Piece], closing: str) -> _Piece:
    parts = tuple(items)
    flat = f"{opening}{', '.join(item.flat for item in parts)}{closing}"
    return _Piece(flat, opening, parts, closing)


def _named(name: str, value: _Piece, sign: str = "=") -> _Piece:
    opening = f"{name}{sign}{value.opening}"
    return _Piece(f"{name}{sign}{value.flat}", opening, value.items, value.closing, value.comma)


def _value(value: Any) -> _Piece:
    match value:
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
    """Write a string literal whose lines stand as they are."""
    letters = (
        letter
        if letter == "\n" or (letter.isprintable() and letter != "\\")
        else repr(letter)[1:-1]
        for letter in text
    )
    closing = re.compile(r'"{3,}|"+\Z')
    lines = closing.sub(lambda marks: '\\"' * len(marks[0]), "".join(letters))
    return f'"""\\\n{lines}"""'


def _model(specification: Specification) -> _Piece:
    if specification.source is not None:
        return _likelihood(specification.source)
    if specification.model.name == "custom":
        return _custom(specification.model.settings)
    return _text(_model_word(specification))


def _model_word(specification: Specification) -> str:
    """Return the model's name, with its settings where they are no options of their own."""
    return specification.model.name


def _own_settings(specification: Specification) -> Mapping[str, Any]:
    """Return the model's own options, which stand beside the common ones."""
    return specification.model.settings


def _likelihood(source: Source) -> _Piece:
    unit = () if source.by is None else (_named("by", _text(source.by)),)
    if "\n" not in source.text:
        return _call("wb.likelihood", (_text(source.text), *unit))
    return _Piece(_call("wb.likelihood", (_Piece(_block(source.text)), *unit)).flat)


def _custom(settings: Mapping[str, Any]) -> _Piece:
    function = str(settings.get("function", ""))
    items = [_Piece(function if _is_variable(function) else "loglik")]
    if params := settings.get("params"):
        pairs = (_named(_quoted(name), _parameter(value), ": ") for name, value in params.items())
        items.append(_named("params", _group("{", pairs, "}")))
    if columns := settings.get("columns"):
        items.append(_named("columns", _value(list(columns))))
    return _call("wb.custom", items)


def _parameter(value: float | list[float]) -> _Piece:
    """Write a start value, or the list of a start value and its two bounds."""
    if not isinstance(value, list | tuple):
        return _value(value)
    start, lower, upper = value
    if math.isinf(lower) and math.isinf(upper):
        return _value(start)
    if lower == 0 and math.isinf(upper):
        return _call("wb.positive", (_value(start),))
    return _call("wb.bounded", map(_value, (lower, upper, start)))


def _member(choice: Choice) -> _Piece:
    """Write an optimizer or a demeaner by its name, or as a call when it has settings."""
    members: dict[str, type] = {**OPTIMIZERS, **DEMEANERS}
    if not choice.settings or choice.name not in members:
        return _text(choice_text(choice))
    settings = (_named(name, _value(value)) for name, value in choice.settings.items())
    return _call(f"wb.{members[choice.name].__name__}", settings)


def _data(data: DataReference) -> _Piece:
    if data.kind == "sample":
        return _call("wb.load", (_text(data.name),))
    if data.kind == "file":
        return _text(data.name)
    if data.kind == "sql":
        return _call("wb.read_sql", (_text(data.query), _text(data.name)))
    return _Piece(data.name if _is_variable(data.name) else "data")


def _remarks(specification: Specification) -> list[str]:
    data, remarks = specification.data, []
    if data.kind == "frame" and not _is_variable(data.name):
        size = f"{data.rows:,} rows and {data.columns:,} columns"
        remarks.append(f"# data is the table of {size} that the run read")
    if specification.model.name == "custom":
        remarks.append("# the function and the parameters are those of the run")
    return remarks


def _is_variable(name: str) -> bool:
    return name.isidentifier() and not iskeyword(name)


# The cell ----------------------------------------------------------------------------------------
def _options(specification: Specification) -> list[str]:
    source = specification.source
    pairs = [("sql", specification.data.query)] if specification.data.query else []
    pairs += [] if source else [("model", _model_word(specification))]
    pairs += _own_words(specification)
    if source and specification.formula is not None:
        pairs.append(("formula", specification.formula))
    if source and source.by is not None:
        pairs.append(("by", source.by))
    for name, value in _settings(specification):
        each = value if isinstance(value, tuple) else (value,)
        write = settings_text if name == "se_options" else _option_text
        pairs += [(name, write(one)) for one in each]
    return [word for name, text in pairs for word in _option(name, text)]


def _own_words(specification: Specification) -> list[tuple[str, str]]:
    declared = {e.name: e for e in options_of(model_class(specification.model.name))}
    own = _own_settings(specification).items()
    return [(name, declared[name].written(value)) for name, value in own if name in declared]


def _option_text(value: Any) -> str:
    if isinstance(value, Choice):
        return choice_text(value)
    return start_text(value) if isinstance(value, Mapping) else str(value)


def _option(name: str, text: str) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    return [f"{flag}={text}"] if text.startswith("-") else [flag, text]


def _word(text: str) -> str:
    """Quote a word so that IPython's ``arg_split(posix=True)`` gives it back."""
    if re.fullmatch(r"[A-Za-z0-9_./-]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _why_no_cell(specification: Specification, words: list[str]) -> str:
    data = specification.data
    if specification.model.name == "custom":
        return "its likelihood is a Python function"
    if not model_class(specification.model.name).has_cell:
        return "it has two stages"
    if data.kind == "frame" and not _is_variable(data.name):
        return "its data have no name in the notebook"
    if data.name.startswith("-"):
        return "the name of its data begins with a dash"
    if any(len(f"{word}.".splitlines()) > 1 for word in words):
        return "a line break stands in one of its settings"
    return ""
