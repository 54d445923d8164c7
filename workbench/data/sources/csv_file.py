"""Comma-separated values; semicolons and tabs are recognized by the first line."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

SUFFIXES = (".csv",)
_LONGEST_LINE = 1_000_000  # letters searched for the separator


def read(path: Path) -> pd.DataFrame:
    """Read a CSV file in UTF-8 whose first line names the columns."""
    return pd.read_csv(
        path,
        sep=_separator(path),
        compression=None,
        encoding="utf-8-sig",
        low_memory=False,
    )


def _separator(path: Path) -> str:
    """Return the most frequent of comma, semicolon and tab in the first line."""
    with path.open(encoding="utf-8-sig") as lines:
        first = lines.readline(_LONGEST_LINE)
    return max(",;\t", key=first.count)
