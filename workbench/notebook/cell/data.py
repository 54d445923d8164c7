"""Find the data that a cell names: a variable of the notebook, a shipped sample, or a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.data.sources import load, open_data
from workbench.data.table import Table, as_table
from workbench.errors import DataError
from workbench.names import nearest
from workbench.notebook.setup.data import notebook_tables, sample_names

_ORIGINS = {
    "frame": "the notebook's variable",
    "sample": "the shipped sample",
    "file": "the file",
    "sql": "the database",
}


def find_data(name: str, namespace: Mapping[str, Any]) -> Table:
    """Return the table of that name: a variable first, then a sample, then a file.

    Raises
    ------
    DataError
        When there is none of them; the nearest variable or sample is the suggestion.
    """
    if _holds_columns(namespace.get(name)):
        return as_table(namespace[name], name)
    if name in _samples():
        frame = load(name)
        return Table(frame, "sample", name)
    if name in namespace and not Path(name).exists():
        return as_table(namespace[name], name)  # raises the error that names the variable's type
    if Path(name).exists():
        return open_data(name)
    raise _unknown(name, namespace)


def introduce(table: Table, namespace: Mapping[str, Any]) -> str:
    """Return a sentence on the data that a cell reads."""
    kind, name = table.reference_kind, table.reference_name
    size = f"{table.nrows:,} rows, {len(table.names):,} columns"
    hidden = kind == "frame" and name in _samples() and name in namespace
    note = "; it comes before the sample of that name" if hidden else ""
    return f"Data: {_ORIGINS.get(kind, 'the table')} {name}, {size}{note}."


def _holds_columns(value: object) -> bool:
    """Return whether a variable may be data; other variables do not hide a sample."""
    return (
        bool(notebook_tables({"it": value})) or isinstance(value, dict) or hasattr(value, "dtype")
    )


def _samples() -> list[str]:
    return [name for name, _ in sample_names()]


def _unknown(name: str, namespace: Mapping[str, Any]) -> DataError:
    known = [*notebook_tables(namespace), *_samples()]
    near = nearest(name, known)
    return DataError(
        f'There is no variable, shipped sample or file named "{name}".',
        f"{near}?" if near else f"one of {known}, or a file's path.",
        code="no-such-data",
        where=name,
        suggestion=near,
    )
