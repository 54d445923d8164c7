"""Feather, Arrow's format on disk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from workbench.data.arrow import frame_of

SUFFIXES = (".feather", ".arrow")


def read(path: Path) -> pd.DataFrame:
    """Read a Feather file."""
    import pyarrow.feather

    return frame_of(pyarrow.feather.read_table(path))
