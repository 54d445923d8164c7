"""Sources of data: shipped samples, databases, and local files, one module per format."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from workbench.data.reading import CsvOptions, ExcelOptions, Reading
from workbench.data.sources import (
    csv_file,
    excel_file,
    feather_file,
    json_file,
    parquet_file,
    stata_file,
)
from workbench.data.sources.files import checked_path, suffix_of, unreadable
from workbench.data.sources.samples import load, samples
from workbench.data.sources.sql import read_sql
from workbench.data.table import Table
from workbench.errors import DataError
from workbench.options import Options, options_from

__all__ = [
    "FORMATS",
    "Reference",
    "file_options",
    "load",
    "open_data",
    "read_csv",
    "read_excel",
    "read_file",
    "read_sql",
    "samples",
]

_Reader = Callable[[Path], pd.DataFrame | tuple[pd.DataFrame, Reading]]

FORMATS: dict[str, _Reader] = {
    suffix: member.read
    for member in (csv_file, excel_file, parquet_file, feather_file, json_file, stata_file)
    for suffix in member.SUFFIXES
}
"""The reader of a file, by its suffix."""

_OPTIONS: dict[str, type[Options]] = {
    **dict.fromkeys(csv_file.SUFFIXES, CsvOptions),
    **dict.fromkeys(excel_file.SUFFIXES, ExcelOptions),
}
"""What a file can be read with, by its suffix."""


_UNREADABLE = (
    *(OSError, ValueError, TypeError, KeyError, EOFError, ImportError, RecursionError),
    *(zlib.error, zipfile.BadZipFile),
)
"""What readers raise for a file with another content than its name says."""


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

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that a file was read with; else empty."""
        ...


def open_data(reference: Reference | str | Path) -> Table:
    """Open a file by its path, or the data of an earlier run by their reference.

    Parameters
    ----------
    reference
        A path ending in .csv, .tsv, .txt (each also with .gz), .xlsx, .parquet, .feather, .arrow,
        .json, .jsonl, .ndjson or .dta, or a reference of the kind ``"sample"``, ``"file"`` or
        ``"sql"``.

    Raises
    ------
    DataError
        When the file is not local, not of these formats, not readable or too large, or the
        reference is to a DataFrame, which cannot be reopened.
    """
    if isinstance(reference, str | Path):
        return _open_file(reference)
    if reference.kind == "file":
        return read_file(reference.name, reference.options)
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


def read_csv(path: str | Path, **options: Any) -> Table:
    """Read a text file whose columns are separated, with options where the file is not clear.

    Parameters
    ----------
    path
        A local file that ends in .csv, .tsv or .txt, each also with .gz.
    options
        ``sep``, ``decimal``, ``thousands``, ``encoding``, ``skip`` (lines above the heading),
        ``header`` (``"no"`` where no line names the columns), ``text`` (columns that stay text),
        ``missing`` (texts for a missing value); what is not given is found in the file.

    Returns
    -------
    A table whose ``reading`` says what was decided, and whose options the code and the record of a
    run repeat.

    Raises
    ------
    DataError
        When the file cannot be read, or has two readings.
    OptionError
        When an option is unknown or has no such value.

    Examples
    --------
    >>> import workbench as wb
    >>> wages = wb.read_csv("wages.csv", decimal=",")  # doctest: +SKIP
    """
    given = csv_file.given_options(options)
    return _open_file(path, csv_file.SUFFIXES, lambda checked: csv_file.read(checked, given))


def read_excel(path: str | Path, **options: Any) -> Table:
    """Read a sheet of an Excel workbook, which needs the extra ``excel``.

    Parameters
    ----------
    path
        A local file that ends in .xlsx.
    options
        ``sheet``, the name of the sheet; the first without it.

    Returns
    -------
    A table whose ``reading`` says what was decided.

    Raises
    ------
    DataError
        When the file cannot be read, or has no such sheet.
    OptionError
        When an option is unknown or has no such value.

    Examples
    --------
    >>> import workbench as wb
    >>> wages = wb.read_excel("wages.xlsx", sheet="2019")  # doctest: +SKIP
    """
    given = options_from(ExcelOptions, options)
    return _open_file(path, excel_file.SUFFIXES, lambda checked: excel_file.read(checked, given))


def read_file(path: str | Path, options: Mapping[str, Any]) -> Table:
    """Read a file with the options of its format; they may be empty.

    Raises
    ------
    WorkbenchError
        When the file cannot be read, or its format has no such option.
    """
    if not options:
        return _open_file(path)
    return (read_excel if file_options(path) is ExcelOptions else read_csv)(path, **options)


def file_options(path: str | Path) -> type[Options] | None:
    """Return the class of the options with which a file can be read, None where there are none.

    Raises
    ------
    DataError
        When the file is not there, or not of a format that is read.
    """
    suffix = suffix_of(checked_path(path, tuple(FORMATS)), tuple(FORMATS))
    return _OPTIONS.get(suffix)


def _open_file(
    reference: str | Path, suffixes: tuple[str, ...] = (), reader: _Reader | None = None
) -> Table:
    path = checked_path(reference, suffixes or tuple(FORMATS))
    try:
        read = (reader or FORMATS[suffix_of(path, tuple(FORMATS))])(path)
    except _UNREADABLE as error:
        raise unreadable(path, error) from error
    frame, reading = read if isinstance(read, tuple) else (read, None)
    return Table(frame, "file", str(reference), reading=reading)
