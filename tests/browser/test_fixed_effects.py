"""Fixed effects on the page: picked, demeaned before one's eyes, and pyfixest's numbers."""

from __future__ import annotations

import warnings

import numpy as np
import pyfixest
import pytest
from playwright.sync_api import expect

from tests.browser.cells import MAGIC
from tests.browser.opened import PATIENCE, see, wait_until

pytestmark = pytest.mark.browser

PANEL = """\
import numpy as np
import pandas as pd

rng = np.random.default_rng(3)
worker = rng.integers(0, 120, 900)
firm = (worker // 8 + rng.integers(0, 2, 900)) % 15
educ, age = rng.normal(size=900) + firm, rng.normal(size=900)
wage = 0.5 * educ - age + worker / 50 + rng.normal(size=900)
panel = pd.DataFrame({"wage": wage, "educ": educ, "age": age, "worker": worker, "firm": firm})
"""
WORKBENCH = "import workbench as wb\npage = wb.Workbench(panel)\npage"
CELL = """\
%%mle panel --model feols --se HC1 --demeaner lsmr --name absorbed
wage ~ educ + age | worker + firm
"""
HELD = """\
import threading
import workbench as wb
from workbench.estimation.inner_trace import Demeaning

gate, take = threading.Event(), Demeaning.take


def held(record, step, seconds):
    take(record, step, seconds)
    if step.iteration == 12:
        gate.wait()


Demeaning.take = held
run = wb.start("feols", "wage ~ educ + age | worker + firm", panel, demeaner="lsmr", name="held")
run.view()
"""
"""A run whose demeaning waits at its twelfth iteration for the gate."""


@pytest.fixture(scope="module")
def reference():
    """Pyfixest's fit of the panel, singletons left out by both, its demeaning far below ours."""
    names: dict[str, object] = {}
    exec(PANEL, names)
    formula, panel = "wage ~ educ + age | worker + firm", names["panel"]
    tight = pyfixest.MapDemeaner(fixef_tol=1e-13, fixef_maxiter=100_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyfixest 0.60 is older than pandas 3.1
        return pyfixest.feols(formula, panel, vcov="HC1", fixef_rm="singleton", demeaner=tight)


def test_fixed_effects_picked_with_the_keyboard_give_the_estimates_of_pyfixest(opened, reference):
    view = opened(PANEL, WORKBENCH)
    view.run(0)
    view.run(1)
    view.formula.fill("wage ~ educ + age")
    see(view.widget, "4 parameters")
    demeaner = view.widget.get_by_label("Demeaner")
    expect(demeaner).to_be_hidden()

    view.widget.get_by_role("button", name="Fixed effects").press("Enter")
    for column in ("worker", "firm"):
        box = view.widget.get_by_role("checkbox", name=column, exact=True)
        while not box.evaluate("box => box === document.activeElement"):
            view.page.keyboard.press("ArrowDown")
        view.page.keyboard.press("Space")
        expect(box).to_be_checked()
    view.page.keyboard.press("Escape")
    expect(view.formula).to_have_value("wage ~ educ + age | worker + firm")
    expect(view.widget.get_by_label("Template")).to_have_value("feols")
    demeaner.select_option("lsmr")
    view.widget.get_by_label("Standard errors").select_option(label="HC1 (robust)")
    view.widget.get_by_label("Name of this run").fill("absorbed")
    view.widget.get_by_role("button", name="Show as code").click()
    see(view.widget.get_by_label("Cell magic"), "--demeaner lsmr")

    view.press_run()
    see(view.card("absorbed"), "Demeaned by LSMR")
    residuals = view.numbers("Demeaning residual")
    view.open("Results")

    table = view.widget.locator("table.reg")
    for name in ("educ", "age"):
        written = f"{reference.coef()[name]:.3f}".replace("-", "−")
        see(table, written)
        see(table, f"({reference.se()[name]:.3f})")
    ours = view.ask("[*page.fit('absorbed').params, *page.fit('absorbed').se]")
    np.testing.assert_allclose(ours[:2], reference.coef(), rtol=1e-8)
    np.testing.assert_allclose(ours[2:], reference.se(), rtol=1e-3)
    assert [row[0] for row in residuals][:3] == ["1", "2", "3"]
    assert len(residuals) == view.ask("len(page.fit('absorbed').demeaning)")


def test_the_time_column_of_standard_errors_is_chosen_on_the_page(opened):
    view = opened(PANEL + 'panel["year"] = np.arange(900) % 9\n', WORKBENCH)
    view.run(0)
    view.run(1)
    time = view.widget.get_by_role("combobox", name="Time")
    view.widget.get_by_label("Template").select_option("feols")
    view.formula.fill("wage ~ educ + age | firm")
    see(view.widget, "2 parameters")
    expect(time).to_have_count(0)

    view.widget.get_by_label("Standard errors").select_option(label="Driscoll-Kraay")

    see(view.widget, "Driscoll-Kraay standard errors need time.")
    expect(time).to_have_attribute("aria-invalid", "true")
    time.select_option("year")
    see(view.widget, "2 parameters")
    view.widget.get_by_label("Lag").fill("1")
    see(view.widget, "2 parameters")
    view.widget.get_by_role("button", name="Show as code").click()
    see(view.widget.get_by_label("Cell magic"), '--se-options "time=year, lag=1"')
    view.press_run()
    see(view.card("OLS, fixed effects, Driscoll-Kraay"), "Converged")
    view.open("Results")
    see(view.widget, "Driscoll-Kraay (1 lag)")


def test_fixed_effects_typed_in_the_formula_are_those_of_the_picker(opened):
    view = opened(PANEL, WORKBENCH)
    view.run(0)
    view.run(1)
    picker = view.widget.get_by_role("button", name="Fixed effects")

    view.widget.get_by_label("Template").select_option("feols")
    view.formula.fill("wage ~ educ | firm + worker")
    see(picker, "firm + worker")
    picker.click()
    view.widget.get_by_role("checkbox", name="firm", exact=True).uncheck()
    expect(view.formula).to_have_value("wage ~ educ | worker", timeout=1000 * PATIENCE)
    view.formula.fill("wage ~ educ")

    see(picker, "None")
    expect(view.widget.get_by_label("Demeaner")).to_be_hidden()


def test_demeaning_is_shown_after_a_reload_and_can_be_paused_and_stopped(opened):
    view = opened(PANEL, HELD, shared=False)
    view.run(0)
    view.run(1)
    view.until("len(run.demeaning) >= 12")
    see(view.card("held"), "Demeaning, iteration 12")

    view.reload()
    see(view.card("held"), "Demeaning, iteration 12")
    wait_until(lambda: view.numbers("Demeaning residual"))
    anew = view.steps("Demeaning residual")
    view.card("held").get_by_role("button", name="Pause").click()
    see(view.card("held"), "Paused")
    view.code("gate.set()")
    view.code("gate.wait(0.3)")
    paused = view.ask("len(run.demeaning)")
    view.card("held").get_by_role("button", name="Stop").click()
    see(view.card("held"), "You stopped the run at iteration 12 of demeaning")

    assert anew == list(range(1, 13))
    assert paused == 12
    see(view.card("held"), "Stopped")
    assert view.ask("run.outcome.name") == "STOPPED_EARLY"


def test_a_cell_with_effects_becomes_a_table_and_a_picture_of_its_demeaning(opened, reference):
    view = opened(PANEL, MAGIC, CELL)
    view.run(0)
    view.run(1)

    view.run(2)

    output = view.cell(2).locator(".jp-OutputArea")
    see(output.locator("table"), f"{reference.coef()['educ']:.3f}")
    see(output, "Demeaning residual")
    expect(output.locator("img[src^='data:image/png']")).to_have_count(1)
    ours = view.ask("[absorbed.params['educ'], len(absorbed.demeaning)]")
    assert ours[0] == pytest.approx(reference.coef()["educ"], rel=1e-8)
    assert ours[1] > 3
