"""What a ``%%mle`` cell asks for, as the arguments of :func:`workbench.start`."""

from __future__ import annotations

import ast
import re
from argparse import Namespace
from collections.abc import Collection
from typing import Any

from workbench.data.table import Table
from workbench.demeaners import demeaner_named
from workbench.errors import OptionError, WorkbenchError
from workbench.literals import parse_choice, parse_settings, parse_start
from workbench.models.custom.body import has_params, parse_body
from workbench.models.custom.options import Written, likelihood
from workbench.models.registry import listed
from workbench.notebook.cell.options import LITERAL, OPTIONS, OWN
from workbench.notebook.setup.formula_text import cut
from workbench.optimizers import optimizer_named
from workbench.options import options_of

Model = str | Written


def stated(
    options: Namespace, body: str, table: Table, outside: Collection[str] = ()
) -> tuple[Model, str | None]:
    """Return the model and the formula that the options and the body state together.

    Raises
    ------
    OptionError
        When options and body contradict each other, or nothing is stated.
    LikelihoodError
        When the body is a log-likelihood that cannot be read.
    """
    text = body.rstrip()
    _check_cell(options, text)
    if is_formula(text):
        return _template(options), joined(text)
    _check_own(options)
    parse_body(text, columns=table.names, formula=options.formula, by=options.by, outside=outside)
    return likelihood(text, by=options.by), options.formula


def settings(options: Namespace) -> dict[str, Any]:
    """Return the keyword arguments that the options give; what was not given is left out."""
    given = {
        option.keyword: getattr(options, option.keyword)
        for option in OPTIONS
        if option.keyword not in OWN and getattr(options, option.keyword) is not None
    }
    if "se_options" in given:
        given["se_options"] = parse_settings(given["se_options"])
    declared = {each.name: each for kind in listed().values() for each in options_of(kind)}
    given |= {name: declared[name].read(given[name]) for name in LITERAL if name in given}
    if "start" in given:
        given["start"] = parse_start(given["start"])
    if "optimizer" in given:
        choice = parse_choice(given["optimizer"])
        given["optimizer"] = optimizer_named(choice.name, choice.settings)
    if "demeaner" in given:
        choice = parse_choice(given["demeaner"])
        given["demeaner"] = demeaner_named(choice.name, choice.settings)
    return given


def is_formula(text: str) -> bool:
    """Tell a formula from a log-likelihood: it is no Python and has ``~`` outside brackets."""
    if has_params(text) or len(cut(text, "=")) > 1:
        return False
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return len(cut(text, "~")) > 1
    return False


def joined(text: str) -> str:
    """Return a formula of several lines, with or without comments, as one line."""
    lines = (cut(line, "#")[0][1].strip() for line in text.splitlines())
    return " ".join(line for line in lines if line)


def in_cell(error: WorkbenchError, body: str) -> WorkbenchError:
    """Return an error about the body that names the line of the cell it is about."""
    line = _line_of(error, body)
    if line is None:
        return error
    return type(error)(
        f"Line {line}: {error.problem}",
        error.hint,
        code=error.code,
        where=f"line {line}",
        suggestion=error.suggestion,
    )


def _line_of(error: WorkbenchError, body: str) -> int | None:
    """Return the cell's line; the body begins below the first."""
    if numbered := re.fullmatch(r"line (\d+)", error.where):
        return int(numbered[1]) + 1
    if isinstance(error, OptionError) or not error.where:
        return None
    named = rf"(?<!\w){re.escape(error.where)}(?!\w)"
    lines = body.splitlines()
    return next((i for i, line in enumerate(lines, start=2) if re.search(named, line)), None)


def _check_cell(options: Namespace, text: str) -> None:
    if options.background and options.beside:
        raise _contradiction(
            "--beside needs the end of the run, which --background does not wait for.",
            "leave one of them out; wb.compare puts finished fits side by side.",
            "beside-in-background",
        )
    if not text.strip():
        raise _contradiction(
            "The cell states no model below its first line.",
            "add a formula: outcome ~ x1 + x2.",
            "empty-cell",
        )


def _check_own(options: Namespace) -> None:
    if options.model is not None:
        raise _contradiction(
            f"The body is a log-likelihood, so --model {options.model} has no place.",
            "leave --model out, or write a formula: outcome ~ x1 + x2.",
            "model-and-body",
        )
    for flag in ("offset", "positive"):
        if options.formula is None and getattr(options, flag) is not None:
            raise _contradiction(
                f"Without --formula, --{flag} has nothing to act on.",
                f"write it into the body, or give --formula beside --{flag}.",
                f"{flag}-without-formula",
            )


def _template(options: Namespace) -> str:
    for flag in ("formula", "by"):
        if getattr(options, flag) is not None:
            raise _contradiction(
                f"The body is a formula, so --{flag} has no place.",
                f"leave --{flag} out; it goes with a log-likelihood in the body.",
                f"{flag}-and-formula",
            )
    if options.model is None:
        raise _contradiction(
            "The cell has a formula but names no model.",
            f"--model with one of {' '.join(_with_formula())}.",
            "no-model",
        )
    return str(options.model)


def _with_formula() -> list[str]:
    return [name for name, kind in listed().items() if kind.needs_formula]


def _contradiction(problem: str, hint: str, code: str) -> OptionError:
    return OptionError(problem, hint, code=code, where="model")
