"""Text files as people have them: what is read is the frame that was written, or a refusal."""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.sources import open_data, read_csv
from workbench.errors import DataError, OptionError
from workbench.estimation.specification import DataReference


@pytest.fixture
def frame():
    """Twelve rows: whole numbers, decimals beyond a thousand, and text."""
    rng = np.random.default_rng(12)
    return pd.DataFrame(
        {
            "id": np.arange(12),
            "pay": np.round(3000 + 900 * rng.normal(size=12), 2),
            "town": np.array(["Genf", "Bern", "Zug"])[np.arange(12) % 3],
        }
    )


@dataclass
class Folder:
    """A folder in which a test writes a file and reads it."""

    path: object

    def read(self, content, name="a.csv", encoding="utf-8", **options):
        (self.path / name).write_bytes(content.encode(encoding))
        return read_csv(self.path / name, **options)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def same(table, frame):
    """Compare values, whatever the types that hold them."""
    pd.testing.assert_frame_equal(
        table.to_frame(), frame, check_dtype=False, check_column_type=False
    )


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
def test_columns_are_divided_by_the_separator_of_the_file(folder, frame, separator):
    same(folder.read(frame.to_csv(index=False, sep=separator)), frame)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt", "A.CSV"])
def test_the_suffix_does_not_decide_the_separator(folder, frame, name):
    same(folder.read(frame.to_csv(index=False, sep=";"), name), frame)


@pytest.mark.parametrize("spelled", ["utf-8", "UTF-8", "utf8", "utf-8-sig"])
def test_a_named_encoding_has_many_spellings_and_its_mark_is_no_letter(folder, spelled):
    marked = "name,x\nä,1\n"
    named = pd.DataFrame({"name": ["ä"], "x": [1]})

    for written in ("utf-8", "utf-8-sig"):
        (folder.path / "named.csv").write_bytes(marked.encode(written))
        same(wb.read_csv(folder.path / "named.csv", encoding=spelled), named)

    (folder.path / "named.csv").write_bytes(marked.encode("latin-1"))
    with pytest.raises(DataError, match=f"cannot be read in the encoding {spelled}"):
        wb.read_csv(folder.path / "named.csv", encoding=spelled)


@pytest.mark.parametrize("content", [b"a\0,b\n1,2", b"a,b\n1,\0\n", b"a,b\n1,2\n" * 99 + b"\0,1\n"])
def test_bytes_with_an_empty_one_among_them_are_not_text(folder, content):
    (folder.path / "odd.csv").write_bytes(content)

    with pytest.raises(DataError, match="it is not text"):
        wb.read_csv(folder.path / "odd.csv")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"]
)
def test_the_encoding_is_found(folder, frame, encoding):
    named = frame.rename(columns={"town": "größe"})

    same(folder.read(named.to_csv(index=False), encoding=encoding), named)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(folder, frame, ends):
    same(folder.read(frame.to_csv(index=False, lineterminator=ends)), frame)


def test_a_compressed_file_is_read(tmp_path, frame):
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write(frame.to_csv(index=False))

    same(open_data(tmp_path / "a.csv.gz"), frame)


def test_a_decimal_comma_in_one_column_counts_for_the_file(folder):
    table = folder.read("a;b;c\n1,5;1.234;1,250\n2,75;12.000;2,000\n")

    same(table, pd.DataFrame({"a": [1.5, 2.75], "b": [1234, 12000], "c": [1.25, 2.0]}))
    assert "decimal comma" in table.reading.note


@pytest.mark.parametrize("mark", [",", " ", "'", "\u00a0", "\u202f", "’"])
def test_marks_between_thousands_are_understood(folder, frame, mark):
    pay = [f"{value:,.2f}".replace(",", mark) for value in frame["pay"]]

    same(folder.read(frame.assign(pay=pay).to_csv(index=False)), frame)


def test_european_excel_is_read(folder, frame):
    pay = [f"{v:,.2f}".translate(str.maketrans(",.", ".,")) + " €" for v in frame["pay"]]
    table = folder.read("sep=;\r\n" + frame.assign(pay=pay).to_csv(index=False, sep=";"))

    same(table, frame)
    assert table.reading.note == "Read with: decimal comma; thousands points; € left out."


@pytest.mark.parametrize("text", ['a,b\n"1,234",5\n"2,500",6\n', "a;b\n1.234;5\n2.500;6\n"])
def test_a_mark_without_evidence_is_refused_with_both_readings(folder, text):
    with pytest.raises(DataError, match=r'a has two readings: "1.234" in row 0 is 1234 or 1\.234'):
        folder.read(text)


@pytest.mark.parametrize(("decimal", "value"), [(",", 1.234), (".", 1234)])
def test_the_decimal_mark_may_be_given(folder, decimal, value):
    table = folder.read('a,b\n"1,234",5\n', decimal=decimal)

    assert table.to_frame()["a"].tolist() == [value]
    assert table.reading.options == {"decimal": decimal}


def test_decimal_commas_with_gaps_are_numbers_in_every_part_of_a_large_file(folder):
    numbers = np.where(np.arange(120_000) % 7 == 3, np.nan, np.arange(120_000) / 8)
    text = pd.DataFrame({"x": numbers, "k": 1}).to_csv(index=False, sep=";", decimal=",")

    np.testing.assert_array_equal(folder.read(text).column("x"), numbers)


def test_percent_signs_leave_the_number_before_them(folder):
    table = folder.read("a,b\n12 %,1\n7.5 %,2\n")

    assert table.to_frame()["a"].tolist() == [12, 7.5]
    assert "percent" in table.reading.note


@pytest.mark.parametrize("head", ["id,pay,town", "id,pay,town,"])
def test_a_separator_at_the_end_of_rows_shifts_no_column(folder, frame, head):
    rows = frame.to_csv(index=False, header=False).replace("\n", ",\n")
    table = folder.read(f"{head}\n{rows}")

    same(table, frame)
    assert "separator at the end" in table.reading.note


def test_a_separator_at_the_end_of_the_heading_alone_shifts_no_column(folder, frame):
    same(folder.read(frame.to_csv(index=False).replace("town\n", "town,\n")), frame)


def test_a_value_behind_a_trailing_separator_is_refused(folder):
    rows = "1,2,\n" * 1200 + "1,2,3\n"

    with pytest.raises(DataError, match="has 3 columns where the heading has 2"):
        folder.read(f"a,b\n{rows}")


@pytest.mark.parametrize(
    "above",
    ["Income in 2019\n", "Income, by town\nSource: a, b, c and d\n\n", "# made by R\n#\n", ",,\n"],
)
def test_lines_above_the_heading_are_skipped(folder, frame, above):
    same(folder.read(above + frame.to_csv(index=False)), frame)


def test_skipped_lines_are_counted(folder, frame):
    table = folder.read("Title\nSource\n" + frame.to_csv(index=False))

    assert table.reading.note == "Read with: 2 lines skipped."


def test_comments_between_rows_are_skipped_and_counted(folder):
    table = folder.read("a,b\n1,2\n# checked until here\n3,4\n")

    same(table, pd.DataFrame({"a": [1, 3], "b": [2, 4]}))
    assert "1 comment line skipped" in table.reading.note


def test_blank_lines_are_no_rows(folder, frame):
    same(folder.read("\n\n" + frame.to_csv(index=False).replace("\n", "\n\n")), frame)


@pytest.mark.parametrize("name", ["wage, hourly", "Income, net, EUR", "size; cm", 'the "new" one'])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_headings_may_hold_separators_and_quotes(folder, frame, name, separator):
    named = frame.rename(columns={"pay": name})

    same(folder.read(named.to_csv(index=False, sep=separator)), named)


def test_texts_may_hold_separators_and_line_ends(folder):
    written = pd.DataFrame({"a": ["x, y", "two\nlines", 'say "so"'], "b": [1, 2, 3]})

    same(folder.read(written.to_csv(index=False)), written)


def test_columns_of_one_name_are_refused(folder):
    with pytest.raises(DataError, match="same name: x") as caught:
        folder.read("y,x,x\n1,2,3\n")

    assert caught.value.code == "duplicate-names"


@pytest.mark.parametrize(("row", "line"), [("1,2,3", 4), ("1", 4)])
def test_a_row_of_another_length_is_refused_with_its_line(folder, row, line):
    with pytest.raises(DataError, match=f'Line {line} of "a.csv" does not have 2 columns'):
        folder.read(f"a,b\n1,2\n3,4\n{row}\n5,6\n")


def test_unquoted_decimal_commas_among_commas_are_refused(folder):
    with pytest.raises(DataError, match="does not have 2 columns"):
        folder.read("y,x\n1,5,2\n2,5,3\n1,7,4\n")


@pytest.mark.parametrize("separator", [" ", ",", "\t"])
def test_the_row_names_of_write_table_are_a_column(folder, separator):
    rows = [("1", "Bern", "1.5"), ("2", "Zug", "2.5")]
    lines = ['"town" "x"', *(f'"{a}" "{b}" {c}' for a, b, c in rows)]
    table = folder.read("\n".join(lines).replace(" ", separator))

    assert table.names == ("rownames", "town", "x")
    assert table.to_frame()["x"].tolist() == [1.5, 2.5]
    assert "rownames" in table.reading.note


@pytest.mark.parametrize("names", [("101", "7", "33"), ("row 1", "b", "12"), ("1990", "1991", "x")])
def test_quoted_row_names_may_be_numbers_of_a_part_of_the_rows(folder, names):
    lines = ['"town" "x"', *(f'"{name}" "Zug" {i}.5' for i, name in enumerate(names))]
    table = folder.read("\n".join(lines))

    assert table.names == ("rownames", "town", "x")
    assert table.column("x").tolist() == [0.5, 1.5, 2.5]


def test_na_without_quotes_among_quoted_texts_is_missing_as_in_r(folder):
    table = folder.read('"c","x"\n"ZA",1\nNA,2\n"NA",3\n')

    assert table.column("c").isna().tolist() == [False, True, False]
    assert "1 row with NA without quotes" in table.reading.columns["c"]


@pytest.mark.parametrize("word", ["NA", "None", "nan", "null", "N/A"])
def test_words_for_missing_stay_text_in_a_column_of_text(folder, word):
    table = folder.read(f"c,x\n{word},1\nZA,2\n{word},3\n")

    assert table.column("c").tolist() == [word, "ZA", word]
    assert f'"{word}" in 2 rows' in table.reading.columns["c"]


@pytest.mark.parametrize(
    "word", ["NA", "nan", ".", "#N/A", "-", ".a", ".A", "._", "\\N", ":", "(null)", "[NULL]", "…"]
)
def test_words_for_missing_are_missing_and_counted_in_a_column_of_numbers(folder, word):
    table = folder.read(f"c,x\n7,1\n{word},2\n9,3\n")

    assert table.column("c").isna().tolist() == [False, True, False]
    assert table.column("c").dropna().tolist() == [7, 9]
    assert f'"{word}" in 1 row' in table.reading.columns["c"]


@pytest.mark.parametrize("word", ["\\N", "(null)", "[NULL]", "<null>", " ", "   "])
def test_marks_of_databases_and_blanks_are_missing_in_text_too(folder, word):
    table = folder.read(f"c,x\nDE,1\n{word},2\nFR,3\n")

    assert table.column("c").isna().tolist() == [False, True, False]
    assert table.reading.columns["c"] == f'c is missing where the file has "{word}" in 1 row.'


def test_the_first_odd_cell_of_a_file_is_none_that_stands_for_a_missing_value(folder):
    table = folder.read("y,x\n1,.\n2,5\n3,189 b\n4,7\n5,8\n")

    with pytest.raises(DataError, match="row 2 has '189 b'"):
        wb.fit("ols", "y ~ x", table)


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["$(5.50)", "$1,200.00"], [-5.5, 1200]),
        (["($5.50)", "$12.00"], [-5.5, 12]),
        (["€ (5,50)", "€ 12,00"], [-5.5, 12]),
        (["-$5.50", "$ 12.00"], [-5.5, 12]),
    ],
)
def test_currency_signs_may_stand_outside_parentheses(folder, cells, numbers):
    table = folder.read("x;y\n" + "".join(f"{cell};1\n" for cell in cells))

    assert table.column("x").tolist() == numbers


@pytest.mark.parametrize(
    "cells", [["$(1)", "€2", "$3"], ["1 b", "2 p", "3 b"], ["1)", "2)", "4"], ["(1)", "-2", "3"]]
)
def test_numbers_with_marks_that_cannot_be_read_are_no_levels(folder, cells):
    rows = "".join(f"{cell};{i}\n" for i, cell in enumerate(cells * 4))

    with pytest.raises(DataError, match="x holds text where a number is needed"):
        wb.fit("ols", "y ~ x", folder.read(f"x;y\n{rows}"))


@pytest.mark.parametrize(
    ("form", "order"),
    [
        ("%d.%m.%Y", "day, month, year"),
        ("%d/%m/%Y", "day, month, year"),
        ("%d-%m-%Y", "day, month, year"),
        ("%m/%d/%Y", "month, day, year"),
        ("%d%b%Y", "day, month, year"),
        ("%d-%b-%Y", "day, month, year"),
        ("%d.%m.%Y %H:%M", "day, month, year"),
        ("%Y/%m/%d", "year, month, day"),
        ("%Y.%m.%d %H:%M:%S", "year, month, day"),
    ],
)
def test_dates_with_the_year_at_the_end_are_dates(folder, form, order):
    days = pd.date_range("2019-11-28", periods=90)
    table = folder.read(pd.DataFrame({"d": days.strftime(form), "x": 1}).to_csv(index=False))

    assert table.column("d").tolist() == days.tolist()
    assert order in table.reading.columns["d"]


def test_days_and_months_that_a_late_row_tells_apart_are_dates(folder):
    days = [*["01/02/2020"] * 1500, "13/02/2020"]
    table = folder.read("d,x\n" + "".join(f"{day},1\n" for day in days))

    assert table.column("d").iloc[[0, -1]].tolist() == [
        pd.Timestamp("2020-02-01"),
        pd.Timestamp("2020-02-13"),
    ]


def test_days_and_months_that_no_row_tells_apart_stay_text_with_a_note(folder):
    table = folder.read("d,x\n01/02/2020,1\n03/04/2020,2\n")

    assert table.column("d").tolist() == ["01/02/2020", "03/04/2020"]
    assert '"01/02/2020" may be day and month or month and day' in table.reading.columns["d"]


@pytest.mark.parametrize("cell", ["31.02.2020", "1.2/2020", "12foo2020", "1.2.3"])
def test_a_text_that_is_no_date_keeps_the_column_text(folder, cell):
    table = folder.read(f"d,x\n{cell},1\n01.02.2020,2\n")

    assert table.column("d").tolist() == [cell, "01.02.2020"]


@pytest.mark.parametrize("missing", ["-99", ["-99"], [-99]])
def test_words_for_missing_may_be_given(folder, missing):
    table = folder.read("a,b\n1,-99\n2,5\n", missing=missing)

    assert table.column("b").isna().tolist() == [True, False]


@pytest.mark.parametrize(
    "codes", [["01", "1", "02"], ["1E05", "10E04", "2E05"], ["007", "7", "70"], ["1", "00", "0"]]
)
def test_codes_stay_the_texts_that_they_are(folder, codes):
    table = folder.read("c,x\n" + "".join(f"{code},1\n" for code in codes))

    assert table.column("c").tolist() == codes


def test_a_leading_zero_far_down_makes_text(folder):
    codes = [*map(str, range(1, 3000)), "0012"]
    table = folder.read("c\n" + "\n".join(codes))

    assert table.column("c").tolist() == codes


def test_ids_of_nineteen_digits_are_exact_with_gaps_too(folder):
    ids = [9007199254740993, 9223372036854775807]
    table = folder.read(f"i,x\n{ids[0]},1\n,2\n{ids[1]},3\n")

    assert table.column("i").dropna().tolist() == ids


def test_whole_numbers_beyond_64_bits_stay_text(folder):
    ids = ["99999999999999999999", "99999999999999999998"]

    assert folder.read(f"i,x\n{ids[0]},1\n{ids[1]},3\n").column("i").tolist() == ids


def test_whole_numbers_with_a_gap_stay_whole(folder):
    table = folder.read("k,x\n3,1\n,2\n")

    assert str(table.column("k").dtype) == "Int64"


@pytest.mark.parametrize(("yes", "no"), [("True", "False"), ("TRUE", "FALSE"), ("true", "false")])
def test_true_and_false_are_booleans(folder, yes, no):
    table = folder.read(f"a,b\n{yes},{no}\n{no},\n")

    assert table.column("a").tolist() == [True, False]
    assert table.column("b").isna().tolist() == [False, True]


@pytest.mark.parametrize("time", ["", " 10:30", "T10:30:15", " 10:30:15.250000"])
def test_iso_dates_become_dates(folder, time):
    texts = [f"2020-02-29{time}", f"1950-01-01{time}"]
    table = folder.read(f"d,x\n{texts[0]},1\n{texts[1]},2\n,3\n")

    assert table.column("d").dropna().tolist() == [pd.Timestamp(text) for text in texts]
    assert table.column("d").isna().tolist() == [False, False, True]


def test_a_day_that_does_not_exist_leaves_text(folder):
    assert folder.read("d\n2020-02-30\n2020-02-28\n").column("d").tolist()[0] == "2020-02-30"


def test_a_footnote_leaves_text_and_the_note_shows_it(folder):
    table = folder.read("a,b\n1,.189*\n2,.2\n3,.4\n")

    assert table.column("b").tolist() == [".189*", ".2", ".4"]
    assert table.reading.columns["b"] == 'b is text: row 0 has ".189*".'


def test_columns_may_be_kept_as_text(folder):
    table = folder.read("zip,x\n1234,1\n5678,2\n", text=["zip"])

    assert table.column("zip").tolist() == ["1234", "5678"]


def test_a_file_without_a_heading_gets_names(folder):
    same(folder.read("1,2\n3,4\n", header=False), pd.DataFrame({"x1": [1, 3], "x2": [2, 4]}))


def test_numbers_that_name_the_columns_are_said(folder):
    assert '"1990"' in folder.read("1990,1991\n3,4\n").reading.note


def test_the_index_that_pandas_writes_is_a_column(folder, frame):
    table = folder.read(frame.to_csv())

    assert table.names[0] == "Unnamed: 0"
    assert "Unnamed: 0" in table.reading.note


def test_blanks_line_columns_up(folder):
    same(
        folder.read("   a     b\n   1   2.5\n  10   3.0\n"),
        pd.DataFrame({"a": [1, 10], "b": [2.5, 3.0]}),
    )


@pytest.mark.parametrize(
    ("options", "where"), [({"decimal": "x"}, "decimal"), ({"delimiter": ";"}, "delimiter")]
)
def test_unknown_options_are_refused_by_name(folder, options, where):
    with pytest.raises(OptionError) as caught:
        folder.read("a,b\n1,2\n", **options)

    assert caught.value.where == where


def test_a_plain_file_needs_no_words(folder, frame):
    table = folder.read(frame.to_csv(index=False))

    assert (table.reading.note, table.reading.columns) == ("", {})
    assert table.reading.form == ("commas between columns", "UTF-8")


def test_a_fit_notes_how_its_file_was_read_and_its_code_repeats_the_options(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    x = np.round(rng.normal(size=40), 3)
    y = np.round(1 + 2 * x + rng.normal(size=40), 3)
    lines = [f"{a};{b}".replace(".", ",") for a, b in zip(y, x, strict=True)]
    (tmp_path / "a.csv").write_text("Title\ny;x\n" + "\n".join(lines))

    fit = wb.fit("ols", "y ~ x", wb.read_csv("a.csv", decimal=","))

    slope = np.polyfit(x, y, 1)[0]
    np.testing.assert_allclose(fit.params["x"], slope, rtol=1e-9)
    assert "Read with: decimal comma; 1 line skipped." in fit.notes
    assert 'wb.read_csv("a.csv", decimal=",")' in str(fit.code())


def test_a_record_opens_the_file_again_with_its_options(folder):
    table = folder.read('a,b\n"1,234",5\n', decimal=",")
    reference = DataReference("file", table.reference_name, options=dict(table.reading.options))
    recorded = DataReference(**json.loads(json.dumps(asdict(reference))))

    again = open_data(recorded)

    assert again.column("a").tolist() == [1.234]
