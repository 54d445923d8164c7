"""Opening the SQLite file of the store: its schema, its checks, and what is done when they fail."""

from __future__ import annotations

import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from workbench.errors import StoreError
from workbench.runs.store.location import shown

BUSY_SECONDS = 10.0
_BREATH = 0.02
SCHEMA_VERSION = 1
_APPLICATION = 0x574B424E
"""Mark of our files in SQLite's header: the letters WKBN."""
_OUR_SUFFIXES = {".sqlite", ".sqlite3", ".db"}
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_TABLES = {
    "runs": """
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL, starred INTEGER NOT NULL DEFAULT 0,
        specification TEXT NOT NULL, provenance TEXT NOT NULL, parameters TEXT NOT NULL,
        owner TEXT NOT NULL, started REAL NOT NULL, heartbeat REAL NOT NULL,
        seconds REAL NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0, step INTEGER,
        state TEXT, state_rows INTEGER,
        outcome TEXT, message TEXT, result TEXT, loglik REAL, observations REAL
    """,
    "chunks": """
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        first INTEGER NOT NULL, stage TEXT NOT NULL, rows BLOB NOT NULL, PRIMARY KEY (run, first)
    """,
    "demeaning": """
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        first INTEGER NOT NULL, heading TEXT NOT NULL, rows BLOB NOT NULL, PRIMARY KEY (run, first)
    """,
}


class StoreWarning(UserWarning):
    """A warning about the record of runs."""


def notify(sentence: str) -> None:
    """Warn, also from a thread, where an exception would go unnoticed."""
    with suppress(StoreWarning):  # warnings may be set to raise
        warnings.warn(sentence, StoreWarning, stacklevel=2)


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """Commit everything inside together, or nothing."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def open_file(path: Path) -> sqlite3.Connection:
    """Open the store at ``path``, making it where there is none; set a damaged one aside.

    Raises
    ------
    StoreError
        When the place holds something else, or a newer version wrote it.
    OSError, sqlite3.Error
        When the place cannot be written.
    """
    if path.exists() and not path.is_file():
        raise StoreError(f"{shown(path)} is not a file.", code="store-place")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        if not _is_damage(error) or not _is_ours_to_move(path):
            raise
    _set_aside(path)
    return _connect(path)


def open_memory(path: Path | None) -> sqlite3.Connection:
    """Open a store in memory, filled with what can be read of the file at ``path``."""
    connection = _bare("file::memory:")
    _make_tables(connection)
    if path is not None:
        for mode in ("mode=ro", "immutable=1"):
            with suppress(sqlite3.Error):
                _copy_known(connection, path, mode)
                break
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = _bare(path.as_uri())
    try:
        _check(connection, path)
        _journal(connection)
        _make_tables(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _bare(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, timeout=BUSY_SECONDS, isolation_level=None, uri=True, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a foreign or newer file, and raise ``DatabaseError`` for a damaged one."""
    if (found := _figure(connection, "quick_check(1)")) != "ok":
        raise _damage(str(found))
    with transaction(connection, "DEFERRED"):  # one view of what another process may be making
        version, mark = (
            int(_figure(connection, "user_version")),
            _figure(connection, "application_id"),
        )
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables and mark != _APPLICATION:
        raise StoreError(f"{shown(path)} is another program's database.", code="foreign-store")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{shown(path)} was written by a newer workbench (its format is {version}, this one "
            f"writes {SCHEMA_VERSION}).",
            code="newer-store",
        )


def _journal(connection: sqlite3.Connection) -> None:
    """Write ahead where the place allows it; a network home may refuse, and gets DELETE."""
    if _patiently(lambda: _figure(connection, "journal_mode = WAL")) == "wal":
        connection.execute("PRAGMA synchronous = NORMAL")
    else:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = FULL")


def _patiently(ask: Callable[[], int | str]) -> int | str:
    """Ask again while another process makes the file: SQLite does not wait for a change of mode."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return ask()
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
        time.sleep(_BREATH)


def _make_tables(connection: sqlite3.Connection) -> None:
    """Make what is missing; being a write, this also proves that the place can be written."""
    with transaction(connection):
        for name, columns in _TABLES.items():
            connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _figure(connection: sqlite3.Connection, pragma: str) -> int | str:
    value: int | str = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return value


def _damage(sentence: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(sentence)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def _is_ours_to_move(path: Path) -> bool:
    """Whether the file is a database or bears the name of one; any other text file is neither."""
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0" or path.suffix in _OUR_SUFFIXES


def _set_aside(path: Path) -> None:
    """Rename a damaged store and its journals, so that nothing of it is overwritten."""
    aside = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%S')}")
    for suffix in ("-wal", "-shm", "-journal", ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    notify(
        f"The record of runs at {shown(path)} is damaged. It was set aside as {aside.name} and a "
        "new record begins."
    )


def _copy_known(connection: sqlite3.Connection, path: Path, mode: str) -> None:
    """Copy the columns this version knows from the file at ``uri``."""
    connection.execute("ATTACH ? AS old", (f"{path.as_uri()}?{mode}",))
    try:
        with transaction(connection):
            for table in _TABLES:
                theirs, ours = (
                    _columns(connection, "old", table),
                    _columns(connection, "main", table),
                )
                if not (names := ", ".join(sorted(theirs & ours))):
                    continue  # written before there was such a table
                connection.execute(
                    f"INSERT INTO main.{table} ({names}) SELECT {names} FROM old.{table}"
                )
    finally:
        connection.execute("DETACH old")


def _columns(connection: sqlite3.Connection, schema: str, table: str) -> set[str]:
    with closing(connection.execute(f"PRAGMA {schema}.table_info({table})")) as rows:
        return {row["name"] for row in rows}
