"""Sources of data: shipped samples, databases, and local files, one module per format."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pandas as pd

from workbench.data.sources import csv_file, feather_file, json_file, parquet_file, stata_file
from workbench.data.sources.files import checked_path, unreadable
from workbench.data.sources.samples import load, samples
from workbench.data.sources.sql import read_sql
from workbench.data.table import Table
from workbench.errors import DataError

__all__ = ["FORMATS", "Reference", "load", "open_data", "read_sql", "samples"]

FORMATS = {
    suffix: member.read
    for member in (csv_file, parquet_file, feather_file, json_file, stata_file)
    for suffix in member.SUFFIXES
}
"""The reader of a file, by its suffix."""


class Reference(Protocol):
    """The source of a run's data: a kind and a name, as in a specification."""

    @property
    def kind(self) -> str:
        """``"sample"``, ``"file"``, ``"sql"`` or ``"frame"``."""
        ...

    @property
    def name(self) -> str:
        """The sample's name, the file's path, the database or the variable's name."""
        ...

    @property
    def query(self) -> str:
        """The query of a database; else empty."""
        ...


def open_data(reference: Reference | str | Path) -> Table:
    """Open a file by its path, or the data of an earlier run by their reference.

    Parameters
    ----------
    reference
        A path ending in .csv, .parquet, .feather, .arrow, .json or .dta, or a reference of the kind
        ``"sample"``, ``"file"`` or ``"sql"``.

    Raises
    ------
    DataError
        When the file is not local, not of these formats, not readable or too large, or the
        reference is to a DataFrame, which cannot be reopened.
    """
    if isinstance(reference, str | Path):
        return _open_file(reference)
    if reference.kind == "file":
        return _open_file(reference.name)
    if reference.kind == "sql":
        return read_sql(reference.query, reference.name)
    if reference.kind == "sample":
        return Table(load(reference.name), "sample", reference.name)
    raise DataError(
        f"The data were the DataFrame {reference.name or 'of a notebook'}, which is not stored.",
        hint="pass it again: data=df.",
        code="frame-needed",
        where=reference.name,
    )


def _open_file(reference: str | Path) -> Table:
    path = checked_path(reference, tuple(FORMATS))
    try:
        frame: pd.DataFrame = FORMATS[path.suffix.lower()](path)
    except (OSError, ValueError, TypeError, KeyError, ImportError, RecursionError) as error:
        raise unreadable(path, error) from error
    return Table(frame, "file", str(reference))
