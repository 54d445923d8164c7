"""Discrete choice on the page: set up, optimized in stages that are shown, and edited again."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from statsmodels.discrete.conditional_models import ConditionalLogit

from tests.browser.opened import see
from tests.browser.test_looks import OUTSIDE

pytestmark = pytest.mark.browser

TRAVEL = """\
import workbench as wb
page = wb.Workbench("modechoice")
page
"""


@pytest.fixture(scope="module")
def reference():
    """Return statsmodels' conditional logit of Greene's travellers, constants for three modes."""
    data = sm.datasets.modechoice.load_pandas().data
    columns = [data["ttme"], data["gc"], *(data["mode"] == mode for mode in (2, 3, 4))]
    matrix = np.column_stack(columns).astype(float)
    return ConditionalLogit(data["choice"], matrix, groups=data["individual"]).fit(disp=False)


def column(view, role):
    """Return the drop-down of a column; the list of variables names the role too."""
    return view.widget.get_by_role("combobox", name=role)


def test_the_travel_mode_sample_opens_ready_to_run_and_gives_the_estimates_of_statsmodels(
    opened, reference
):
    view = opened(TRAVEL)
    view.run()

    expect(column(view, "Situation")).to_have_value("individual")
    expect(column(view, "Alternatives")).to_have_value("mode")
    see(view.widget, "210 choice situations in 840 rows")
    expect(view.widget.get_by_label("Offset")).to_be_disabled()
    view.press_run()
    see(view.card("Conditional logit"), "Converged")

    ours = view.ask("[*page.fit('Conditional logit').params, *page.fit('Conditional logit').se]")
    np.testing.assert_allclose(ours[:5], reference.params, rtol=1e-5)
    np.testing.assert_allclose(ours[5:], reference.bse, rtol=1e-4)


def test_a_situation_that_is_missing_is_asked_for_at_its_field(opened):
    view = opened(TRAVEL)
    view.run()
    situation = column(view, "Situation")

    situation.select_option("")

    see(view.widget, "Conditional logit needs the option situation")
    expect(situation).to_have_attribute("aria-invalid", "true")
    expect(view.widget.get_by_role("button", name="▶ Run")).to_be_disabled()
    situation.select_option("individual")
    see(view.widget, "5 parameters")


def test_a_mixed_logit_is_given_its_options_shows_its_stages_and_is_edited_again(opened):
    view = opened(TRAVEL)
    view.run()
    name = view.widget.get_by_label("Random, name 1")
    draws = view.widget.get_by_role("textbox", name="Draws", exact=True)
    view.widget.get_by_label("Template").select_option("mixed_logit")
    see(view.widget, "Mixed logit needs the option random")
    expect(name).to_have_attribute("placeholder", "a column, for example ttme")
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(draws).to_have_attribute("placeholder", "500")

    name.fill("ttme")
    view.widget.get_by_role("button", name="Add to Random").click()
    view.widget.get_by_label("Random, name 2").fill("gc")
    draws.fill("400")
    see(view.widget, "7 parameters, 210 choice situations")
    see(view.widget, "2 random coefficients")
    view.widget.get_by_label("Name of this run").fill("mixed")
    view.widget.get_by_role("button", name="Show as code").click()
    see(view.widget.get_by_label("Cell magic"), "--draws 400")
    view.press_run()

    card = view.card("mixed")
    see(card, "Converged")
    stages = card.get_by_role("list", name="Draws").get_by_role("listitem")
    see(stages.nth(0), "50 draws")
    see(stages.nth(1), "400 draws")
    see(card, "400 Halton draws for each person")
    numbers = "{step.stage: step.number for step in page.fit('mixed').trace.since(0)}"
    last = view.ask(numbers)
    see(stages.nth(0), f"{last['50 draws']} steps")
    see(stages.nth(1), f"{last['optimize'] - last['50 draws']} steps")

    view.open("Setup")
    view.widget.get_by_label("Template").select_option("nested_logit")
    expect(view.widget.get_by_label("Nests, name 1")).to_have_value("")
    expect(name).to_have_count(0)
    view.open("Run")
    card.get_by_role("button", name="Edit in Setup").click()
    expect(view.widget.get_by_label("Template")).to_have_value("mixed_logit")
    expect(name).to_have_value("ttme")
    expect(view.widget.get_by_label("Random, name 2")).to_have_value("gc")
    expect(view.widget.get_by_label("Random, value 2")).to_have_value("normal")
    expect(draws).to_have_value("400")
    see(view.widget, "7 parameters")


def test_nests_are_built_and_removed_with_the_keyboard(opened):
    view = opened(TRAVEL)
    view.run()
    view.widget.get_by_label("Template").select_option("nested_logit")
    first = view.widget.get_by_label("Nests, name 1")
    expect(first).to_have_attribute("placeholder", "a nest, for example alone")

    first.focus()
    view.page.keyboard.type("fly")
    view.page.keyboard.press("Tab")
    view.page.keyboard.press("Space")
    see(view.widget, "The nests miss the alternative 2.")
    view.widget.get_by_role("button", name="Add to Nests").press("Enter")
    view.page.keyboard.type("ground")
    for alternative in ("2", "3", "4"):
        view.widget.get_by_label("Nests, value 2").get_by_label(alternative).check()

    see(view.widget, "parameters, 210 choice situations")
    expect(first).not_to_have_attribute("aria-invalid", "true")
    view.widget.get_by_role("button", name="Remove Nests 2").press("Enter")
    expect(first).to_be_focused()
    see(view.widget, "The nests miss the alternative 2.")


@pytest.mark.parametrize(
    ("template", "control", "columns"),
    [("nested_logit", "Nests, name 1", 3), ("multinomial_logit", "Base", 0)],
)
def test_the_options_of_a_model_are_accessible_and_fit_a_narrow_page(
    opened, template, control, columns
):
    view = opened(TRAVEL)
    view.run()
    view.widget.get_by_label("Template").select_option(template)
    expect(view.widget.get_by_label(control, exact=True)).to_be_visible()

    asked = [column(view, role) for role in ("Situation", "Alternatives", "Panel")]
    report = Axe().run(view.page, context="section.wb").response
    view.fit_width(490)

    assert sum(field.is_visible() for field in asked) == columns
    assert [violation["id"] for violation in report["violations"]] == []
    assert view.widget.evaluate(OUTSIDE) == []
