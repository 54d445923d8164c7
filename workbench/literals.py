"""Names with settings, and values by name, as one word of a cell's first line, and back.

Both directions are exact: ``parse_choice(choice_text(choice)) == choice``.  Values are literals;
nothing is evaluated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import OptionError

_LONGEST = 10_000
_CHOICE = re.compile(r"\s*([\w.:-]+)\s*(?:\((.*)\)\s*)?", re.DOTALL)
_UNREADABLE = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)
_OPENING = {"(", "[", "{"}
_CLOSING = {")": "(", "]": "[", "}": "{"}
_TOKEN = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|.""", re.DOTALL)
"""A quoted text as a whole, or else one letter."""


@dataclass(frozen=True)
class Choice:
    """A member of a family by name, with the settings that differ from its defaults."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def choice_text(choice: Choice) -> str:
    """Write a choice as a name, or as a call with its settings.

    Examples
    --------
    >>> choice_text(Choice("sgd", {"lr": 1e-05, "reduction": "sum"}))
    "sgd(lr=1e-05, reduction='sum')"
    """
    if not choice.settings:
        return choice.name
    settings = ", ".join(f"{name}={value!r}" for name, value in choice.settings.items())
    return f"{choice.name}({settings})"


def parse_choice(text: str) -> Choice:
    """Read what :func:`choice_text` wrote.

    Raises
    ------
    OptionError
        When it is not a name with settings in brackets, or a setting is not a literal.

    Examples
    --------
    >>> parse_choice("newton(max_steps=50)")
    Choice(name='newton', settings={'max_steps': 50})
    """
    found = _CHOICE.fullmatch(text[: _LONGEST + 1])
    if found is None or len(text) > _LONGEST:
        raise _unreadable(text, "give a name, or a name with settings as in sgd(lr=1e-05).")
    try:
        call = ast.parse(f"_({found[2] or ''})", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise ValueError("it is not one call with named settings")
        settings = {_setting_name(item): _literal(item.value) for item in call.keywords}
    except _UNREADABLE as error:
        raise _unreadable(
            text, "settings are name=value, texts in quotes: lsmr(tol=1e-10, dtype='float32')."
        ) from error
    return Choice(found[1], settings)


def start_text(start: Mapping[str, float]) -> str:
    """Write start values; a name that would be misread is put in quotation marks.

    Examples
    --------
    >>> start_text({"educ": 0.1, "Intercept": -1.0, "a, b": 2.0})
    "educ=0.1, Intercept=-1.0, 'a, b'=2.0"
    """
    return ", ".join(f"{_name_text(name)}={float(value)!r}" for name, value in start.items())


def parse_start(text: str, where: str = "start") -> dict[str, float]:
    """Read what :func:`start_text` wrote.

    Raises
    ------
    OptionError
        When a part is not a name, an equals sign and a number, or a name comes twice.

    Examples
    --------
    >>> parse_start("educ=0.1, bs(x, df=3)[1]=-1")
    {'educ': 0.1, 'bs(x, df=3)[1]': -1.0}
    """
    pairs = [_start_value(part, where) for part in _split(text, ",") if part.strip()]
    start = dict(pairs)
    if len(start) < len(pairs):
        raise _bad_start(text, "a parameter is named twice", where)
    return start


def columns_text(names: Iterable[str]) -> str:
    """Write names of columns; one that would be misread is put in quotation marks.

    Examples
    --------
    >>> columns_text(["region", "a+b"])
    "region + 'a+b'"
    """
    return " + ".join(_name_text(name, "+") for name in names)


def parse_columns(text: str, where: str = "cluster") -> list[str]:
    """Read what :func:`columns_text` wrote.

    Raises
    ------
    OptionError
        When a name is missing next to a plus sign, or its quotation marks are not closed.

    Examples
    --------
    >>> parse_columns("region + 'a+b'")
    ['region', 'a+b']
    """
    try:
        return [_name(part.strip()) for part in _split(text, "+")]
    except _UNREADABLE as error:
        raise OptionError(
            f"The columns {text!r} cannot be read.",
            'write them as in "region + year".',
            code="unreadable-columns",
            where=where,
        ) from error


def settings_text(settings: Mapping[str, Any]) -> str:
    """Write values by name; a text that would be misread is put in quotation marks.

    Examples
    --------
    >>> settings_text({"time": "year", "lag": 2, "unit": "1"})
    "time=year, lag=2, unit='1'"
    """
    return ", ".join(
        f"{_name_text(name)}={_setting_text(value)}" for name, value in settings.items()
    )


def parse_settings(text: str, where: str = "se_options") -> dict[str, Any]:
    """Read what :func:`settings_text` wrote.

    Raises
    ------
    OptionError
        When a part is not a name, an equals sign and a value, or a name comes twice.

    Examples
    --------
    >>> parse_settings("lat=lat, lon=lng, cutoff=100")
    {'lat': 'lat', 'lon': 'lng', 'cutoff': 100}
    """
    try:
        parts = [list(_split(part, "=")) for part in _split(text, ",") if part.strip()]
        pairs = [(name.strip(), _setting(value.strip())) for name, value in parts]
    except _UNREADABLE:
        pairs = [("", None)]
    settings = dict(pairs)
    if len(settings) < len(pairs) or not all(name.isidentifier() for name in settings):
        raise OptionError(
            f"The settings {text!r} cannot be read.",
            'write them as in "time=year, lag=2".',
            code="unreadable-settings",
            where=where,
        )
    return settings


def parse_literal(text: str) -> Any:
    """Read a Python literal; None where the text is none.

    Examples
    --------
    >>> parse_literal("500"), parse_literal("{'fly': ['air']}"), parse_literal("halton")
    (500, {'fly': ['air']}, None)
    """
    return ast.literal_eval(text) if len(text) < _LONGEST and _is_literal(text) else None


def parse_named(text: str, where: str) -> dict[str, Any]:
    """Read values by name, as in ``price=normal, time=lognormal``.

    Raises
    ------
    OptionError
        When a part is not a name, an equals sign and a value, or a name comes twice.

    Examples
    --------
    >>> parse_named("price=normal, 'in vehicle'=lognormal", "random")
    {'price': 'normal', 'in vehicle': 'lognormal'}
    """
    try:
        parts = [list(_split(part, "=")) for part in _split(text, ",") if part.strip()]
        pairs = [(_name(name.strip()), _setting(value.strip())) for name, value in parts]
        if len(found := dict(pairs)) == len(pairs):
            return found
        raise ValueError("a name comes twice")
    except _UNREADABLE as error:
        raise OptionError(
            f"The option {where} with {text!r} cannot be read.",
            'write it as in "price=normal, time=lognormal", or as Python does.',
            code="unreadable-option",
            where=where,
        ) from error


def _setting_text(value: Any) -> str:
    if not isinstance(value, str):
        return repr(value)
    return repr(value) if _is_literal(value) else _name_text(value)


def _setting(written: str) -> Any:
    if not written:
        raise ValueError("there is no value")
    return ast.literal_eval(written) if _is_literal(written) else written


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except _UNREADABLE:
        return False
    return True


def _start_value(part: str, where: str) -> tuple[str, float]:
    try:
        name, value = _split(part, "=")
        return _name(name.strip()), float(value)
    except _UNREADABLE as error:
        reason = "it is not a name, an equals sign and a number"
        raise _bad_start(part.strip(), reason, where) from error


def _name(written: str) -> str:
    if not written:
        raise ValueError("there is no name")
    return str(ast.literal_eval(written)) if written[0] in "'\"" else written


def _name_text(name: str, marks: str = ",=") -> str:
    plain = name.isprintable() and name == name.strip() != "" and not set("'\"\\") & set(name)
    return name if plain and _is_balanced(name) and _is_whole(name, marks) else repr(name)


def _is_whole(name: str, marks: str) -> bool:
    return all(len(list(_split(name, mark))) == 1 for mark in marks)


def _is_balanced(text: str) -> bool:
    opened: list[str] = []
    for letter in text:
        if letter in _OPENING:
            opened.append(letter)
        elif letter in _CLOSING and (not opened or opened.pop() != _CLOSING[letter]):
            return False
    return not opened


def _split(text: str, mark: str) -> Iterator[str]:
    """Yield the parts between marks that are outside quotation marks and brackets."""
    begin = depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] == mark and depth == 0:
            yield text[begin : token.start()]
            begin = token.end()
        depth += (token[0] in _OPENING) - (token[0] in _CLOSING)
    yield text[begin:]


class _Floats(ast.NodeTransformer):
    """Turn the names ``inf`` and ``nan``, which Python's literals lack, into numbers."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(float(node.id)) if node.id in {"inf", "nan"} else node


def _literal(node: ast.expr) -> Any:
    return ast.literal_eval(_Floats().visit(node))


def _setting_name(item: ast.keyword) -> str:
    if item.arg is None:
        raise ValueError("settings need names")
    return item.arg


def _unreadable(text: str, hint: str) -> OptionError:
    shown = text if len(text) < 80 else f"{text[:77]}..."
    return OptionError(f"The choice {shown!r} cannot be read.", hint, code="unreadable-choice")


def _bad_start(text: str, reason: str, where: str) -> OptionError:
    what = "start values" if where == "start" else f"values of {where},"
    return OptionError(
        f"The {what} {text!r} cannot be read: {reason}.",
        'write them as in "educ=0.1, Intercept=-1".',
        code="unreadable-start",
        where=where,
    )
