"""The workbench from the first click to the table."""

from __future__ import annotations

import re

import pytest
import statsmodels.api as sm
from playwright.sync_api import expect

import workbench as wb
from tests.browser.cells import HELD, MAGIC, WORKBENCH
from tests.browser.opened import PATIENCE, see

pytestmark = pytest.mark.browser

FORMULA = ["nwifeinc", "educ", "exper", "expersq", "age", "kidslt6", "kidsge6"]

SEPARATED = """\
import pandas as pd
import workbench as wb

split = pd.DataFrame({"y": [0, 0, 0, 1, 1, 1], "x": [1.0, 2, 3, 4, 5, 6]})
wb.Workbench(split)
"""

BUSY = """\
import time
from pathlib import Path

while not Path({gate!r}).exists():
    time.sleep(0.1)
"""


@pytest.fixture
def reference():
    """Statsmodels' logit of the labour supply of 753 married women (Mroz 1987)."""
    mroz = wb.load("mroz")
    return sm.Logit(mroz["inlf"], sm.add_constant(mroz[FORMULA])).fit(disp=0)


def test_a_click_on_run_ends_in_a_table_with_the_figures_that_statsmodels_gives(opened, reference):
    view = opened(WORKBENCH)
    view.run()

    view.press_run()
    see(view.card("Logit"), "Converged")
    view.open("Results")

    table = view.widget.locator("table.reg")
    see(table, f"{-reference.llf:.3f}")
    lines = [" ".join(row.split()) for row in table.locator("tr").all_inner_texts()]
    educ = lines.index(next(line for line in lines if line.startswith("educ")))
    assert f"{reference.params['educ']:.3f}" in lines[educ]
    assert f"({reference.bse['educ']:.3f})" in lines[educ + 1]
    assert view.ask("dict(page.fit('Logit').params)")["educ"] == pytest.approx(
        reference.params["educ"], rel=1e-8
    )


def test_two_runs_go_at_once_while_the_kernel_runs_another_cell(opened):
    view = opened(WORKBENCH, HELD, "6 * 7", shared=False)
    view.run(0)
    view.run(1)

    view.press_run()
    see(view.card("Logit"), "Running")
    view.open("Setup")
    view.widget.get_by_label("Template").select_option("probit")
    view.press_run()
    see(view.card("Probit"), "Running")
    view.run(2)
    going = view.card("Logit").inner_text()
    view.code("gate.set()")

    assert "Running" in going
    see(view.cell(2), "42")
    see(view.card("Logit"), "Converged")
    see(view.card("Probit"), "Converged")
    steps = view.ask("[page.fit(name).steps for name in ('Logit', 'Probit')]")
    ends = re.compile(f"at step {steps[0]}; Probit .* at step {steps[1]}$")
    expect(view.chart("Gap")).to_have_attribute("aria-label", ends, timeout=1000 * PATIENCE)


def test_the_code_that_is_shown_gives_the_same_estimates_to_the_last_digit(opened):
    view = opened(MAGIC, WORKBENCH)
    view.run(0)
    view.run(1)
    view.widget.get_by_label("Standard errors").select_option("robust")
    view.widget.get_by_label("Name of this run").fill("shown")
    view.widget.get_by_role("button", name="Show as code").click()
    code = view.widget.get_by_label("Cell magic")
    see(code, "--name shown")

    for cells, place in ((3, 0), (4, 1)):
        view.widget.get_by_role("button", name="Insert cell below").nth(place).click()
        expect(view.page.locator(".jp-Notebook-cell")).to_have_count(cells)
    view.press_run()
    see(view.card("shown"), "Converged")
    view.run(3)
    view.run(2)

    answers = "[*fit.params, *fit.se, fit.loglik]"
    clicked = view.ask(answers.replace("fit", "page.fit('shown')"))
    assert view.ask(answers) == clicked
    assert view.ask(answers.replace("fit", "shown")) == clicked


def test_an_unknown_column_disables_run_until_one_key_corrects_it(opened):
    view = opened(WORKBENCH)
    view.run()
    field = view.formula
    run = view.widget.get_by_role("button", name="▶ Run")

    field.fill("inlf ~ educ + kidslt5")
    see(view.widget, "mroz has no column")
    shut = run.is_disabled()
    field.press("Escape")
    field.press("Enter")

    expect(field).to_have_value("inlf ~ educ + kidslt6", timeout=1000 * PATIENCE)
    expect(run).to_be_enabled(timeout=1000 * PATIENCE)
    assert shut


def test_a_busy_kernel_is_named_while_a_run_waits_for_it(opened, tmp_path):
    gate = tmp_path / "gate"
    view = opened(WORKBENCH, BUSY.format(gate=str(gate)))
    view.run(0)
    see(view.widget, "8 parameters")

    view.start(1)
    see(view.page.locator(".jp-InputPrompt").nth(1), "*")
    view.press_run()
    see(view.widget, "The kernel is busy; the run starts as soon as it is free.")
    gate.touch()

    see(view.card("Logit"), "Converged")
    view.open("Setup")
    expect(view.widget).not_to_contain_text("The kernel is busy")


def test_the_page_follows_the_kernel_while_another_cell_works(opened, tmp_path):
    gate = tmp_path / "gate"
    # ipykernel 7.4 answers a widget where it last spoke: here, in the cell that then works on.
    busy = f"page.send({{'type': 'nothing'}})\n{BUSY.format(gate=str(gate))}"
    view = opened(WORKBENCH, HELD, busy, shared=False)
    view.run(0)
    line = view.widget.locator(".kern")
    see(line, "Kernel idle")
    view.run(1)
    view.press_run()
    see(line, "1 run going, kernel free")

    view.start(2)
    see(line, "1 run going, kernel busy with a cell; Stop acts when it ends")
    view.card("Logit").get_by_role("button", name="Stop").click()
    see(view.card("Logit"), "The kernel is busy with a cell; Stop acts when it ends.")
    still = view.card("Logit").inner_text()
    gate.touch()
    see(view.card("Logit"), "Stopping")
    view.code("gate.set()")

    see(view.card("Logit"), "Stopped")
    see(line, "Kernel idle")
    assert "Running" in still


def test_a_run_without_a_maximum_shows_no_estimate_in_any_table(opened):
    view = opened(SEPARATED)
    view.run()
    view.formula.fill("y ~ x")
    see(view.widget, "2 parameters")

    view.press_run()
    failure = view.widget.locator("article.failure")
    see(failure, "Separated")
    ways = failure.get_by_role("button").count()
    view.open("Results")

    box = view.widget.get_by_role("checkbox", name="Compare")
    expect(box).to_have_attribute("aria-disabled", "true")
    expect(view.widget.locator("table.reg")).to_have_count(0)
    assert ways >= 1


def test_the_keyboard_alone_leads_from_setup_to_an_exported_table(opened):
    view = opened(WORKBENCH, "6 * 7")
    view.run()
    see(view.tab("Setup"))
    view.tab("Setup").focus()

    stops = view.stops("section.wb")
    view.page.keyboard.press("Control+Enter")
    see(view.card("Logit"), "Converged")
    inside = view.inside("section.wb")
    view.page.keyboard.press("d")
    view.page.keyboard.press("d")
    view.tab("Run").focus()
    view.page.keyboard.press("ArrowRight")
    see(view.widget.locator("table.reg"))
    view.to("Export")
    view.page.keyboard.press("Enter")
    view.page.keyboard.press("ArrowDown")
    with view.page.expect_download() as download:
        view.page.keyboard.press("Enter")

    text = download.value.path().read_text(encoding="utf-8")
    assert [stop for stop in stops if not stop["ring"]] == []
    assert len(stops) > 12
    assert inside
    assert view.page.locator(".jp-Notebook-cell").count() == 2
    assert "toprule" in text
    assert "educ" in text
