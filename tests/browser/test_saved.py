"""What stays when the kernel is gone: reopened, untrusted, exported."""

from __future__ import annotations

import json

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from tests.browser.cells import MAGIC, WORKBENCH
from tests.browser.conftest import Watch, visiting
from tests.browser.opened import PATIENCE, see

pytestmark = pytest.mark.browser

VIEW = """\
run = wb.start("logit", "inlf ~ educ + exper", wb.load("mroz"), name="viewed")
run.view()
"""
CELL = "%%mle mroz --model probit --name cell\ninlf ~ educ + exper"
SAYS_NOTHING_LIVE = "Error displaying widget"


@pytest.fixture(scope="module")
def saved(lab, context):
    """Save a notebook of three results and shut its kernel down; return its path."""
    path = lab.write("saved", MAGIC, WORKBENCH, VIEW, CELL, shared=False)
    with visiting(lab, context) as visit:
        view = visit(path)
        fill(view)
        view.command("docmanager:save")
        view.page.close()
    lab.shut_down(path)
    return path


def fill(view):
    """Leave a result of each kind: by the page, by a view, by a cell."""
    view.run(0)
    view.run(1)
    view.press_run()
    see(view.card("Logit"), "Converged")
    view.run(2)
    view.run(3)
    for cell, name in ((1, "Logit"), (2, "viewed")):
        see(view.cell(cell).locator("details.workbench-saved table"), name)


def test_a_notebook_opened_again_shows_its_tables_and_pictures(saved, views):
    view = views(saved)

    for name, cell in (("Logit", 1), ("viewed", 2), ("cell", 3)):
        view.cell(cell).scroll_into_view_if_needed()
        see(view.cell(cell).locator("table"), name)
        assert drawn(view.cell(cell))
    expect(view.page.get_by_text(SAYS_NOTHING_LIVE).filter(visible=True)).to_have_count(0)


def test_an_untrusted_notebook_shows_its_tables_and_pictures(saved, views, lab):
    text = lab.read(saved)
    text["cells"][0]["source"] = "# from another machine"
    path = lab.copy("untrusted", text)

    view = views(path)

    for name, cell in (("Logit", 1), ("viewed", 2), ("cell", 3)):
        view.cell(cell).scroll_into_view_if_needed()
        see(view.cell(cell).locator("table"), name)
        assert drawn(view.cell(cell))
        expect(view.cell(cell).locator(".jp-mod-trusted")).to_have_count(0)


def test_an_exported_page_shows_its_tables_and_pictures_without_script_or_network(
    saved, lab, browser, tmp_path
):
    notebook = nbformat.reads(json.dumps(lab.read(saved)), as_version=4)
    html, _ = HTMLExporter().from_notebook_node(notebook)
    file = tmp_path / "exported.html"
    file.write_text(html, encoding="utf-8")
    window = browser.new_context(java_script_enabled=False, offline=True)
    page, watch = window.new_page(), Watch()
    watch.follow(page)

    page.goto(file.as_uri())

    for name in ("Logit", "viewed", "cell"):
        expect(page.locator("table", has_text=name).first).to_be_visible(timeout=1000 * PATIENCE)
    pictures = page.locator("img[src^='data:image/png']")
    assert pictures.count() >= 3
    assert SAYS_NOTHING_LIVE not in page.content()
    assert "object at 0x" not in page.content()
    assert not watch.strangers
    window.close()


def drawn(cell):
    """Say whether every picture of a cell is one that the browser could draw."""
    pictures = cell.locator("img[src^='data:image/png']")
    widths = pictures.evaluate_all("all => all.map((one) => one.naturalWidth)")
    return bool(widths) and min(widths) > 100
