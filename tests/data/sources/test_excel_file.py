"""Excel workbooks: what is read is the frame that openpyxl wrote."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

import workbench as wb
from workbench.data.sources import open_data
from workbench.errors import DataError

openpyxl = pytest.importorskip("openpyxl")


def written(path, *rows, sheets=("Data",)):
    book = openpyxl.Workbook()
    book.active.title = sheets[0]
    for title in sheets[1:]:
        book.create_sheet(title)
    for row in rows:
        book.active.append(row)
    book.save(path / "a.xlsx")
    return open_data(path / "a.xlsx")


def test_cells_keep_their_types_and_whole_numbers_with_gaps_stay_whole(tmp_path):
    day = dt.datetime(2020, 2, 29)
    table = written(tmp_path, ["k", "x", "t", "d", "b"], [1, 1.5, "u", day, True], [None, 2, "v"])

    assert str(table.column("k").dtype) == "Int64"
    assert table.column("x").tolist() == [1.5, 2]
    assert table.column("t").tolist() == ["u", "v"]
    assert table.column("d").tolist()[0] == pd.Timestamp(day)
    assert table.column("b").isna().tolist() == [False, True]


def test_titles_are_skipped_and_the_sheet_is_named(tmp_path):
    table = written(tmp_path, ["Income"], [], ["a", "b", "c"], [1, 2, 3], sheets=("Data", "Notes"))

    assert table.names == ("a", "b", "c")
    assert table.reading.note == 'Read with: sheet "Data", the first of 2; 1 line skipped.'


def test_numbers_as_text_are_read_with_their_marks(tmp_path):
    table = written(tmp_path, ["a", "c"], ["1,5", "01"], ["2,25", "1"])

    assert table.column("a").tolist() == [1.5, 2.25]
    assert table.column("c").tolist() == ["01", "1"]


def test_errors_of_excel_are_missing(tmp_path):
    assert written(tmp_path, ["a", "b"], ["#N/A", 1], [2, 3]).column("a").isna().tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize("error", ["#N/A", "#DIV/0!", "#VALUE!"])
def test_errors_of_excel_are_counted_by_column(tmp_path, error):
    table = written(tmp_path, ["a", "b"], [error, 1], [2, 3], [error, 4])

    said = table.reading.columns

    assert said == {"a": f"a is missing where the workbook has {error} in 2 rows."}


def test_ids_that_excel_has_rounded_are_said_and_ids_as_text_are_exact(tmp_path):
    ids = [10**18, 10**18 + 1]
    table = written(tmp_path, ["a", "b", "c"], *[[i, str(i), 12] for i in ids])

    assert "more than 15 digits" in table.reading.columns["a"]
    assert table.column("b").tolist() == ids
    assert set(table.reading.columns) == {"a"}


def test_dates_next_to_their_texts_are_no_levels(tmp_path):
    rows = [[float(i), day] for i in range(6) for day in (dt.datetime(2020, 1, 1), "2020-01-01")]
    table = written(tmp_path, ["y", "d"], *rows)

    with pytest.raises(DataError, match="d mixes 6 dates and 6 texts, such as '2020-01-01'"):
        wb.fit("ols", "y ~ C(d)", table)


def test_headings_of_one_name_are_refused(tmp_path):
    with pytest.raises(DataError, match="same name: x"):
        written(tmp_path, ["x", "x"], [1, 2])


def test_json_lines_are_records(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": 1, "t": "01"}\n\n{"a": 2, "t": "1"}\n')

    frame = open_data(tmp_path / "a.jsonl").to_frame()

    assert (frame["a"].tolist(), frame["t"].tolist()) == ([1, 2], ["01", "1"])


def test_a_line_that_is_no_json_is_named(tmp_path):
    (tmp_path / "a.ndjson").write_text('{"a": 1}\n{"a": \n')

    with pytest.raises(DataError, match="line 2"):
        open_data(tmp_path / "a.ndjson")


@pytest.mark.parametrize(
    "text",
    [
        '{"columns": ["i", "x"], "index": [0, 1], "data": [[9007199254740993, 1], [null, 2]]}',
        '{"data": [{"i": 9007199254740993, "x": 1}, {"x": 2}], "total": 2}',
        '{"i": {"0": 9007199254740993, "1": null}, "x": {"0": 1, "1": 2}}',
        '{"i": [9007199254740993, null], "x": [1, 2]}',
    ],
)
def test_json_may_have_records_rows_and_columns(tmp_path, text):
    (tmp_path / "a.json").write_text(text)

    frame = open_data(tmp_path / "a.json").to_frame()

    assert frame["i"].dropna().tolist() == [9007199254740993]
    assert frame["x"].tolist() == [1, 2]


@pytest.mark.parametrize("text", ["[1, 2]", "3", '"a"', '[{"a": 1}, 2]'])
def test_json_without_records_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)

    with pytest.raises(DataError, match="not a list of records"):
        open_data(tmp_path / "a.json")


def test_another_sheet_is_read_by_its_name(tmp_path):
    written(tmp_path, ["a"], [1], sheets=("Data", "2019"))
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    for row in (["b", "c"], [5, "u"], [6, "v"]):
        book["2019"].append(row)
    book.save(tmp_path / "a.xlsx")

    table = wb.read_excel(tmp_path / "a.xlsx", sheet="2019")

    assert table.column("b").tolist() == [5, 6]
    assert table.reading.note == 'Read with: sheet "2019" of 2.'
    assert table.reading.options == {"sheet": "2019"}


def test_a_sheet_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    written(tmp_path, ["a"], [1], sheets=("Data", "Notes"))

    with pytest.raises(DataError, match='no sheet "Dta"') as refused:
        wb.read_excel(tmp_path / "a.xlsx", sheet="Dta")

    assert refused.value.hint == "one of Data, Notes."
