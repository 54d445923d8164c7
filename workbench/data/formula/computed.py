"""Columns that options compute from others: ``firm^year``, ``1/w``, ``log(hours)``.

A combination of columns names groups; everything else is arithmetic, which passes the checks of a
formula and is then computed here, node by node.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.columns import first_rows, groups
from workbench.data.formula.expressions import Reads, check_expression, unknown_name
from workbench.data.names import (
    NAME,
    level_text,
    quoted,
    shown,
    unquoted,
    with_aliases,
)
from workbench.errors import FormulaError, WorkbenchError
from workbench.names import nearest
from workbench.protocols import Numpy

ELEMENTWISE: Mapping[str, Callable[[Any], Any]] = {
    **{name: getattr(np, name) for name in ("log", "log10", "log2", "log1p", "exp", "expm1")},
    "sqrt": np.sqrt,
    "abs": np.abs,
    "I": lambda values: values,
}
"""The functions of a formula that give one number for each row."""

_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMBINATION = re.compile(rf"\s*{NAME}(?:\s*[\^:]\s*{NAME})+\s*")
_NAMES = re.compile(NAME)
_SIGNS = re.compile(r"[-+*/^:()`<>=]")


def combined(text: str) -> tuple[str, ...]:
    """Return the columns of a combination, none where a text is no combination.

    >>> combined("firm^year"), combined("firm:year"), combined("1/w")
    (('firm', 'year'), ('firm', 'year'), ())
    """
    if not _COMBINATION.fullmatch(text):
        return ()
    return tuple(unquoted(name) for name in _NAMES.findall(text))


def columns_in(text: str, names: Collection[str]) -> tuple[str, ...]:
    """Return the columns that an option's text reads; none where one is unknown.

    >>> columns_in("log(hours)", ["hours", "wage"]), columns_in("firm^year", ["firm", "year"])
    (('hours',), ('firm', 'year'))
    """
    if text in names:
        return (text,)
    if found := combined(text):
        return found if all(name in names for name in found) else ()
    try:
        return tuple(_parsed(text, names)[1].columns)
    except WorkbenchError:
        return ()


def is_a_name(text: str, names: Collection[str]) -> bool:
    """Tell whether a text that is no column was meant as the name of one, not computed from some.

    >>> is_a_name("hourly wages", ["hourly wage"]), is_a_name("1/w", ["w"])
    (True, False)
    """
    if _are_columns(text, names):
        return False
    near = nearest(text, names)
    return not _SIGNS.search(text) or bool(_SIGNS.search(near))


def _are_columns(text: str, names: Collection[str]) -> bool:
    """Tell whether all words of a text, several of them, are columns."""
    words = _words(text)
    return len(words) > 1 and all(word in names for word in words)


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(unquoted(word) for word in _NAMES.findall(text)))


def combination(text: str, column: Callable[[str], pd.Series], names: Sequence[str]) -> pd.Series:
    """Return the combination of columns as categories ``(n,)``, missing where one of them is.

    Parameters
    ----------
    text
        Names joined by ``^`` or ``:``.
    column
        Returns a column by name.
    names
        The columns that there are.

    Raises
    ------
    FormulaError
        When the text is no combination, or names an unknown column; the nearest is suggested.
    """
    parts = combined(text)
    if not parts:
        raise _no_groups(text, names)
    for name in parts:
        if name not in names:
            raise unknown_name(name, names)
    columns = [column(name) for name in parts]
    codes = _joint([groups(each, name) for each, name in zip(columns, parts, strict=True)])
    firsts = first_rows(codes)
    labels = zip(*(each.iloc[firsts] for each in columns), strict=True)
    levels = pd.Index(["^".join(map(level_text, label)) for label in labels], dtype=object)
    if levels.has_duplicates:  # as of 1.5 and "1.5"
        levels = pd.Index([f"{level} ({place})" for place, level in enumerate(levels)])
    return pd.Series(pd.Categorical.from_codes(codes, levels), name=text)


def _joint(codes: Sequence[Any]) -> Any:
    """Give the combinations of groups numbers from 0, -1 where one of them is missing."""
    together, *others = codes
    for other in others:
        known = (together >= 0) & (other >= 0)
        together = together * (int(other.max(initial=0)) + 1) + other
        together = np.where(known, together, -1)
        found = pd.factorize(together[known])[0]
        together[known] = found
    return together


def computed(text: str, number: Callable[[str], Numpy], names: Collection[str]) -> Numpy:
    """Return the numbers ``(n,)`` that an expression gives, NaN where a column it reads is missing.

    Where it has no value, as in ``log(0)``, it is infinite: infinite values of a column are refused
    by row, where NaN would be left out as missing.

    Parameters
    ----------
    text
        Arithmetic and elementwise functions of columns.
    number
        Returns a column as numbers by name.
    names
        The columns that there are.

    Raises
    ------
    FormulaError
        When the text is not such an expression, or names an unknown column.
    """
    tree, reads = _parsed(text, names)
    columns = {name: number(name) for name in reads.columns}
    known = {word: columns[reads.aliases.get(word, word)] for word in reads.words}
    values = np.asarray(value_of(tree, known), dtype=np.float64)
    missing = np.logical_or.reduce([np.isnan(column) for column in columns.values()])
    return np.where(missing, np.nan, np.where(np.isnan(values), np.inf, values))


def value_of(node: ast.expr, columns: Mapping[str, Numpy]) -> Any:
    """Compute an expression that passed the checks of a formula; columns are known by their words.

    Raises
    ------
    FormulaError
        When a function of it does not give one number for each row.
    """
    match node:
        case ast.Name(id=word):
            return columns[word]
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(op=sign, operand=operand):
            value = value_of(operand, columns)
            return -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=sign, right=right):
            with np.errstate(all="ignore"):
                pair = (value_of(side, columns) for side in (left, right))
                return _OPERATORS[type(sign)](*map(np.float64, pair))
        case ast.Call(func=ast.Name(id=name), args=[argument]) if name in ELEMENTWISE:
            with np.errstate(all="ignore"):
                return ELEMENTWISE[name](np.float64(value_of(argument, columns)))
    raise FormulaError(
        f"{shown(ast.unparse(node))} does not give one number for each row.",
        hint=f"use arithmetic and {', '.join(ELEMENTWISE)}, or compute a column first.",
        code="not-allowed",
        where=shown(ast.unparse(node)),
    )


def _parsed(text: str, names: Collection[str]) -> tuple[ast.expr, Reads]:
    """Check an expression and return its syntax tree and the columns that it reads."""
    if is_a_name(text, names):
        raise unknown_name(text, names)
    aliases: dict[str, str] = {}
    reads = Reads(aliases, names)
    plain = with_aliases(text, aliases, text)
    if "^" in plain:
        raise _power(text)
    return check_expression(plain, reads), reads


def _power(text: str) -> FormulaError:
    return FormulaError(
        f'"{shown(text)}" does not give numbers: ^ joins columns to groups.',
        hint=f'"{text.replace("^", "**")}" for a power.',
        code="not-allowed",
        where=shown(text),
    )


def _no_groups(text: str, names: Collection[str]) -> FormulaError:
    """Return the error for a text that is neither a column nor a combination of columns."""
    known = [quoted(word) for word in _words(text)]
    listed = ", ".join(f'"{name}"' for name in known)
    each = f'"{"^".join(known)}" for each combination, or [{listed}] for each column.'
    one = 'a column, as in "firm", or a combination, as in "firm^year"; compute others first.'
    return FormulaError(
        f'"{shown(text)}" is neither a column nor a combination of columns.',
        hint=each if _are_columns(text, names) else one,
        code="not-a-group",
        where=shown(text),
    )
