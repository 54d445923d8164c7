"""Tables of Arrow as DataFrames in which whole numbers with a gap stay whole numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

_WHOLE = re.compile(r"u?int\d+|bool")
_UNNAMED = re.compile(r"__index_level_\d+__")


def series_of(values: Any) -> pd.Series:
    """Return an array of Arrow; whole numbers and truth values with a gap become nullable."""
    if values.null_count and _WHOLE.fullmatch(str(values.type)):
        return pd.Series(values.to_pandas(types_mapper=_nullable))
    return pd.Series(values.to_pandas(date_as_object=False))


def frame_of(table: Any) -> pd.DataFrame:
    """Return a table of Arrow, with the index that pandas wrote into it."""
    special = [
        j
        for j, column in enumerate(table.columns)
        if column.null_count and _WHOLE.fullmatch(str(column.type))
    ]
    others = [j for j in range(table.num_columns) if j not in set(special)]
    frame = _converted(table.select(others)) if others else _empty(table.num_rows)
    for j in special:
        name, values = table.column_names[j], series_of(table.column(j)).array
        frame.insert(j, name, values, allow_duplicates=True)
    return _with_index(frame, table.schema.pandas_metadata or {})


def _nullable(kind: Any) -> Any:
    """Return pandas' nullable type of the same name."""
    name = str(kind)
    if name == "bool":
        return pd.BooleanDtype()
    return pd.api.types.pandas_dtype(name.replace("uint", "UInt").replace("int", "Int"))


def _converted(table: Any) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(date_as_object=False, ignore_metadata=True)
    return frame


def _empty(rows: int) -> pd.DataFrame:
    return pd.DataFrame(index=pd.RangeIndex(rows))


def _with_index(frame: pd.DataFrame, written: Mapping[str, Any]) -> pd.DataFrame:
    """Give a frame the index that pandas described when it wrote the table."""
    described = written.get("index_columns", [])
    columns = [each for each in described if isinstance(each, str) and each in frame.columns]
    if columns and len(columns) == len(described):
        frame = frame.set_index(columns)
        frame.index.names = [None if _UNNAMED.fullmatch(name) else name for name in columns]
    elif len(described) == 1 and isinstance(ranged := described[0], Mapping):
        index = pd.RangeIndex(ranged["start"], ranged["stop"], ranged["step"], name=ranged["name"])
        frame = frame.set_axis(index) if len(index) == len(frame) else frame
    return frame
