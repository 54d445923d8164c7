"""The index of a DataFrame: its named levels are columns like others."""

from __future__ import annotations

import pandas as pd

from workbench.data.names import shown


def with_index(frame: pd.DataFrame, index: pd.Index) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return a frame with the named levels of an index as columns behind its own.

    A column of the same name is used in place of the level.

    Returns
    -------
    The frame, and by name a sentence on each level that differs from the column of its name.
    """
    own, levels, notes = set(frame.columns), {}, {}
    for position, label in enumerate(index.names):
        name = str(label)
        if label is None or name in levels:
            continue
        values = _values(index, position)
        if name not in own:
            levels[name] = values
        elif not _equal(values, frame[name]):
            notes[name] = (
                f"{shown(name)} is a column and a level of the index with other values; the "
                "column is used."
            )
    return (frame.assign(**levels) if levels else frame), notes


def _values(index: pd.Index, position: int) -> pd.Series:
    """Return a level of an index by row; whole numbers with a gap stay whole numbers."""
    if isinstance(index, pd.MultiIndex):
        codes, level = index.codes[position], pd.Series(index.levels[position])
        if (codes < 0).any() and str(level.dtype) in {"int64", "uint64"}:
            level = level.convert_dtypes()
        return pd.Series(level.array.take(codes, allow_fill=True))
    return pd.Series(index.array)


def _equal(values: pd.Series, column: pd.Series) -> bool:
    same = values.astype(object) == column.astype(object)
    return bool((same | (values.isna() & column.isna())).all())
