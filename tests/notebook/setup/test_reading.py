"""A file on the Setup page: what was decided in reading it, and what its fields change."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

import workbench as wb
from workbench.errors import DataError, OptionError
from workbench.notebook.setup import reading
from workbench.notebook.widgets.workbench import Workbench

PATIENCE = 60.0
WAGES = [f"{8 + i % 5},{i % 9}5;{9 + i % 7};{'north' if i % 3 else 'south'}" for i in range(60)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Go to a folder with files that have a decimal comma, two readings, and other encodings."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wages.csv").write_text("\n".join(["From 2019", "", "wage;educ;part", *WAGES]))
    rents = [f'"{1 + i % 5},{100 + 7 * i}",{9 + i % 7}' for i in range(60)]
    (tmp_path / "rents.csv").write_text("\n".join(["rent,rooms", *rents]))
    return tmp_path


@pytest.fixture
def page(here):
    """Open a workbench on the files of the folder."""
    wb.use_store(":memory:")
    page = Workbench()
    say(page, "source", source="file")
    return page


def say(page, kind, **payload):
    page._on_message(page, {"type": kind, **payload}, [])


def reread(page, name, value):
    say(page, "reread", name=name, value=value, serial=1)


def run(page):
    """Press Run and return what was found."""
    say(page, "run", ticket=page.setup["ticket"])
    end = time.monotonic() + PATIENCE
    while page.runs[0]["state"] in {"running", "paused", "stopping"}:
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return page.fit(page.runs[0]["name"])


def test_the_page_says_what_was_decided_and_shows_the_first_rows(page):
    say(page, "data", name="wages.csv")

    shown = page.setup["reading"]

    assert shown["said"] == "Semicolons between columns, decimal comma, 1 line skipped, UTF-8."
    assert shown["columns"] == ["wage", "educ", "part"]
    assert shown["numeric"] == [True, True, False]
    assert shown["rows"][:2] == [["8.05", "9", "south"], ["9.15", "10", "north"]]
    assert len(shown["rows"]) == reading.ROWS_SHOWN
    json.dumps(page.setup, allow_nan=False)


def test_every_option_of_the_reader_is_a_field_with_its_default_as_found(page):
    say(page, "data", name="wages.csv")

    fields = {each["name"]: each for each in page.setup["forms"]["reading"]}

    names = {"sep", "decimal", "thousands", "encoding", "skip", "header", "text", "missing"}
    assert fields.keys() == names
    assert all(each["value"] is None and each["help"] for each in fields.values())
    for name in ("sep", "decimal", "thousands", "encoding", "skip", "header"):
        assert [fields[name]["default"], "as found"] in fields[name]["said"]
    assert fields["text"]["names"] == ["wage", "educ", "part"]


@pytest.mark.parametrize(
    ("content", "option", "value", "rows"),
    [
        (b"a|b;c\n1|2;3\n", "sep", "|", [["1", "2;3"]]),
        (b"a;b\n1,5;2\n", "decimal", ".", [["1,5", "2"]]),
        (b"a;b\n1.234;2\n", "thousands", ".", [["1234", "2"]]),
        ("a;b\né;2\n".encode("cp437"), "encoding", "cp437", [["é", "2"]]),
        (b"a;b\nc;d\n1;2\n", "skip", 1, [["1", "2"]]),
        (b"a;b\nc;d\n", "header", "no", [["a", "b"], ["c", "d"]]),
        (b"a;b\n1;2\n", "text", ["a"], [["1", "2"]]),
        (b"a;b\n-99;2\n5;3\n", "missing", "-99", [[None, "2"], ["5", "3"]]),
    ],
)
def test_each_field_reads_the_file_anew(page, here, content, option, value, rows):
    (here / "f.csv").write_bytes(content)
    say(page, "data", name="f.csv")

    reread(page, option, value)

    assert page.setup["reading"]["rows"] == rows
    assert page.setup["code"]["python"].count("wb.read_csv(") == 1
    reread(page, option, None)
    assert "read_csv" not in page.setup["code"]["python"]


@pytest.mark.parametrize(
    ("content", "field", "said", "option", "value", "row"),
    [
        (b'a,b\n"1,234",5\n"2,345",6\n', "decimal", "1234 or 1.234", "decimal", ",", "1.234"),
        (b'a,b\n"1,234",5\n"2,345",6\n', "decimal", "1234 or 1.234", "decimal", ".", "1234"),
        (b'a,b\n"1,234",5\n"2,345",6\n', "decimal", "1234 or 1.234", "text", ["a"], "1,234"),
        (b"a,a\n1,2\n", "", "have the same name", "header", "no", "a"),
        (b"a,b\n1,2,3\n4,5\n6,7\n", "", "Line 2", "sep", ";", "1,2,3"),
    ],
)
def test_a_refused_file_says_so_at_its_field_which_decides(
    page, here, content, field, said, option, value, row
):
    (here / "f.csv").write_bytes(content)

    say(page, "data", name="f.csv")
    refused = page.setup
    reread(page, option, value)

    assert (refused["check"]["of"], refused["check"]["field"]) == ("reading", field)
    assert said in refused["check"]["text"]
    assert not refused["check"]["ok"]
    assert refused["code"]["python"] == ""
    assert refused["reading"]["lines"] == content.decode().splitlines()
    assert page.setup["reading"]["rows"][0][0] == row
    assert page.setup["check"]["of"] != "reading"


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("skip", "three", "the option skip is 'three'"),
        ("skip", -1, "the option skip is -1"),
        ("sep", "!", 'the option sep is "!"'),
        ("encoding", "latin-11", "cannot be read in the encoding latin-11"),
    ],
)
def test_a_value_that_is_refused_is_shown_at_its_field_and_holds_the_run_back(
    page, option, value, problem
):
    say(page, "data", name="wages.csv")

    reread(page, option, value)
    say(page, "run", ticket=page.setup["ticket"])

    check = page.setup["check"]
    assert (check["of"], check["field"], check["ok"]) == ("reading", option, False)
    assert problem in check["text"]
    assert not page.runs


def test_what_is_chosen_stays_when_the_file_is_read_anew(page):
    say(page, "data", name="wages.csv")
    for field, value in (("formula", "educ ~ wage"), ("se", "robust"), ("template", "ols")):
        say(page, "set", field=field, value=value, serial=1)

    reread(page, "missing", "10")

    chosen = (page.setup["formula"], page.setup["se"], page.setup["template"])
    assert chosen == ("educ ~ wage", "robust", "ols")
    assert page.setup["check"]["left_out"] == sum(row.split(";")[1] == "10" for row in WAGES)


def test_a_first_model_that_nobody_changed_follows_the_columns(page, here):
    (here / "f.csv").write_text("y;x\n" + "\n".join(f"{i % 5}.5;{i}" for i in range(30)))
    say(page, "data", name="f.csv")
    say(page, "set", field="se", value="robust", serial=1)
    formulas = [page.setup["formula"]]

    for separator in (",", None):
        reread(page, "sep", separator)
        formulas.append(page.setup["formula"])

    assert formulas == ["y ~ x", "", "y ~ x"]
    assert page.setup["se"] == "robust"


def test_the_code_of_the_page_gives_its_estimates_and_the_run_says_how_the_file_was_read(page):
    say(page, "data", name="rents.csv")
    reread(page, "decimal", ",")
    say(page, "set", field="template", value="ols", serial=1)
    say(page, "set", field="formula", value="rent ~ rooms", serial=1)
    scope: dict = {}

    exec(page.setup["code"]["python"], scope)
    fit = run(page)

    rent = [1 + i % 5 + (100 + 7 * i) / 1000 for i in range(60)]
    slope = np.polyfit([9 + i % 7 for i in range(60)], rent, 1)[0]
    assert fit.params["rooms"] == pytest.approx(slope, rel=1e-9)  # two ways to least squares
    assert scope["fit"].params["rooms"] == fit.params["rooms"]
    assert fit.specification.data.options == {"decimal": ","}
    assert "Read with: decimal comma." in fit.notes
    assert """--read "decimal=','\"""" in page.setup["code"]["magic"]


def test_edit_in_setup_reads_the_file_as_the_run_did(page):
    say(page, "data", name="rents.csv")
    reread(page, "decimal", ",")
    run(page)
    reread(page, "decimal", ".")

    say(page, "edit", id=page.runs[0]["id"])

    assert page.setup["reading"]["rows"][0] == ["1.1", "9"]
    assert 'decimal=","' in page.setup["code"]["python"]


def test_a_run_is_edited_although_its_file_is_gone(page, here):
    say(page, "data", name="wages.csv")
    run(page)
    say(page, "set", field="formula", value="educ ~ wage", serial=1)
    (here / "wages.csv").unlink()

    say(page, "edit", id=page.runs[0]["id"])

    assert page.setup["formula"] == "wage ~ educ"
    assert page.setup["check"]["ok"]


def test_a_file_that_is_refused_is_dropped_for_other_data(page):
    say(page, "data", name="rents.csv")

    say(page, "source", source="samples")
    say(page, "data", name="mroz")

    assert page.setup["reading"] is None
    assert page.setup["check"]["ok"]


@pytest.mark.parametrize("name", ["nothing.csv", "notes.pdf"])
def test_a_file_that_is_not_there_has_no_fields(here, name):
    with pytest.raises(DataError):
        reading.choose_file(name)


def test_a_file_whose_columns_have_types_has_no_fields_but_first_rows(page, here):
    wb.load("mroz")[["inlf", "educ"]].to_parquet(here / "women.parquet")

    say(page, "data", name="women.parquet")

    assert page.setup["forms"]["reading"] == []
    assert page.setup["reading"]["said"] == ""
    assert page.setup["reading"]["rows"][0] == ["1", "12"]


@pytest.mark.parametrize(("name", "value"), [("colour", "red"), ("text", "a"), ("skip", True)])
def test_a_message_with_an_unknown_option_or_another_type_is_refused(here, name, value):
    file = reading.choose_file("wages.csv")

    with pytest.raises(OptionError):
        reading.with_option(file, name, value)


def test_the_sheet_of_a_workbook_is_a_field(page, here):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for title, rows in (("2018", [["y"], [1]]), ("2019", [["y", "x"], [1, 2], [3, 5], [4, 4]])):
        for row in rows:
            (book[title] if title in book.sheetnames else book.create_sheet(title)).append(row)
    book.remove(book.worksheets[0])
    book.save(here / "a.xlsx")
    say(page, "data", name="a.xlsx")
    first = page.setup

    reread(page, "sheet", "2020")
    refused = page.setup["check"]
    reread(page, "sheet", "2019")

    assert first["reading"]["said"] == 'Sheet "2018", the first of 2.'
    assert [each["name"] for each in first["forms"]["reading"]] == ["sheet"]
    assert (refused["field"], refused["detail"]) == ("sheet", "Try: one of 2018, 2019.")
    assert page.setup["reading"]["rows"] == [["1", "2"], ["3", "5"], ["4", "4"]]
    assert 'wb.read_excel("a.xlsx", sheet="2019")' in page.setup["code"]["python"]
    assert """--read "sheet='2019'\"""" in page.setup["code"]["magic"]
