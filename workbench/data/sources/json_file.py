"""JSON: a list of records, columns by name, or one record per line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.data.plain_types import plain_frame

SUFFIXES = (".json", ".jsonl", ".ndjson")


def read(path: Path) -> pd.DataFrame:
    """Read a JSON file; text stays text, also where it looks like a date or a number.

    Whole numbers with a gap stay whole numbers.  Records may stand under ``data``, and rows of
    values under ``data`` with their names under ``columns``, as pandas writes them.

    Raises
    ------
    ValueError
        When the file is neither a list of records nor columns of equal length.
    """
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".json":
        found = json.loads(text)
    else:
        lines = enumerate(text.split("\n"), 1)
        found = [_record(line, n) for n, line in lines if line.strip()]
    return plain_frame(_frame(found))


def _frame(found: Any) -> pd.DataFrame:
    if isinstance(found, dict) and isinstance(found.get("data"), list):
        if isinstance(names := found.get("columns"), list):
            return pd.DataFrame(found["data"], columns=names, dtype=object)
        if all(isinstance(record, dict) for record in found["data"]):
            found = found["data"]
    if isinstance(found, dict):
        found = {name: _by_row(values) for name, values in found.items()}
    elif not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise ValueError('it is not a list of records such as {"wage": 5}')
    return pd.DataFrame(found, dtype=object)


def _by_row(values: Any) -> Any:
    """Return a column that is written as values by row without a type of its own."""
    return pd.Series(values, dtype=object) if isinstance(values, dict) else values


def _record(line: str, number: int) -> dict[str, Any]:
    """Read one line; the error names it."""
    try:
        record = json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f'line {number} is not a record such as {{"wage": 5}}')
    return record
