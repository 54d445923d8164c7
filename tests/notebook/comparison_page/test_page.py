"""What the Results tab shows of some fits."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
import statsmodels.api as sm

import workbench as wb
from workbench.notebook.comparison_page.page import results_page, tone

FORMULA = "inlf ~ educ + age + kidslt6"

# The estimates agree to the Newton decrement's tolerance, far below eight digits.
AGREEMENT = 1e-8


@pytest.fixture(scope="module")
def logit():
    """Fit a logit of the sample of Mroz (1987) with robust errors."""
    return wb.fit("logit", FORMULA, wb.load("mroz"), se="robust", name="Logit, robust")


@pytest.fixture(scope="module")
def probit():
    """Fit a probit of the same rows and columns."""
    return wb.fit("probit", FORMULA, wb.load("mroz"), name="Probit")


@pytest.fixture(scope="module")
def page(logit, probit):
    """Return the page of both fits."""
    return results_page({"a": logit, "b": probit}, (logit, probit))


def rows_of(table):
    return [row for section in table["sections"] for row in section]


def test_the_page_is_strict_json(page):
    assert json.loads(json.dumps(page, allow_nan=False))["ids"] == ["a", "b"]


def test_without_a_checked_run_there_is_no_table():
    assert results_page({})["table"] is None


def test_every_column_names_its_standard_errors(page):
    assert page["table"]["heads"] == ["Logit, robust", "Probit"]
    assert page["table"]["subheads"] == ["robust", "Hessian"]
    assert page["depvar"] == "inlf"


def test_hidden_digits_align_the_decimal_points_of_a_column(page):
    cells = [row["cells"][0] for row in rows_of(page["table"]) if row["kind"] != "text"]
    behind = {len((core + hidden).partition(".")[2]) for core, _, hidden in cells if core}

    assert len(behind) == 1


def test_brackets_hang_outside(page):
    errors = [row for row in rows_of(page["table"]) if row["kind"] == "error"]

    assert {cell[1] for row in errors for cell in row["cells"]} == {")"}


def test_the_csv_that_travels_with_the_page_has_all_digits(page):
    frame = wb.load("mroz")
    design = sm.add_constant(frame[["educ", "age", "kidslt6"]])
    reference = sm.Logit(frame["inlf"], design).fit(disp=0)

    lines = {line[0]: line[1:] for line in csv.reader(io.StringIO(page["exports"]["csv"])) if line}

    assert float(lines["educ"][0]) == pytest.approx(reference.params["educ"], rel=AGREEMENT)


def test_the_other_exports_travel_too(page):
    assert "\\toprule" in page["exports"]["latex"]
    assert page["exports"]["html"].startswith("<div")
    assert "educ" in page["exports"]["markdown"]


def test_coefficients_carry_interval_and_scale(page, logit):
    educ = next(row for row in page["coefficients"] if row["name"] == "educ")
    point = educ["points"][0]

    assert point["estimate"] == logit.params["educ"]
    assert point["low"] == pytest.approx(logit.conf_int().loc["educ", "lower"])
    spread = wb.load("mroz")["educ"].std(ddof=0)
    np.testing.assert_allclose(point["scale"], spread, rtol=1e-3)  # the divisor may be n or n - 1


def test_the_intercept_is_not_on_the_chart(page):
    assert [row["name"] for row in page["coefficients"]] == ["educ", "age", "kidslt6"]


def test_diagnostics_name_outcome_and_finding(page):
    line = page["diagnostics"][0]

    assert (line["status_label"], line["tone"], line["flat"]) == ("✓ Converged", "ok", False)
    assert len(line["eigenvalues"]) == 4
    assert line["finding"].startswith("well conditioned")


def test_a_flat_direction_has_its_place_on_the_line_of_eigenvalues():
    own = wb.likelihood("params: a = 0.0\nloglik = log_sigmoid((2*y - 1) * (eta + a))")
    flat = wb.fit(own, "inlf ~ educ", wb.load("mroz"))

    [line] = results_page({"a": flat})["diagnostics"]

    assert line["flat"]
    assert len(line["eigenvalues"]) == 3
    assert line["eigenvalues"][0] < line["eigenvalues"][1] - 10


def test_what_changed_lists_the_settings_that_differ(page):
    labels = {row["label"] for row in page["changed"]["settings"]}

    assert labels == {"Template", "Standard errors"}


def test_stars_are_off_until_asked_for(page, logit):
    starred = results_page({"a": logit}, stars=True)

    assert not any("*" in cell[1] for row in rows_of(page["table"]) for cell in row["cells"])
    assert any("*" in cell[1] for row in rows_of(starred["table"]) for cell in row["cells"])


@pytest.mark.parametrize(
    ("status_label", "colour"),
    [("✓ Converged", "ok"), ("! Flat direction", "warn"), ("✕ Separated", "err"), ("", "stop")],
)
def test_a_status_label_has_the_colour_of_its_sign(status_label, colour):
    assert tone(status_label) == colour
