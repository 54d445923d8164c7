"""The right side of a formula: columns of numbers, and their state for other data."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.data import columns as reading, levels as coding
from workbench.data.complete_cases import (
    CompleteCases,
    Values,
    is_missing,
    read_numeric,
    refuse_infinite,
    take,
)
from workbench.data.formula.interactions import described
from workbench.data.formula.materialize import frame_for, from_json, materialize, refuse_not_finite
from workbench.data.formula.never_treated import Codes, with_marks_read
from workbench.data.formula.parser import ParsedFormula, parse_formula
from workbench.data.formula.terms import term_list
from workbench.data.names import shown
from workbench.data.table import Table
from workbench.errors import DataError, FormulaError
from workbench.kernels.parallel.threads import by_rows
from workbench.protocols import Numpy

MOST_LEVELS = 1_000
"""Levels of a factor; each is a column of the design, 8 bytes per row."""

_COPIES = 3  # the design, its copy on the device, and the work arrays of a Newton step
_LEVELS_NAMED = 8
_ALIGNED = 64  # bytes
_STRETCH = 4096  # rows
_WORTH_A_THREAD = 250_000  # numbers to copy
_WORD = re.compile(r"[\w.]+")


class Regressors(NamedTuple):
    """The columns ``(n, p)``, their p names, and the state for `prediction_matrix`."""

    matrix: Numpy
    names: tuple[str, ...]
    state: dict[str, Any]


def read_regressors(
    parsed: ParsedFormula, sample: CompleteCases, codes: Mapping[str, Codes] | None = None
) -> Regressors:
    """Build the columns of the right side; ``codes`` are those of cohorts, kept for prediction.

    Columns of numbers alone are stacked directly, which is several times faster than formulaic
    and gives the same; everything else goes through formulaic.

    Raises
    ------
    DataError
        When a factor does not vary or has too many levels, a computed value is not finite, or
        the columns would not fit into this machine's memory.
    FormulaError
        When there would be no column and no fixed effect, or two of one name.
    """
    columns = {
        name: _as_regressor(sample.columns[name], name, coded=name in parsed.term_reads.factors)
        for name in parsed.term_reads.columns
    }
    state = _description(parsed, columns)
    if (plain := _stacked(parsed, columns, len(sample.rows))) is not None:
        made = {"names": list(plain.names), "transforms": {}, "encoders": {}}
        return plain._replace(state=state | made)
    terms = term_list(parsed.terms)
    if not terms:
        _check_names((), parsed)
    _refuse_too_large(len(sample.rows), _width(parsed, terms, state["levels"]))
    result = materialize(terms, frame_for(parsed, columns, columns), named=parsed.named)
    names = tuple(parsed.named(name) for name in result.names)
    _check_names(names, parsed)
    refuse_not_finite(result.matrix, names, sample.rows)
    state |= {"names": list(names), "transforms": result.transforms, "encoders": result.encoders}
    if events := described(from_json(result.transforms), parsed.named):
        order = parsed.term_reads.columns
        state["events"] = sorted(events, key=lambda event: order.index(event["variable"]))
    if codes:
        state["never"] = {name: asdict(each) for name, each in codes.items()}
    return Regressors(result.matrix, names, state)


def prediction_matrix(state: Mapping[str, Any], table: Table) -> Numpy:
    """Build the regressors of an earlier design from another table.

    Parameters
    ----------
    state
        The ``state`` of the earlier design, also after a round trip through JSON.
    table
        The new data, n rows; without an outcome if there is none.

    Returns
    -------
    Array of shape ``(n, p)``; a row that misses a variable is NaN throughout.

    Raises
    ------
    DataError
        When a factor has a level that the earlier design lacks, a column changed its type, or a
        value, also a computed one such as ``log(0)``, is infinite.
    FormulaError
        When the table lacks a column.
    """
    parsed = parse_formula(state["formula"], [*table.names, *state["outcome_columns"]])
    codes = {name: Codes(**each) for name, each in state.get("never", {}).items()}
    table = with_marks_read(table, (parsed,), parsed.term_reads.arithmetic, known=codes).table
    columns = {name: _known(table, name, state) for name in parsed.term_reads.columns}
    incomplete = np.zeros(table.nrows, dtype=bool)
    for column in columns.values():
        incomplete |= is_missing(column)
    kept = {name: take(column, ~incomplete) for name, column in columns.items()}
    rows = np.flatnonzero(~incomplete)
    matrix = np.full((table.nrows, len(state["names"])), np.nan)
    if len(rows):
        for name in {*kept} - parsed.term_reads.factors:
            refuse_infinite(kept[name], name, rows)
        matrix[rows] = _again(parsed, kept, len(rows), state)
        refuse_not_finite(matrix[rows], state["names"], rows)
    return matrix


def columns_predicted_from(state: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that the right side of an earlier design reads, in JSON types."""
    found = state.get("columns")
    return tuple(state["levels"]) if found is None else tuple(found)


def prediction_numbers(table: Table, name: str) -> Numpy:
    """Return a column of numbers of a table to predict, ``(n,)``, NaN where it is missing.

    Raises
    ------
    DataError
        When there is no such column, or it holds something else than finite numbers.
    """
    values = read_numeric(table, name)
    refuse_infinite(values, name, np.arange(table.nrows))
    return values


def _as_regressor(column: Values, name: str, *, coded: bool) -> Values:
    """Return numbers unchanged, and text as the categories that occur."""
    if isinstance(column, np.ndarray):
        return column
    factor = coding.as_levels(column, name)
    if not coded:
        reading.refuse_numbers_as_text(factor, name)
    return factor


def _description(parsed: ParsedFormula, columns: Mapping[str, Values]) -> dict[str, Any]:
    """Return, in JSON types, the columns read and the levels of factors."""
    text = [name for name, column in columns.items() if not isinstance(column, np.ndarray)]
    factors = [*text, *(name for name in parsed.term_reads.factors if name not in text)]
    return {
        "formula": parsed.parts.text,
        "outcome_columns": list(parsed.outcome_reads.columns),
        "columns": list(parsed.term_reads.columns),
        "categories": text,
        "levels": {name: _levels(columns[name], name) for name in factors},
    }


def _levels(column: Values, name: str) -> list[Any]:
    found = np.unique(column) if isinstance(column, np.ndarray) else column.cat.categories
    if len(found) == 1:
        raise DataError(
            f"The factor {shown(name)} has only the level {_shown(found[0])}: it does not vary.",
            hint="leave it out.",
            code="one-level",
            where=name,
        )
    if len(found) > MOST_LEVELS:
        raise DataError(
            f"The factor {shown(name)} has {len(found):,} levels, each with a coefficient; "
            f"at most {MOST_LEVELS:,} are coded.",
            hint="join levels, or absorb it as a fixed effect with a model that has them.",
            code="too-many-levels",
            where=name,
        )
    return [level.item() if isinstance(level, np.generic) else level for level in found]


def _width(parsed: ParsedFormula, terms: Any, levels: Mapping[str, Sequence[Any]]) -> int:
    """Return an upper bound of the number of columns from factors and their products."""
    widths = {
        word: len(levels.get(parsed.aliases.get(word, word), [0]))
        for word in parsed.term_reads.words
    }
    return sum(
        math.prod(
            max((widths.get(word, 1) for word in _WORD.findall(factor.expr)), default=1)
            for factor in term.factors
        )
        for term in terms
    )


def _refuse_too_large(rows: int, width: int) -> None:
    needed = _COPIES * 8 * rows * width
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        raise DataError(
            f"A design of {rows:,} rows and {width:,} columns needs about "
            f"{needed / 1e9:,.1f} GB; this machine has {memory / 1e9:,.1f} GB.",
            hint="use fewer rows or columns, or join levels of a factor.",
            code="too-large",
        )


def _stacked(parsed: ParsedFormula, columns: Mapping[str, Values], rows: int) -> Regressors | None:
    """Return the regressors when every term is a bare column of numbers, else None."""
    if parsed.plain_terms is None:
        return None
    intercept, terms = parsed.plain_terms
    numbers = [column for name in terms if isinstance(column := columns[name], np.ndarray)]
    if len(numbers) < len(terms):
        return None
    names = (*(["Intercept"] * intercept), *terms)
    _check_names(names, parsed)
    _refuse_too_large(rows, len(names))
    ones = [np.ones(rows)] if intercept else []
    return Regressors(_side_by_side([*ones, *numbers], rows), names, {})


def _side_by_side(columns: Sequence[Numpy], rows: int) -> Numpy:
    """Copy columns into one matrix ``(n, p)``, in blocks of rows that stay in cache.

    The matrix is aligned so that JAX can use it without a copy.
    """
    width = len(columns)
    store = np.empty(rows * width + _ALIGNED // 8)
    first = -store.ctypes.data % _ALIGNED // 8
    matrix = store[first : first + rows * width].reshape(rows, width)

    def fill(low: int, high: int) -> None:
        for begin in range(low, high, _STRETCH):
            part = matrix[begin : min(begin + _STRETCH, high)]
            for j, column in enumerate(columns):
                part[:, j] = column[begin : begin + len(part)]

    by_rows(fill, rows, rows * width, _WORTH_A_THREAD)
    return matrix


def _check_names(names: Sequence[str], parsed: ParsedFormula) -> None:
    parts = parsed.parts
    if not names and parts.fixed_effects is None and parts.instruments is None:
        raise FormulaError(
            "The right side has no regressor.",
            hint="outcome ~ 1 has a constant alone.",
            code="empty-side",
        )
    if repeated := next((name for name, count in Counter(names).items() if count > 1), ""):
        raise FormulaError(
            f"Two regressors would have the name {shown(repeated)}.",
            hint="rename the column first.",
            code="duplicate-names",
            where=repeated,
        )


def _known(table: Table, name: str, state: Mapping[str, Any]) -> Values:
    """Read a column for prediction; a level that the fit does not have is refused by name."""
    levels = state["levels"].get(name)
    if levels is None:
        return read_numeric(table, name)
    column = table.column(name)
    places = coding.positions(column, levels, name, strict=False)
    if (new := column[(places < 0) & column.notna().to_numpy()]).size:
        raise DataError(
            f"{shown(name)} has the level {_shown(new.iloc[0])}, which the fit does not have.",
            hint=f"predict for {', '.join(map(_shown, levels[:_LEVELS_NAMED]))} only.",
            code="new-level",
            where=name,
        )
    if name in state["categories"]:
        return pd.Series(pd.Categorical.from_codes(places, categories=levels))
    return np.append(np.array(levels, dtype=np.float64), np.nan)[places]


def _again(
    parsed: ParsedFormula, columns: Mapping[str, Values], rows: int, state: Mapping[str, Any]
) -> Numpy:
    if (plain := _stacked(parsed, columns, rows)) is not None:
        return plain.matrix
    frame = frame_for(parsed, columns, columns)
    terms = term_list(parsed.terms)
    kept = state["transforms"], state["encoders"]
    return materialize(terms, frame, *kept, named=parsed.named).matrix


def _shown(level: object) -> str:
    return shown(coding.labels([level])[0])
