"""The ``params:`` lines of a body, and errors that name one of its lines."""

from __future__ import annotations

import math
import re
import textwrap
import unicodedata
from collections.abc import Iterator

from workbench.errors import LikelihoodError, OptionError
from workbench.models.custom.parameters import Parameter

_PARAMS = re.compile(r"\s*params\s*:(?P<items>.*)")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_ITEM = re.compile(
    rf"(?:(?P<floor>{_NUMBER})\s*<\s*)?(?P<name>[^\W\d]\w*)"
    rf"(?:\s*(?P<sign>[<>])\s*(?P<bound>{_NUMBER}))?(?:\s*=\s*(?P<start>{_NUMBER}))?"
)


def has_params(text: str) -> bool:
    """Return whether a text has a ``params:`` line, so that it is a body and not a formula."""
    return any(_PARAMS.fullmatch(line) for line in text.splitlines())


def split_params(text: str) -> tuple[dict[str, tuple[Parameter, int]], str]:
    """Return the parameters with their lines, and the text with those lines blank."""
    declared: dict[str, tuple[Parameter, int]] = {}
    lines = text.splitlines()
    for number, content in enumerate(lines, start=1):
        if match := _PARAMS.fullmatch(content):
            lines[number - 1] = ""
            for name, parameter in _read_params(match["items"], number):
                if name in declared:
                    raise error_at(
                        f"The parameter {name} is declared twice.",
                        "declare it once.",
                        code="declared-twice",
                        line=number,
                    )
                declared[name] = (parameter, number)
    return declared, textwrap.dedent("\n".join(lines))


def _read_params(items: str, line: int) -> Iterator[tuple[str, Parameter]]:
    for item in items.partition("#")[0].split(","):
        match = _ITEM.fullmatch(item.strip())
        if not match or (match["floor"] and match["sign"] == ">"):
            raise error_at(
                f"params: cannot read `{item.strip()}`.",
                "write name, name = 1.0, name > 0 = 1.0 or 0 < name < 1, separated by commas.",
                code="bad-params",
                line=line,
            )
        name = unicodedata.normalize("NFKC", match["name"])
        yield name, _parameter(name, match, line)


def _parameter(name: str, item: re.Match[str], line: int) -> Parameter:
    lower, upper = -math.inf, math.inf
    if item["floor"]:
        lower = float(item["floor"])
    if item["sign"] == ">":
        lower = float(item["bound"])
    elif item["sign"] == "<":
        upper = float(item["bound"])
    start = float(item["start"]) if item["start"] else _inside(lower, upper)
    try:
        return Parameter(start, lower, upper)
    except OptionError as error:
        raise error_at(f"{name}: {error.problem}", error.hint, code=error.code, line=line) from None


def _inside(lower: float, upper: float) -> float:
    """Return a start between two bounds, one unit from a single one, and 0 without any."""
    if math.isfinite(lower) and math.isfinite(upper):
        return (lower + upper) / 2
    if math.isfinite(lower):
        return lower + 1
    return upper - 1 if math.isfinite(upper) else 0.0


def line_of(text: str, number: int) -> str:
    """Return a line of a body, counted from 1, without the blanks around it."""
    lines = text.splitlines()
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def error_at(
    problem: str, hint: str, *, code: str, line: int | None = None, suggestion: str = ""
) -> LikelihoodError:
    """Return the error of a body about one of its lines."""
    where = "" if line is None else f"line {line}"
    return LikelihoodError(problem, hint, code=code, where=where, suggestion=suggestion)
