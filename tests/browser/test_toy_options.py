"""An option that is declared in one line is a control of the Setup page, without another change."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import visiting
from tests.browser.lab import Lab
from tests.browser.opened import see
from tests.copied_package import TOY_OPTION_OF_EVERY_RUN, TOY_OPTIONS, copied_package

pytestmark = pytest.mark.browser

TRAVEL = """\
import workbench as wb
page = wb.Workbench("modechoice")
page
"""


@pytest.fixture(scope="module")
def view(tmp_path_factory, context):
    """Open Greene's travellers in a JupyterLab whose package has toy options."""
    folder = tmp_path_factory.mktemp("toy")
    environment = copied_package(folder, [*TOY_OPTIONS.values(), TOY_OPTION_OF_EVERY_RUN])
    environment["WORKBENCH_STORE"] = os.fspath(folder / "runs.sqlite")
    lab = Lab(folder, environment)
    try:
        lab.wait()
        with visiting(lab, context) as visit:
            view = visit(lab.write("toy", TRAVEL))
            view.run()
            view.widget.get_by_role("button", name="Show as code").click()
            yield view
    finally:
        lab.stop()


def test_the_copied_package_is_the_one_that_runs(view):
    assert "toy" in view.ask("__import__('workbench').__file__")


def test_an_option_of_a_model_is_typed_into_and_stands_in_the_code(view):
    view.widget.get_by_label("Template").select_option("mixed_logit")
    view.widget.get_by_label("Random, name 1").fill("ttme")
    share = view.widget.get_by_label("Toy share")
    expect(share).to_have_attribute("placeholder", "0.5")

    share.fill("2")
    expect(share).to_have_attribute("aria-invalid", "true")
    see(view.widget, "a number of at least 0 and at most 1.")
    share.fill("0.25")

    expect(share).not_to_have_attribute("aria-invalid", "true")
    see(view.widget.get_by_label("Python", exact=True), "toy_share=0.25")
    see(view.widget.get_by_label("Cell magic"), "--toy-share 0.25")


def test_an_option_of_an_optimizer_is_chosen_and_stands_in_the_code(view):
    view.widget.get_by_label("Template").select_option("gaussian")
    view.formula.fill("ttme ~ gc")
    view.widget.get_by_label("Optimizer", exact=True).select_option("sgd")

    view.widget.get_by_label("Toy way").select_option("long")

    see(view.widget.get_by_label("Python", exact=True), 'toy_way="long"')
    see(view.widget.get_by_label("Cell magic"), "toy_way='long'")


def test_an_option_of_a_demeaner_is_ticked_and_stands_in_the_code(view):
    view.widget.get_by_label("Template").select_option("feols")
    view.formula.fill("ttme ~ gc | mode")
    view.widget.get_by_label("Demeaner", exact=True).select_option("schur")

    view.widget.get_by_label("Toy check").check()

    see(view.widget.get_by_label("Python", exact=True), "toy_check=True")
    see(view.widget.get_by_label("Cell magic"), "toy_check=True")


def test_an_option_of_a_covariance_is_counted_and_stands_in_the_code(view):
    view.widget.get_by_label("Template").select_option("ols")
    view.formula.fill("ttme ~ gc")
    view.widget.get_by_label("Standard errors").select_option("newey_west")
    view.widget.get_by_role("combobox", name="Time").select_option("individual")

    view.widget.get_by_label("Toy count").fill("7")

    see(view.widget.get_by_label("Python", exact=True), "toy_count")
    see(view.widget.get_by_label("Cell magic"), "toy_count=7")


def test_an_option_of_every_run_is_counted_and_stands_in_the_code(view):
    view.widget.get_by_label("Template").select_option("probit")
    view.widget.get_by_text("More options").click()
    rounds = view.widget.get_by_label("Toy rounds")

    rounds.fill("0")
    expect(rounds).to_have_attribute("aria-invalid", "true")
    rounds.fill("9")

    expect(rounds).not_to_have_attribute("aria-invalid", "true")
    see(view.widget.get_by_label("Python", exact=True), "toy_rounds=9")
    see(view.widget.get_by_label("Cell magic"), "--toy-rounds 9")
