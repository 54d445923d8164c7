"""A file that is chosen on the Setup tab: how it is read, what was decided, and its first rows."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from workbench.data.sources import file_options
from workbench.data.sources.csv_file import first_lines
from workbench.errors import DataError, OptionError, WorkbenchError
from workbench.notebook.setup import fields as drawn
from workbench.notebook.setup.chosen import Check
from workbench.notebook.setup.data import Opened, open_file
from workbench.options import Option, options_of

GROUP = "reading"
"""What the fields of this module belong to."""

ROWS_SHOWN = 5
COLUMNS_SHOWN = 60
_LONGEST = 200
"""Letters of a cell that travel to the page."""

_FIELDS = {
    "two-readings": "decimal",
    "encoding": "encoding",
    "unknown-column": "text",
    "no-sheet": "sheet",
}
"""The field at which an error of the reader is shown, by the error's code."""


@dataclass(frozen=True)
class ChosenFile:
    """A file, the values in the fields of its reading, and what came of it.

    Attributes
    ----------
    path
        The file as it was chosen.
    options
        What its format declares; empty where nothing can be chosen.
    given
        The values in the fields by option; what has none is found in the file.
    opened
        The table, None where the file is refused.
    error
        Why it is refused.
    """

    path: str
    options: tuple[Option, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
    opened: Opened | None = None
    error: WorkbenchError | None = None

    @cached_property
    def head(self) -> dict[str, Any]:
        """The names of the columns and the first rows, None for a missing value.

        Of a file that is refused, the first lines as they stand.
        """
        if self.opened is None:
            return {"columns": [], "numeric": [], "rows": [], "lines": _lines(self.path)}
        table = self.opened.table
        names = list(table.names[:COLUMNS_SHOWN])
        columns = [table.column(name).iloc[:ROWS_SHOWN] for name in names]
        cells = zip(*(column.tolist() for column in columns), strict=True)
        return {
            "columns": names,
            "numeric": [is_numeric_dtype(column) for column in columns],
            "rows": [list(map(_cell, row)) for row in cells],
            "lines": [],
        }


def choose_file(path: str) -> ChosenFile:
    """Read a file as it is found.

    A file that can be read with options is returned when it is refused, with the error.

    Raises
    ------
    DataError
        When the file is not there, or cannot be read and has no options.
    """
    kind = file_options(path)
    if kind is None:
        return ChosenFile(path, opened=open_file(path))
    return _read(ChosenFile(path, options_of(kind)))


def file_of(opened: Opened | None) -> ChosenFile | None:
    """Return the file that a table came from, None where it is no file."""
    if opened is None or opened.reference.kind != "file":
        return None
    kind = None
    with suppress(DataError):  # the file may be gone, and its table is still open
        kind = file_options(opened.reference.name)
    options = () if kind is None else options_of(kind)
    return ChosenFile(opened.reference.name, options, opened.reference.options, opened)


def with_option(file: ChosenFile, name: str, value: Any) -> ChosenFile:
    """Read a file anew with another value in a field; None empties the field.

    Raises
    ------
    OptionError
        When there is no such option, or the value is of another type.
    """
    known = {each.name: each for each in file.options}
    if name not in known:
        raise OptionError(f"Setup has no option {name!r} of {GROUP!r}.", code="bad-choice")
    values = {**file.given, name: drawn.accepted(known[name], value)}
    given = {key: each for key, each in values.items() if each is not None}
    return _read(ChosenFile(file.path, file.options, given))


def _read(file: ChosenFile) -> ChosenFile:
    try:
        opened = open_file(file.path, drawn.drafted(file.options, file.given))
    except WorkbenchError as error:
        return ChosenFile(file.path, file.options, file.given, error=error)
    return ChosenFile(file.path, file.options, file.given, opened)


def refusal(file: ChosenFile) -> Check | None:
    """Return the check of a file that is refused, at the field of the error; else None."""
    error = file.error
    if error is None:
        return None
    place = error.where if isinstance(error, OptionError) else _FIELDS.get(error.code, "")
    at = place if place in {each.name for each in file.options} else ""
    hint = f"Try: {error.hint}" if error.hint else ""
    brief = f"say how {file.path} is to be read"
    return Check(False, error.problem, hint, error.where, brief=brief, field=at, of=GROUP)


def form(file: ChosenFile | None) -> list[dict[str, Any]]:
    """Return the fields of a file's reading, as plain JSON types."""
    if file is None:
        return []
    names = [] if file.opened is None else list(file.opened.table.names[:COLUMNS_SHOWN])
    names = list(dict.fromkeys([*names, *file.given.get("text", ())]))
    return [
        each.schema() | {"value": file.given.get(each.name), "names": names}
        for each in file.options
    ]


def about_file(file: ChosenFile | None) -> dict[str, Any] | None:
    """Return what was decided in reading a file, and its first rows, as plain JSON types."""
    if file is None:
        return None
    reading = None if file.opened is None else file.opened.table.reading
    return {
        "file": file.path,
        "said": "" if reading is None else reading.sentence,
        "notes": [] if reading is None else list(reading.columns.values())[:COLUMNS_SHOWN],
        **file.head,
    }


def _lines(path: str) -> list[str]:
    with suppress(OSError):
        return [line[:_LONGEST] for line in first_lines(Path(path).expanduser(), ROWS_SHOWN)]
    return []


def _cell(value: Any) -> str | None:
    """Return a value as the first rows show it: all digits of a number, a date without midnight."""
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return str(value).removesuffix(" 00:00:00")
    text = f"{value:.15g}" if isinstance(value, float) else str(value)[:_LONGEST]
    return text.replace("-", "−") if isinstance(value, int | float) else text
