"""The complete cases of a run: columns are read once, and incomplete rows are counted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.data import columns as reading, levels
from workbench.data.formula.computed import columns_in, computed
from workbench.data.names import shown
from workbench.data.table import Selection, Table
from workbench.errors import DataError, OptionError
from workbench.names import nearest
from workbench.protocols import Numpy
from workbench.sentences import counted

Positions = npt.NDArray[np.int64]
Values = Numpy | pd.Series
"""A column: float64 ``(n,)``, or a Series of text or categories."""

_NUMBERS = np.empty(0)  # what a column inside an expression is read as
_COLUMNS_NAMED = 6  # columns named in one sentence


@dataclass(frozen=True)
class CompleteCases:
    """The rows kept, ``(n,)`` positions in the table, and the columns read over these rows.

    ``dropped`` counts for each column the rows that miss it; ``groups`` numbers the groups of
    each cluster column from 0.
    """

    rows: Positions
    dropped: dict[str, int]
    notes: tuple[str, ...]
    columns: dict[str, Values]
    groups: dict[str, Positions]

    def number(self, name: str) -> Numpy:
        """Return a copy of a column of numbers."""
        return reading.numbers(pd.Series(self.columns[name]), name).copy()


def fewer(
    sample: CompleteCases, keep: npt.NDArray[np.bool_], dropped: Mapping[str, int]
) -> CompleteCases:
    """Keep the rows of a mask ``(n,)``, the others counted by reason; groups are renumbered."""
    return CompleteCases(
        sample.rows[keep],
        {**sample.dropped, **dropped},
        sample.notes,
        {name: take(column, keep) for name, column in sample.columns.items()},
        {name: pd.factorize(codes[keep])[0] for name, codes in sample.groups.items()},
    )


def draw(
    table: Table,
    names: Iterable[str],
    numeric: Collection[str],
    cluster: Sequence[str],
    missing: str,
    factors: Collection[str] = (),
    outcome: Collection[str] = (),
) -> CompleteCases:
    """Read columns, and keep the rows that miss none of them.

    Parameters
    ----------
    names, numeric, cluster
        The columns to read; those of them that must be numbers; those that name groups.
    missing
        ``"drop"`` leaves incomplete rows out, ``"raise"`` refuses them.
    factors
        The columns that are coded level by level, where infinity is a level.
    outcome
        The columns of the outcome, which an error does not advise to code by level.

    Raises
    ------
    DataError
        When no row is left, or a value that is kept is infinite.
    """
    _check_rule(missing)
    _refuse_empty(table)
    columns = {
        name: read(
            table,
            name,
            numeric=name in numeric,
            coded=name in factors,
            may_be_levels=name not in {*numeric, *outcome},
        )
        for name in dict.fromkeys(names)
    }
    groups = {name: reading.groups(table.column(name), name) for name in cluster}
    doubtful = [name for name, column in columns.items() if not _are_finite(column)]
    suspects = {name: columns[name] for name in doubtful}
    rows, dropped = _complete_rows(table, suspects, groups, missing)
    if len(rows) < table.nrows:
        columns = {name: take(column, rows) for name, column in columns.items()}
        groups = {name: pd.factorize(codes[rows])[0] for name, codes in groups.items()}
    for name in doubtful:
        if name in factors and name not in numeric:
            continue
        refuse_infinite(columns[name], name, rows)
    selected = () if table.selection is None else table.selection.notes
    notes = (*selected, *_notes(table, columns, [*cluster, *factors]))
    return CompleteCases(rows, dropped, notes, columns, groups)


def read(
    table: Table, name: str, *, numeric: bool, coded: bool = False, may_be_levels: bool = False
) -> Values:
    """Return a column as float64, or unchanged if it holds text and text is allowed.

    Text of which every cell reads as a number becomes numbers, unless it is ``coded`` level by
    level.  A coded column is unchanged too where float64 would merge levels, or where they are
    dates.  Where it ``may_be_levels``, an error advises to code it so.

    Raises
    ------
    DataError
        When text stands where numbers are needed, or most of it looks like numbers, by the first
        cell that is none.
    """
    if numeric and table.is_computed(name):
        return computed(name, partial(read_numeric, table), table.names)
    column = table.column(name)
    kind = reading.content(column)
    if coded and not numeric:
        stays = kind in {"text", "mixed"} or levels.is_coded_exactly(column)
        return column if stays else reading.numbers(column, name)
    if isinstance(column.dtype, pd.CategoricalDtype):
        if not numeric:
            return column
        kind = reading.content(column.cat.categories.to_series())
    if kind not in {"text", "mixed"}:
        return reading.numbers(column, name, may_be_levels=may_be_levels)
    found = table.text_column(name)
    if found.values is not None:
        table.refuse_unsaid(found)
        return found.values
    if numeric or kind == "mixed" or found.alike:
        in_file = table.reference_kind == "file"
        raise found.refusal(in_file, may_be_levels=may_be_levels)
    return column


def read_numeric(table: Table, name: str) -> Numpy:
    """Return a column as float64 where numbers are needed, as `read` does."""
    return np.asarray(read(table, name, numeric=True))


def take(column: Values, rows: npt.NDArray[Any]) -> Values:
    """Return some rows of a column, by position or by a mask."""
    if isinstance(column, np.ndarray):
        kept: Numpy = column[rows]
        return kept
    return column[rows].reset_index(drop=True)


def is_missing(column: Values) -> npt.NDArray[np.bool_]:
    """Return which values of a column are missing, ``(n,)``."""
    return np.isnan(column) if isinstance(column, np.ndarray) else column.isna().to_numpy()


def _are_finite(column: Values) -> bool:
    return isinstance(column, np.ndarray) and bool(np.isfinite(column).all())


def _check_rule(missing: str) -> None:
    if missing not in {"drop", "raise"}:
        raise OptionError(
            f'missing has the value "{missing}".',
            hint='missing="drop" or missing="raise".',
            code="missing",
            where="missing",
            suggestion=nearest(missing, ["drop", "raise"]),
        )


def _refuse_empty(table: Table) -> None:
    if not table.nrows:
        raise DataError(
            f"There are no rows in {table.title}.",
            hint="check how it was read or filtered.",
            code="no-rows",
        )


def _complete_rows(
    table: Table,
    columns: Mapping[str, Values],
    groups: Mapping[str, Positions],
    missing: str,
) -> tuple[Positions, dict[str, int]]:
    masks = {name: is_missing(column) for name, column in columns.items()}
    masks |= {name: codes < 0 for name, codes in groups.items()}
    chosen = table.selection or Selection(np.ones(table.nrows, dtype=bool))
    counts = {name: int((mask & chosen.rows).sum()) for name, mask in masks.items()}
    for name, count in chosen.missing.items():
        counts[name] = counts.get(name, 0) + count
    counts = {name: count for name, count in counts.items() if count}
    if not counts and not chosen.dropped:
        return np.arange(table.nrows, dtype=np.int64), {}
    counts = dict(sorted(counts.items(), key=lambda item: -item[1]))
    rows = np.flatnonzero(~np.logical_or.reduce([~chosen.rows, *masks.values()]))
    if not len(rows):
        raise _none_left(table, counts)
    if missing == "raise" and counts:
        raise _incomplete(table, counts, len(rows))
    gaps = {f"missing {name}": count for name, count in counts.items()}
    dropped = {**chosen.dropped, **gaps}
    return rows.astype(np.int64), dict(sorted(dropped.items(), key=lambda item: -item[1]))


def _none_left(table: Table, counts: Mapping[str, int]) -> DataError:
    worst = next(iter(counts))
    chosen = table.selection
    rows = (
        f"{table.nrows:,} rows"
        if chosen is None
        else f"{counted(int(chosen.rows.sum()), 'row')} in subset"
    )
    return DataError(
        f"None of the {rows} is complete; missing values by column: {_list(counts)}.",
        hint=f"leave {shown(worst)} out, or fill its gaps.",
        code="no-rows-left",
        where=worst,
    )


def _incomplete(table: Table, counts: Mapping[str, int], left: int) -> DataError:
    not_chosen = 0 if table.selection is None else sum(table.selection.dropped.values())
    incomplete = table.nrows - not_chosen - left
    return DataError(
        f"{incomplete:,} of {counted(table.nrows, 'row')} miss a value; by column: "
        f"{_list(counts)}.",
        hint='missing="drop" leaves them out, or fill the gaps first.',
        code="missing-values",
        where=next(iter(counts)),
    )


def _list(counts: Mapping[str, int]) -> str:
    some = [f"{shown(name)} {count:,}" for name, count in counts.items()]
    return ", ".join(some[:_COLUMNS_NAMED]) + (", …" if len(some) > _COLUMNS_NAMED else "")


def refuse_infinite(column: Values, name: str, rows: Positions) -> None:
    """Refuse a column of numbers with infinite ones, by the first of its rows in the table."""
    if not isinstance(column, np.ndarray) or not np.isinf(column).any():
        return
    infinite = np.flatnonzero(np.isinf(column))
    raise DataError(
        f"{shown(name)} is infinite in {counted(len(infinite), 'row')}, "
        f"first in row {rows[infinite[0]]} (counted from 0).",
        hint="correct them, or mark them missing: df.replace([np.inf, -np.inf], np.nan).",
        code="infinite",
        where=name,
    )


def _notes(table: Table, columns: Mapping[str, Values], coded: Sequence[str]) -> tuple[str, ...]:
    """Note changes of the columns, and levels that look like typing errors."""
    read = [name for each in columns for name in columns_in(each, table.names)]
    coded = [name for each in coded for name in columns_in(each, table.names)]
    notes = [*table.reading.notes(dict.fromkeys([*read, *coded]))]
    for name in (*read, *coded):
        notes += table.notes_on(name)
    for name in read:
        if isinstance(columns.get(name, _NUMBERS), np.ndarray) and table.is_text(name):
            notes.append(table.text_column(name).note)
    for name, column in columns.items():
        if isinstance(column, np.ndarray):
            notes += [] if table.is_float(name) else _note_on_rounding(table.column(name), name)
        else:
            notes += [*note_on_levels(table.column(name), column), *_note_on_spaces(column, name)]
    for name in coded:
        notes += [*_note_on_spaces(table.column(name), name), *_note_on_ids(table, name)]
    return tuple(dict.fromkeys(notes))


def _note_on_rounding(column: pd.Series, name: str) -> list[str]:
    if not reading.is_rounded(column):
        return []
    return [f"{shown(name)} has whole numbers beyond 2^53, which float64 rounds."]


def _note_on_ids(table: Table, name: str) -> list[str]:
    if not (table.is_float(name) and reading.may_be_rounded(table.column(name))):
        return []
    return [
        f"{shown(name)} holds whole numbers beyond 2^53 as float64, where neighbours are one "
        "number; read them as Int64 or text to tell them apart."
    ]


def note_on_levels(column: pd.Series, kept: pd.Series) -> list[str]:
    """Count the levels of a column of text or categories that the rows kept do not have."""
    known = column.cat.categories if hasattr(column, "cat") else column.dropna().unique()
    unused = len(known) - kept.nunique()
    if not unused:
        return []
    lead = "1 level of {} has" if unused == 1 else f"{unused:,} levels of {{}} have"
    return [f"{lead.format(shown(str(column.name)))} no rows and no coefficient."]


def _note_on_spaces(column: pd.Series, name: str) -> list[str]:
    if reading.content(column) != "text":
        return []
    twins = reading.differ_by_spaces(pd.Index(column.dropna().unique()))
    if not twins:
        return []
    some = ", ".join(twins[:_COLUMNS_NAMED])
    return [f"{shown(name)} has levels that differ by spaces only: {some}."]
