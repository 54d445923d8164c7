"""Feather, Arrow's format on disk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

SUFFIXES = (".feather", ".arrow")


def read(path: Path) -> pd.DataFrame:
    """Read a Feather file."""
    return pd.read_feather(path)
