"""A query of a database is read, and only read."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.sources import open_data, sql
from workbench.errors import DataError
from workbench.estimation.code import magic_cell, python_call
from workbench.estimation.specification import DataReference


@pytest.fixture
def wages(tmp_path):
    """Write a database of 40 seeded wages, and return its path."""
    draws = np.random.default_rng(5).normal(size=(40, 2))
    frame = pd.DataFrame({"wage": draws[:, 0] + draws[:, 1], "educ": draws[:, 1]})
    path = tmp_path / "my wages.db"
    with closing(sqlite3.connect(path)) as connection:
        frame.to_sql("wages", connection, index=False)
        connection.commit()
    return path, frame


def test_the_rows_of_a_query_are_those_of_the_database(wages):
    path, frame = wages

    table = wb.read_sql("SELECT * FROM wages WHERE educ > 0;", path)

    expected = frame[frame.educ > 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(table.to_frame(), expected, check_column_type=False)
    assert (table.reference_kind, table.reference_name) == ("sql", str(path))


def test_a_reference_reads_its_query_again(wages):
    path, _ = wages
    asked = DataReference("sql", str(path), query="SELECT wage FROM wages")

    assert open_data(asked).names == ("wage",)


def test_the_code_of_a_run_reads_the_same_rows(wages):
    path, _ = wages
    fit = wb.fit("ols", "wage ~ educ", wb.read_sql("SELECT * FROM wages", path))
    scope = {}

    exec(python_call(fit.specification), scope)

    assert scope["fit"].params.tolist() == fit.params.tolist()
    assert '--sql "SELECT * FROM wages"' in magic_cell(fit.specification)


@pytest.mark.parametrize("query", ["DELETE FROM wages", "PRAGMA user_version = 1", "", "ATTACH x"])
def test_a_statement_that_does_not_read_is_refused(wages, query):
    with pytest.raises(DataError, match="A query reads rows") as caught:
        wb.read_sql(query, wages[0])

    assert caught.value.code == "not-a-query"


def test_a_second_statement_does_not_run(wages):
    path, frame = wages

    with pytest.raises(DataError):
        wb.read_sql("SELECT 1; DELETE FROM wages", path)

    assert wb.read_sql("SELECT * FROM wages", path).nrows == len(frame)


def test_a_statement_that_writes_behind_a_with_finds_the_file_read_only(wages):
    path, frame = wages

    with pytest.raises(DataError):
        wb.read_sql("WITH a AS (SELECT 1) DELETE FROM wages", path)

    assert wb.read_sql("SELECT * FROM wages", path).nrows == len(frame)


def test_an_unknown_table_is_reported_with_the_message_of_the_database(wages):
    with pytest.raises(DataError, match="answers: no such table: wage\\.") as caught:
        wb.read_sql("SELECT * FROM wage", wages[0])

    assert caught.value.code == "bad-query"


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "text.db"
    path.write_text("not a database, but long enough to have a header " * 40, encoding="utf-8")

    with pytest.raises(DataError, match="file is not a database"):
        wb.read_sql("SELECT * FROM wages", path)


def test_a_missing_file_is_refused_and_not_made(tmp_path):
    with pytest.raises(DataError, match="There is no SQLite file") as caught:
        wb.read_sql("SELECT 1", tmp_path / "none.db")

    assert caught.value.code == "no-database"
    assert not (tmp_path / "none.db").exists()


def test_a_url_without_sqlalchemy_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sql, "has_sqlalchemy", lambda: False)

    with pytest.raises(DataError, match="SQLAlchemy, which is not installed") as caught:
        wb.read_sql("SELECT 1", "postgresql://host/name")

    command = "pip install 'mle-workbench[sql]'"
    assert caught.value.hint == f"{command}, and the driver of your database."


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@host/name",
        "postgresql://me:sec/ret#1@host/name",
        "postgresql://me:sec?ret@host/name",
        "postgresql://host/name?password=secret",
        "postgresql:///?dsn=host%3Dx password%3Dsecret",
        "mysql://host/name?passwd=secret",
        "mssql+pyodbc://host/name?driver=x&PWD=secret",
        "mssql+pyodbc:///?odbc_connect=Driver%3Dx%3BPWD%3Dsecret",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_repeated(url):
    pytest.importorskip("sqlalchemy")

    with pytest.raises(DataError, match="holds a password") as caught:
        wb.read_sql("SELECT 1", url)

    assert caught.value.code == "password"
    assert "sec" not in str(caught.value)


def test_a_path_among_the_options_of_a_url_is_no_password():
    pytest.importorskip("sqlalchemy")

    with pytest.raises(DataError, match="answers: ") as caught:
        wb.read_sql("SELECT 1", "postgresql://127.0.0.1:1/x?sslrootcert=/run/secrets/a.pem")

    assert caught.value.code == "bad-query"


def test_a_url_that_cannot_be_read_is_not_repeated_either():
    pytest.importorskip("sqlalchemy")

    with pytest.raises(DataError, match="cannot be read") as caught:
        wb.read_sql("SELECT 1", "post gresql://me:secret@host/name")

    assert "secret" not in str(caught.value)


def test_a_sqlite_file_by_its_url_is_opened_read_only(wages):
    pytest.importorskip("sqlalchemy")
    path, frame = wages

    table = wb.read_sql("SELECT wage FROM wages", f"sqlite:///{path}")
    with pytest.raises(DataError, match="readonly database"):
        wb.read_sql("WITH a AS (SELECT 1) DELETE FROM wages RETURNING wage", f"sqlite:///{path}")

    assert table.column("wage").tolist() == frame["wage"].tolist()


def test_a_missing_sqlite_file_by_its_url_is_refused_and_not_made(tmp_path):
    pytest.importorskip("sqlalchemy")

    with pytest.raises(DataError, match="There is no SQLite file"):
        wb.read_sql("SELECT 1", f"sqlite:///{tmp_path / 'typo.db'}")

    assert not (tmp_path / "typo.db").exists()


@pytest.fixture
def other(wages):
    """Serve the wages as another database, whose driver fills in ``%s`` as psycopg2 does."""
    library = pytest.importorskip("sqlalchemy")
    from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

    class Other(SQLiteDialect_pysqlite):
        name, supports_statement_cache, closed = "other", True, 0

        def do_begin(self, dbapi_connection):
            dbapi_connection.execute("BEGIN")

        def do_execute(self, cursor, statement, parameters, context=None):
            cursor.execute(statement % tuple(parameters))

        def do_close(self, dbapi_connection):
            Other.closed += 1
            super().do_close(dbapi_connection)

    library.dialects.registry.impls["other"] = lambda: Other
    yield f"other:///{wages[0]}", Other
    del library.dialects.registry.impls["other"]


def test_a_url_is_read_through_sqlalchemy_and_its_connection_closed(wages, other):
    url, dialect = other

    table = wb.read_sql("SELECT wage FROM wages", url)

    assert table.column("wage").tolist() == wages[1]["wage"].tolist()
    assert dialect.closed == 1


def test_what_another_database_writes_is_rolled_back(wages, other):
    path, frame = wages

    gone = wb.read_sql("WITH a AS (SELECT 1) DELETE FROM wages RETURNING wage", other[0])

    assert gone.nrows == wb.read_sql("SELECT * FROM wages", path).nrows == len(frame)


def test_a_percent_sign_in_a_query_is_left_as_it_is(other):
    table = wb.read_sql("SELECT '5%' AS share, 7 % 4 AS rest WHERE 'ab' LIKE 'a%'", other[0])

    assert table.to_frame().to_numpy().tolist() == [["5%", 3]]


def test_an_error_that_the_driver_does_not_wrap_is_reported_in_a_sentence(other, monkeypatch):
    def refuse(*_):
        raise TypeError("not enough arguments for format string")

    monkeypatch.setattr(other[1], "do_execute_no_params", refuse)

    with pytest.raises(DataError, match="answers: not enough arguments for format string"):
        wb.read_sql("SELECT 1", other[0])
