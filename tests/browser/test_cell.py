"""``%%mle`` in a cell of JupyterLab."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from playwright.sync_api import expect

import workbench as wb
from tests.browser.cells import MAGIC
from tests.browser.opened import PATIENCE, see

pytestmark = pytest.mark.browser

FORMULA = "%%mle mroz --model logit --se robust --name baseline\ninlf ~ educ + exper"
LIKELIHOOD = """\
%%mle mroz --name "by hand" --backend torch
params: const, b_educ, sigma > 0 = 1.0
mu = const + b_educ*educ
loglik = normal_logpdf(lwage, mu, sigma)
"""
LONG = """\
%%mle mroz --model logit --optimizer 'sgd(lr=1e-7)' --max-steps 1000000 --name long
inlf ~ educ
"""
WRONG = """\
%%mle mroz --name wrong
params: const, sigma > 0 = 1.0
mu = const
loglik = normal_logpdf(lwag, mu, sigma)
"""


def test_a_formula_in_a_cell_becomes_a_table_and_a_variable(opened):
    mroz = wb.load("mroz")
    theirs = sm.Logit(mroz["inlf"], sm.add_constant(mroz[["educ", "exper"]])).fit(disp=0)
    view = opened(MAGIC, FORMULA)
    view.run(0)

    view.run(1)

    see(view.cell(1).locator("table"), "robust")
    see(view.cell(1).locator("table"), f"{-theirs.llf:.3f}")
    ours = view.ask("list(baseline.params)")
    np.testing.assert_allclose(ours, theirs.params, rtol=1e-8)


def test_a_likelihood_in_a_cell_becomes_a_table(opened):
    wages = wb.load("mroz").dropna(subset=["lwage"])
    theirs = sm.OLS(wages["lwage"], sm.add_constant(wages[["educ"]])).fit()
    view = opened(MAGIC, LIKELIHOOD)
    view.run(0)

    view.run(1)

    see(view.cell(1).locator("table"), "b_educ")
    assert view.ask("by_hand.params['b_educ']") == pytest.approx(theirs.params["educ"], rel=1e-6)


def test_an_error_in_a_body_names_the_line_of_the_cell_and_the_nearest_column(opened):
    view = opened(MAGIC, WRONG)
    view.run(0)

    view.run(1)

    output = view.cell(1).locator(".jp-OutputArea")
    see(output, "Line 4")
    see(output, "lwage")
    expect(output).not_to_contain_text("Traceback")


def test_the_notebooks_own_stop_button_ends_a_cells_run_and_keeps_its_result(opened):
    view = opened(MAGIC, LONG, shared=False)
    view.run(0)

    view.start(1)
    see(view.cell(1).get_by_role("article", name="Run long", exact=True), "Running")
    view.page.get_by_role("button", name="Interrupt the kernel").click()

    expect(view.cell(1).locator("section.wb")).to_have_count(0, timeout=1000 * PATIENCE)
    see(view.cell(1).locator("table").first, "educ")
    assert view.ask("long.outcome.name") == "STOPPED"
