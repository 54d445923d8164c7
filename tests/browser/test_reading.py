"""A file on the Setup page: what was decided in reading it, its first rows, and other readings."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.opened import see
from tests.browser.test_looks import OUTSIDE

pytestmark = pytest.mark.browser

FILES = """\
from pathlib import Path
import workbench as wb

towns = ["Aix-en-Provence, on the road to Marseille", "Albi", "Angers", "Arras", "Auch", "Autun"]
rows = [f"{8 + i % 5},{i % 9}5;{9 + i % 7};{towns[i % 6]};{i % 4};0;1;2;3;4;5;6" for i in range(60)]
head = "Wages of 2019\\n\\nwage;educ;town;kids;x1;x2;x3;x4;x5;x6;x7\\n"
Path("wages.csv").write_text(head + "\\n".join(rows))
marks = [f'"{1 + i % 5},{100 + 7 * i}",{9 + i % 7}' for i in range(60)]
Path("rents.csv").write_text("rent,rooms\\n" + "\\n".join(marks))
page = wb.Workbench()
page
"""


@pytest.fixture
def view(opened):
    """Open a workbench beside two text files, and show the code."""
    view = opened(FILES, shared=False)  # a kernel of its own is in the folder of the notebook
    view.run()
    view.widget.get_by_role("radio", name="File").click()
    view.widget.get_by_role("button", name="Show as code").click()
    return view


def choose(view, name):
    view.widget.get_by_label("File", exact=True).select_option(name)


def python(view):
    return view.widget.get_by_label("Python", exact=True)


def rows(view):
    return view.widget.get_by_role("group", name="First rows")


def test_what_was_decided_and_the_first_rows_are_shown_and_another_reading_keeps_the_formula(view):
    choose(view, "wages.csv")
    see(view.widget, "Semicolons between columns, decimal comma, 1 line skipped, UTF-8.")
    see(rows(view), "8.05")
    expect(rows(view).get_by_role("row")).to_have_count(6)
    town = rows(view).get_by_role("cell", name=re.compile("Aix"))
    expect(town.first).to_have_attribute("title", "Aix-en-Provence, on the road to Marseille")
    view.formula.fill("educ ~ kids")

    view.widget.locator("summary", has_text="Reading").click()
    view.widget.get_by_label("Decimal mark").select_option("point .")

    see(rows(view), "8,05")
    see(view.widget, "Semicolons between columns, 1 line skipped, UTF-8.")
    see(view.widget, "Reading (1 set)")
    see(python(view), 'wb.read_csv("wages.csv", decimal=".")')
    see(view.widget.get_by_label("Cell magic"), '--read "decimal=."')
    expect(view.formula).to_have_value("educ ~ kids")
    view.fit_width(490)
    assert view.widget.evaluate(OUTSIDE) == []


def test_a_column_with_two_readings_is_refused_at_the_decimal_mark_which_decides(view):
    choose(view, "rents.csv")
    decimal = view.widget.get_by_label("Decimal mark")

    expect(decimal).to_have_attribute("aria-invalid", "true")
    see(view.widget.locator(".opt .bad"), "1100 or 1.100")
    see(view.widget, '"1,100",9')
    expect(view.widget.get_by_role("button", name="▶ Run")).to_be_disabled()
    decimal.select_option("comma ,")

    see(rows(view), "2.107")
    expect(decimal).not_to_have_attribute("aria-invalid", "true")
    see(python(view), 'decimal=","')
    expect(view.widget.get_by_role("button", name="▶ Run")).to_be_enabled()
