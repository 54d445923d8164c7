"""Databases: the rows of one query, which reads and does not write."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.data.plain_types import plain_frame
from workbench.data.table import Table
from workbench.errors import DataError
from workbench.extras import install_extra

INSTALL = f"{install_extra('sql')}, and the driver of your database"
_READS = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:SELECT|WITH|VALUES)\b", re.IGNORECASE | re.DOTALL
)

_SECRET = re.compile(
    r"[^=]*(?:secret|token|odbc_connect)|.*(?:passw\w*|pwd)\s*=", re.IGNORECASE | re.DOTALL
)
"""A part ``key=value`` of a URL's query that is a password, or may hold one."""


def has_sqlalchemy() -> bool:
    """Return whether databases other than SQLite files can be read."""
    return find_spec("sqlalchemy") is not None


def read_sql(query: str, database: str | Path) -> Table:
    """Read the rows of a query.

    Parameters
    ----------
    query
        One statement that reads: it begins with SELECT, WITH or VALUES.
    database
        The path of a SQLite file, or the URL of a database as SQLAlchemy writes it, without a
        password.  A SQLite file is opened read-only, by its URL too; PostgreSQL gets a read-only
        transaction; in every other database the transaction is rolled back.

    Returns
    -------
    A table with its query, so that a run's code and its record can read it again.

    Raises
    ------
    DataError
        When the statement writes or cannot be read, there is no such database, SQLAlchemy is
        needed and not installed, or the URL holds a password.

    Examples
    --------
    >>> import workbench as wb
    >>> wages = wb.read_sql("SELECT wage, educ FROM wages", "wages.db")  # doctest: +SKIP
    """
    query, database = query.strip().rstrip(";").rstrip(), str(database).strip()
    _check_query(query)
    with _connected(database) as connection:
        try:
            # Nullable types and Decimals keep whole numbers exact where some are missing.
            exact: dict[str, Any] = {"dtype_backend": "numpy_nullable", "coerce_float": False}
            frame = plain_frame(pd.read_sql(query, connection, **exact))
        except _troubles() as error:
            raise _refused(error, database) from error
    return Table(frame, "sql", database, query)


def _connected(database: str) -> AbstractContextManager[Any]:
    """Connect to a database by its path or URL; a SQLite file is opened read-only by both."""
    if "://" not in database:
        return _by_file(database)
    url = _url(database)
    return _by_file(url.database or "") if url.get_backend_name() == "sqlite" else _by_url(url)


def _url(database: str) -> Any:
    """Return SQLAlchemy's reading of a URL that holds no password."""
    if not has_sqlalchemy():
        raise DataError(
            "A database by its URL is read through SQLAlchemy, which is not installed.",
            hint=f"{INSTALL}.",
            code="no-sqlalchemy",
            where="database",
        )
    library = import_module("sqlalchemy")
    try:
        url = library.make_url(database)
    except (library.exc.ArgumentError, ValueError):
        raise DataError(
            "The URL of the database cannot be read.",  # and not shown: it may hold a password
            hint="a URL such as postgresql://host/name.",
            code="bad-url",
            where="database",
        ) from None
    if url.password or any(_SECRET.match(f"{key}={value}") for key, value in url.query.items()):
        raise DataError(
            "The URL holds a password, which the record and the code of a run would show.",
            hint="leave it out, and store it where the driver finds it, as in ~/.pgpass.",
            code="password",
            where="database",
        )
    return url


@contextmanager
def _by_file(database: str) -> Iterator[sqlite3.Connection]:
    path = Path(database).expanduser()
    if not database or not path.is_file():
        raise DataError(
            f'There is no SQLite file "{database}".' if database else "The database has no name.",
            hint="the path of a SQLite file, or a URL such as postgresql://host/name.",
            code="no-database",
            where=database,
        )
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        yield connection


@contextmanager
def _by_url(url: Any) -> Iterator[Any]:
    """Connect through SQLAlchemy; all effects of the query are rolled back."""
    library = import_module("sqlalchemy")
    try:
        engine = library.create_engine(url)
        try:
            with engine.connect() as connection:
                # Without parameters a driver does not interpret the % of a query.
                yield connection.execution_options(postgresql_readonly=True, no_parameters=True)
                connection.rollback()
        finally:
            engine.dispose()
    except _troubles() as error:
        raise _refused(error, str(url)) from error


def _check_query(query: str) -> None:
    if _READS.match(query):
        return
    first = query.split(maxsplit=1)[0].upper() if query else "nothing"
    raise DataError(
        f"A query reads rows; this one begins with {first}.",
        hint="one statement that begins with SELECT, WITH or VALUES.",
        code="not-a-query",
        where="query",
    )


def _troubles() -> tuple[type[Exception], ...]:
    """Return the errors of the libraries that read a database, and those not wrapped by drivers."""
    known = (pd.errors.DatabaseError, sqlite3.Error, sqlite3.Warning)
    bare = (ImportError, TypeError, ValueError)
    if not has_sqlalchemy():
        return (*known, *bare)
    return (*known, *bare, import_module("sqlalchemy").exc.SQLAlchemyError)


def _refused(error: Exception, database: str) -> DataError:
    """Return the error with the database's message, without the query that libraries repeat."""
    cause = getattr(error, "orig", None) or error.__cause__ or error
    reason = (str(cause).strip() or type(cause).__name__).splitlines()[0].rstrip(".")
    return DataError(
        f'"{database}" answers: {reason}.',
        hint="check the names of tables and columns, and try the query in the database's own tool.",
        code="bad-query",
        where="query",
    )
