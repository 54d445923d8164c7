"""JSON: a list of records, columns by name, or one record per line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

SUFFIXES = (".json", ".jsonl", ".ndjson")


def read(path: Path) -> pd.DataFrame:
    """Read a JSON file; text stays text, also where it looks like a date or a number."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".json":
        return pd.DataFrame(json.loads(text))
    return pd.DataFrame(
        [_record(line, n) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    )


def _record(line: str, number: int) -> dict[str, Any]:
    """Read one line; the error names it."""
    try:
        record = json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f'line {number} is not a record such as {{"wage": 5}}')
    return record
