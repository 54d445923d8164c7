"""JSON: a list of records, or columns by name."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

SUFFIXES = (".json",)


def read(path: Path) -> pd.DataFrame:
    """Read a JSON file; text stays text, also where it looks like a date or a number."""
    return pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))
