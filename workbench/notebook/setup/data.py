"""Find the data to choose from: variables of the notebook, samples, files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.data.sources import FORMATS, load, read_file, read_sql, samples
from workbench.data.sources.files import suffix_of
from workbench.data.sources.sql import INSTALL, has_sqlalchemy
from workbench.data.table import Table, as_table
from workbench.errors import DataError
from workbench.estimation.specification import DataReference

FILES_SHOWN = 200
SOURCES = {"frame": "notebook", "sample": "samples", "file": "file", "sql": "sql"}
"""Where on the page the data of each kind are found."""

_TABLE_TYPES = {"DataFrame", "Table"}


@dataclass(frozen=True)
class Opened:
    """A table on the screen, with the reference a run will carry."""

    reference: DataReference
    table: Table


def notebook_namespace() -> Mapping[str, Any]:
    """Return the variables of the notebook; empty outside IPython."""
    from IPython import get_ipython  # absent in a plain process

    shell = get_ipython()
    return {} if shell is None else dict(shell.user_ns)


def notebook_tables(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables among the notebook's variables, by name."""
    return {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_") and _is_table(value)
    }


def files_here(folder: Path) -> list[str]:
    """Return the readable data files of ``folder``, by name."""
    known = tuple(FORMATS)
    found = (path.name for path in folder.iterdir() if suffix_of(path, known) in FORMATS)
    return sorted(found)[:FILES_SHOWN]


def name_of(data: object, namespace: Mapping[str, Any]) -> str:
    """Return the name of the notebook's variable that is ``data``, else ``"df"``."""
    tables = notebook_tables(namespace)
    return next((name for name, value in tables.items() if value is data), "df")


def open_frame(data: object, name: str) -> Opened:
    """Open a table that lives in the notebook."""
    table = as_table(data, name)
    return Opened(_reference("frame", name, table), table)


def open_sample(name: str) -> Opened:
    """Open a shipped sample."""
    table = Table(load(name), "sample", name)
    return Opened(_reference("sample", name, table), table)


def open_file(path: str, options: Mapping[str, Any] | None = None) -> Opened:
    """Open a data file of this machine, with the options of its format."""
    table = read_file(path, options or {})
    return Opened(_reference("file", path, table), table)


def open_query(database: str, query: str) -> Opened:
    """Open the rows of a query."""
    table = read_sql(query, database)
    return Opened(_reference("sql", table.reference_name, table), table)


def open_again(asked: DataReference, namespace: Mapping[str, Any]) -> Opened:
    """Open the data of an earlier run."""
    if asked.kind == "sql":
        return open_query(asked.name, asked.query)
    if asked.kind == "file" and asked.options:
        return open_file(asked.name, asked.options)
    return open_named(SOURCES.get(asked.kind, "notebook"), asked.name, namespace)


def open_named(source: str, name: str, namespace: Mapping[str, Any]) -> Opened:
    """Open the data ``name`` from one of the sources on the screen."""
    if source == "samples":
        return open_sample(name)
    if source == "file":
        return open_file(name)
    if name not in notebook_tables(namespace):
        raise DataError(
            f"The notebook has no table named {name!r}.",
            hint="make it in a cell, then choose it again.",
            code="no-such-table",
            where=name,
        )
    return open_frame(namespace[name], name)


def sample_names() -> list[tuple[str, str]]:
    """Return the shipped samples as pairs (name, title)."""
    listing = samples()
    return list(zip(listing["name"], listing["title"], strict=True))


def sources() -> list[dict[str, str]]:
    """Return the kinds of data source; databases other than SQLite need a named library."""
    labels = {"notebook": "Notebook", "samples": "Samples", "file": "File", "sql": "SQL"}
    notes = {"sql": "" if has_sqlalchemy() else f"A URL needs SQLAlchemy: {INSTALL}."}
    return [
        {"key": key, "label": label, "note": notes.get(key, "")} for key, label in labels.items()
    ]


def tables(source: str, namespace: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the choices of one source, as JSON types."""
    if source == "samples":
        return [{"key": key, "label": key, "note": title} for key, title in sample_names()]
    if source == "sql":
        return []
    if source == "file":
        return [{"key": name, "label": name} for name in files_here(Path.cwd())]
    return [
        {"key": name, "label": name, "note": type(value).__name__}
        for name, value in notebook_tables(namespace).items()
    ]


def _reference(kind: str, name: str, table: Table) -> DataReference:
    return DataReference(
        kind,
        name,
        rows=table.nrows,
        columns=len(table.names),
        query=table.reference_query,
        options=dict(table.reading.options),
    )


def _is_table(value: object) -> bool:
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    return kind.__name__ in _TABLE_TYPES and library in {"pandas", "polars", "pyarrow"}
