"""Discrete choice on the page: set up, walked by stages before one's eyes, and edited again."""

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
SETTINGS = "random={ttme: normal, gc: normal}, draws=400"


@pytest.fixture(scope="module")
def reference():
    """Return statsmodels' conditional logit of Greene's travellers, constants for three modes."""
    data = sm.datasets.modechoice.load_pandas().data
    columns = [data["ttme"], data["gc"], *(data["mode"] == mode for mode in (2, 3, 4))]
    matrix = np.column_stack(columns).astype(float)
    return ConditionalLogit(data["choice"], matrix, groups=data["individual"]).fit(disp=False)


def test_greenes_travellers_open_ready_to_run_with_statsmodels_numbers(opened, reference):
    view = opened(TRAVEL)
    view.run()

    expect(view.widget.get_by_label("Situation")).to_have_value("individual")
    expect(view.widget.get_by_label("Alternatives")).to_have_value("mode")
    see(view.widget, "210 choice situations in 840 rows")
    expect(view.widget.get_by_label("Offset")).to_be_disabled()
    view.press_run()
    see(view.card("Conditional logit"), "Converged")

    ours = view.ask("[*page.fit('Conditional logit').params, *page.fit('Conditional logit').se]")
    np.testing.assert_allclose(ours[:5], reference.params, rtol=1e-5)
    np.testing.assert_allclose(ours[5:], reference.bse, rtol=1e-4)


def test_a_chooser_that_is_missing_is_asked_for_at_its_field(opened):
    view = opened(TRAVEL)
    view.run()
    choosers = view.widget.get_by_label("Situation")

    choosers.select_option("")

    see(view.widget, "Conditional logit needs the column of the situation.")
    expect(choosers).to_have_attribute("aria-invalid", "true")
    expect(view.widget.get_by_role("button", name="▶ Run")).to_be_disabled()
    choosers.select_option("individual")
    see(view.widget, "5 parameters")


def test_a_mixed_logit_is_told_its_settings_walks_by_stages_and_is_edited_again(opened):
    view = opened(TRAVEL)
    view.run()
    settings = view.widget.get_by_label("Settings of the model")
    view.widget.get_by_label("Template").select_option("mixed_logit")
    see(view.widget, "Mixed logit needs its random coefficients.")
    expect(settings).to_have_attribute("placeholder", "random={ttme: normal}, draws=200")
    expect(settings).to_have_attribute("aria-invalid", "true")

    settings.fill(SETTINGS)
    see(view.widget, "7 parameters, 210 choice situations")
    see(view.widget, "2 random coefficients")
    view.widget.get_by_label("Name of this run").fill("mixed")
    view.widget.get_by_role("button", name="Show as code").click()
    see(view.widget.get_by_label("Cell magic"), "--draws 400")
    view.press_run()

    card = view.card("mixed")
    see(card, "Converged")
    draws = card.get_by_role("list", name="Draws").get_by_role("listitem")
    see(draws.nth(0), "50 draws")
    see(draws.nth(1), "400 draws")
    see(card, "400 Halton draws for each person")
    numbers = "{step.stage: step.number for step in page.fit('mixed').trace.since(0)}"
    last = view.ask(numbers)
    see(draws.nth(0), f"{last['50 draws']} steps")
    see(draws.nth(1), f"{last['optimize'] - last['50 draws']} steps")

    view.open("Setup")
    view.widget.get_by_label("Template").select_option("nested_logit")
    expect(settings).to_have_value("")
    view.open("Run")
    card.get_by_role("button", name="Edit in Setup").click()
    expect(settings).to_have_value(SETTINGS)
    expect(view.widget.get_by_label("Template")).to_have_value("mixed_logit")
    see(view.widget, "7 parameters")


@pytest.mark.parametrize(
    ("template", "example", "columns"),
    [
        ("nested_logit", "nests={alone: [1], together: [2, 3, 4]}", 3),
        ("multinomial_logit", "base=0", 0),
    ],
)
def test_what_a_model_needs_is_readable_by_all_and_in_narrow_places(
    opened, template, example, columns
):
    view = opened(TRAVEL)
    view.run()
    view.widget.get_by_label("Template").select_option(template)
    settings = view.widget.get_by_label("Settings of the model")
    expect(settings).to_have_attribute("placeholder", example)

    asked = [view.widget.get_by_label(role) for role in ("Situation", "Alternatives", "Panel")]
    report = Axe().run(view.page, context="section.wb").response
    view.fit_width(490)

    assert sum(field.is_visible() for field in asked) == columns
    assert [violation["id"] for violation in report["violations"]] == []
    assert view.widget.evaluate(OUTSIDE) == []
