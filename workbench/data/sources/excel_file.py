"""Excel workbooks: cells of the first sheet keep their types; text is decided as in a CSV file."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.names import shown
from workbench.data.reading import CsvOptions, ExcelOptions, Reading
from workbench.data.sources.text_columns import decide_columns
from workbench.errors import DataError
from workbench.sentences import in_rows

SUFFIXES = (".xlsx",)
_ERRORS = {"#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"}
_EXACT = 10**15
"""Excel rounds numbers to 15 digits."""

Cells = Sequence[Any]


def read(path: Path, options: ExcelOptions | None = None) -> tuple[pd.DataFrame, Reading]:
    """Read a sheet of a workbook; the values of formulas are those that Excel saved.

    Raises
    ------
    DataError
        When there is no such sheet, or two columns have one name.
    """
    options = options or ExcelOptions()
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    sheet = _sheet(book, options.sheet, path.name)
    rows = [_without_blanks(row) for row in sheet.iter_rows(values_only=True)]
    which = " of" if options.sheet else ", the first of"
    decided = [f'sheet "{sheet.title}"{which} {len(book.worksheets)}']
    book.close()
    at = _heading(rows)
    skipped = sum(any(cell is not None for cell in row) for row in rows[:at])
    if skipped:
        decided.append(f"{skipped} line{'s' * (skipped > 1)} skipped")
    body = [row for row in rows[at + 1 :] if any(cell is not None for cell in row)]
    columns = _columns(rows[at], body, path.name)
    said = {name: _note_on_cells(name, cells) for name, cells in columns.items()}
    frame, of_texts, notes = _typed({name: _without_errors(c) for name, c in columns.items()})
    if len(book.worksheets) == 1:
        decided = decided[1:]
    notes = {n: f"{said[n]} {notes.get(n, '')}".strip() for n in columns}
    notes = {name: note for name, note in notes.items() if note}
    return frame, Reading((*decided, *of_texts), columns=notes, options=options.changed())


def _sheet(book: Any, name: str, file: str) -> Any:
    """Return the sheet of a name, the first without one."""
    sheets = {each.title: each for each in book.worksheets}
    if not name:
        return book.worksheets[0]
    if name not in sheets:
        raise DataError(
            f'"{file}" has no sheet "{shown(name)}".',
            hint=f"one of {', '.join(map(shown, sheets))}.",
            code="no-sheet",
            where="sheet",
        )
    return sheets[name]


def _without_blanks(row: Cells) -> list[Any]:
    """Return cells, None where there is nothing or blanks."""
    return [None if isinstance(cell, str) and not cell.strip() else cell for cell in row]


def _without_errors(cells: Cells) -> list[Any]:
    """Return cells, None where Excel has an error."""
    return [None if isinstance(cell, str) and cell in _ERRORS else cell for cell in cells]


def _note_on_cells(name: str, cells: Cells) -> str:
    """Count the errors of Excel in a column, and say which whole numbers Excel has rounded."""
    errors = Counter(cell for cell in cells if isinstance(cell, str) and cell in _ERRORS)
    numbers = [cell for cell in cells if isinstance(cell, int | float) and abs(cell) >= _EXACT]
    notes = []
    if errors:
        notes.append(f"{shown(name)} is missing where the workbook has {in_rows(errors)}.")
    if any(np.isfinite(number) and float(number).is_integer() for number in numbers):
        notes.append(
            f"{shown(name)} has whole numbers of more than 15 digits, of which Excel keeps 15, so "
            "that several ids may be one; ids that are text in the workbook are exact."
        )
    return " ".join(notes)


def _heading(rows: Sequence[Cells]) -> int:
    """Return the row of the headings: the first with as many cells as the fullest rows."""
    counts = [sum(cell is not None for cell in row) for row in rows]
    if not any(counts):
        raise ValueError("the sheet is empty")
    fullest = max(counts[:1000])
    return next(i for i, count in enumerate(counts) if count >= max(1, fullest - 1))


def _columns(headings: Cells, body: Sequence[Cells], file: str) -> dict[str, list[Any]]:
    names = ["" if each is None else str(each).strip() for each in headings]
    repeated = [name for name, count in Counter(names).items() if name and count > 1]
    if repeated:
        raise DataError(
            f'Two columns of "{file}" have the same name: {", ".join(map(shown, repeated))}.',
            hint="rename one of each pair in the workbook.",
            code="duplicate-names",
            where=repeated[0],
        )
    columns = {
        name or f"Unnamed: {number}": [row[number] if number < len(row) else None for row in body]
        for number, name in enumerate(names)
    }
    return {
        name: cells
        for name, cells in columns.items()
        if not name.startswith("Unnamed: ") or any(cell is not None for cell in cells)
    }


def _typed(columns: dict[str, list[Any]]) -> tuple[pd.DataFrame, list[str], dict[str, str]]:
    """Return columns of one type each; a column of texts only is decided by its texts."""
    import pyarrow as pa

    texts = {
        name: pa.chunked_array([pa.array(cells, pa.string())])
        for name, cells in columns.items()
        if {type(cell) for cell in cells} - {type(None)} == {str}
    }
    decided, said, notes = decide_columns(texts, CsvOptions(), lambda _name, _first: None)
    made = {
        name: decided[name] if name in texts else _values(cells) for name, cells in columns.items()
    }
    return pd.DataFrame(made), said, notes


def _values(cells: list[Any]) -> Any:
    kinds = {type(cell) for cell in cells} - {type(None)}
    missing = np.array([cell is None for cell in cells])
    if kinds and kinds <= {int, float} and all(c is None or float(c).is_integer() for c in cells):
        whole = np.array([0 if cell is None else int(cell) for cell in cells], dtype=np.int64)
        return pd.arrays.IntegerArray(whole, missing) if missing.any() else whole
    if kinds <= {int, float}:
        return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    if kinds == {bool}:
        flags = np.array([bool(cell) for cell in cells])
        return pd.arrays.BooleanArray(flags, missing) if missing.any() else flags
    if kinds <= {dt.datetime, dt.date}:
        return pd.Series(pd.to_datetime(pd.Series(cells, dtype=object)))
    return pd.Series(cells, dtype=object)
