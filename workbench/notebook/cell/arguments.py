"""Turn a ``%%mle`` cell into the arguments of :func:`workbench.start`."""

from __future__ import annotations

import ast
import re
from argparse import Namespace
from collections.abc import Collection, Mapping
from typing import Any

from workbench.data.table import Table
from workbench.errors import OptionError, WorkbenchError
from workbench.estimation.code import quoted_word
from workbench.estimation.families import FAMILIES, OptionFamily
from workbench.estimation.model import Model
from workbench.estimation.specification import Specification
from workbench.literals import Choice
from workbench.models.custom.body import has_params, parse_body
from workbench.models.custom.options import likelihood
from workbench.models.registry import listed, model_class
from workbench.notebook.cell.options import CELL, MEMBER_OPTIONS, OPTIONS, Flag
from workbench.notebook.setup.formula_text import cut
from workbench.options import Kind, Option, options_of


def model_and_formula(
    options: Namespace, body: str, table: Table, outside: Collection[str] = ()
) -> tuple[str | Model, str | None]:
    """Return the model and the formula given by the options and the body.

    Raises
    ------
    OptionError
        When options and body contradict each other, or both are empty.
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
    """Return the keyword arguments that the flags give; what was not given is left out.

    Raises
    ------
    OptionError
        When a value cannot be read, or the option is another model's.
    """
    kind = None if options.model is None else model_class(options.model)
    given = {
        flag.name: getattr(options, flag.name)
        for flag in OPTIONS
        if flag.option not in CELL and getattr(options, flag.name) is not None
    }
    run = {each.name: each for each in options_of(Specification)}
    read = {name: _read(run[name], text) for name, text in given.items() if name in run}
    own = {name: text for name, text in given.items() if name not in run}
    return _read_of_model(own, kind) | read | _read_of_members(options, read, kind)


def _read(each: Option, given: str | list[str], flag: str = "") -> Any:
    """Return the value that a flag gives; names are checked where all of them are known."""
    flag = flag or each.flag
    if isinstance(given, list):
        return [name for text in given for name in each.read(text)]
    try:
        value = each.read(given)
        return each.checked(value) if each.kind in _READ_AS_LITERALS else value
    except OptionError as error:
        shown = "" if each.example is None else quoted_word(each.written(each.example))
        raise OptionError(
            error.problem if flag in error.problem else f"{flag} {given}: {error.problem}",
            f"{flag} {shown}." if shown else f"{flag} with {error.hint}",
            code=error.code,
            where=error.where,
            suggestion=error.suggestion,
        ) from None


_READ_AS_LITERALS = {Kind.COUNT, Kind.NUMBER, Kind.FLAG}
"""The kinds checked at once; values of others are checked with the model and the data."""


def _read_of_model(given: Mapping[str, str], kind: type[Model] | None) -> dict[str, Any]:
    """Return the values of the options that are the model's own."""
    flags = {flag.name: flag for flag in OPTIONS if flag.name in given}
    if kind is None:  # which `model_and_formula` and `workbench.start` refuse
        return {name: _read(flags[name].option, text) for name, text in given.items()}
    declared = {each.name: each for each in options_of(kind)}
    for name in given:
        if name not in declared:
            raise _of_others(kind.title, flags[name])
    return {name: _read(declared[name], text) for name, text in given.items()}


def _read_of_members(
    options: Namespace, read: Mapping[str, Any], kind: type[Model] | None
) -> dict[str, Any]:
    """Return the optimizer, the demeaner and the standard errors by name, with their options."""
    found: dict[str, Any] = {}
    for family in FAMILIES.values():
        choice = _choice(read, family, kind)
        member = family.members.get(choice.name)
        own = {**choice.settings, **read.get(family.keyword, {})}
        for flag in MEMBER_OPTIONS:
            text = getattr(options, flag.name)
            if flag.family == family.option and text is not None:
                own |= {flag.option.name: _read_of_member(flag, text, member, own)}
        if own:
            found[family.keyword] = own
        if family.option in read:
            found[family.option] = choice.name
    return found


def _choice(read: Mapping[str, Any], family: OptionFamily, kind: type[Model] | None) -> Choice:
    """Return the member that a line names, or else the default."""
    default = next(e.default for e in options_of(Specification) if e.name == family.option)
    if family.option == "se":
        clustered = (kind or Model).usual_covariance(by_cluster=True)
        default = clustered if "cluster" in read else default
    found = read.get(family.option, default)
    if isinstance(found, Choice):
        return found
    return Choice(found if kind is None else kind.covariance_names.get(found, found))


def _read_of_member(flag: Flag, text: str, member: Any, others: Mapping[str, Any]) -> Any:
    declared = {} if member is None else {each.name: each for each in options_of(member)}
    if flag.option.name in others:
        raise OptionError(
            f"The option {flag.option.name} of the {flag.family} is given twice.",
            f"{flag.flag} alone.",
            code="option-twice",
            where="line 1",
        )
    if flag.option.name not in declared and member is not None:
        raise _of_others(getattr(member, "title", flag.family), flag)
    return _read(declared.get(flag.option.name, flag.option), text, flag.flag)


def _of_others(owner: str, flag: Flag) -> OptionError:
    return OptionError(
        f"{owner} has no option {flag.flag}.",
        f"{flag.option.name} is an option of {', '.join(flag.owners)}.",
        code="no-such-option",
        where="line 1",
    )


def is_formula(text: str) -> bool:
    """Return whether the text is a formula: not Python, with ``~`` outside brackets."""
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
            "The cell has no model below its first line.",
            "add a formula: outcome ~ x1 + x2.",
            "empty-cell",
        )


def _check_own(options: Namespace) -> None:
    if options.model is not None:
        raise _contradiction(
            f"The body is a log-likelihood, so --model {options.model} does not apply.",
            "leave --model out, or write a formula: outcome ~ x1 + x2.",
            "model-and-body",
        )
    for flag in ("offset", "positive"):
        if options.formula is None and getattr(options, flag) is not None:
            raise _contradiction(
                f"Without --formula, --{flag} has no effect.",
                f"write it into the body, or give --formula with --{flag}.",
                f"{flag}-without-formula",
            )


def _template(options: Namespace) -> str:
    for flag in ("formula", "by"):
        if getattr(options, flag) is not None:
            raise _contradiction(
                f"The body is a formula, so --{flag} does not apply.",
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
