"""Runs recorded before fits had families open, list, resume and compare as they did."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.estimation.specification import Specification
from workbench.notebook.comparison_page.runs import RunList
from workbench.runs.store import current_store

FOLDER = Path(__file__).parent / "recorded"
FIGURES = json.loads((FOLDER / "figures.json").read_text(encoding="utf-8"))
SHOWN = ("loglik", "aic", "pseudo_r2", "r2", "r2_within", "df_resid")
# The figures were written with all their digits.
EXACT = 1e-12


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """Open a copy of the record, and return the number of each run by its name."""
    copy = tmp_path_factory.mktemp("recorded") / "runs.sqlite"
    shutil.copy(FOLDER / "runs.sqlite", copy)
    wb.use_store(copy)
    yield wb.runs().reset_index().set_index("name")["id"].to_dict()
    wb.use_store(":memory:")


@pytest.fixture
def fits(numbers):
    """Return the fit of each run as a page reads it."""
    runs = RunList()
    runs.adopt(current_store().runs())
    return {name: runs.fit(number) for name, number in numbers.items() if name != "killed"}


def test_every_run_is_listed(numbers):
    assert {*FIGURES, "killed"} <= set(numbers)


def test_every_fit_has_the_figures_that_it_had(fits):
    for name, expected in FIGURES.items():
        found = fits[name]

        np.testing.assert_allclose(found.params, expected["params"], rtol=EXACT)
        assert found.se_label == expected["se_label"]
        if expected["se"] is not None:
            np.testing.assert_allclose(found.se, expected["se"], rtol=EXACT)
        for figure in SHOWN:
            if expected[figure] is not None:
                assert getattr(found, figure) == pytest.approx(expected[figure], rel=EXACT), name
        assert list(getattr(found, "absorbed", ())) == expected["absorbed"]


def test_fits_of_the_record_stand_side_by_side_with_new_ones(fits):
    again = wb.fit("logit", "inlf ~ educ + exper", "mroz", se="cluster", cluster="kidslt6")

    compared = wb.compare(*fits.values(), again)

    np.testing.assert_allclose(fits["logit"].params, again.params, rtol=1e-8)
    assert compared.to_text(details=True)
    assert compared.names[-1] != compared.names[0]


def test_every_fit_of_the_record_is_printed(fits):
    for fit in fits.values():
        assert fit.model_title in str(fit.summary())


def test_a_fit_of_the_record_predicts(fits):
    people = wb.load("mroz")

    chances = fits["logit"].predict(people)

    again = wb.fit("logit", "inlf ~ educ + exper", people).predict()
    np.testing.assert_allclose(chances, again, rtol=1e-8)


def test_cohorts_of_the_record_are_averaged_in_another_way(fits):
    new = wb.fit("feols", fits["sunab"].specification.formula, "staggered", cluster="unit")

    for by in ("att", "cohort", "cells"):
        old = fits["sunab"].aggregate(by)
        np.testing.assert_allclose(old.params, new.aggregate(by).params, rtol=1e-8)
        np.testing.assert_allclose(old.se, new.aggregate(by).se, rtol=1e-8)


@pytest.mark.parametrize("name", ["mixed", "scaled", "classes"])
def test_choices_of_the_record_are_forecast(fits, name):
    shares = fits[name].choice.shares(wb.load("modechoice"))

    assert shares.sum() == pytest.approx(1)


def test_a_specification_of_the_record_is_run_again(fits):
    asked = fits["body"].specification

    again = wb.fit(wb.likelihood(asked.source.text), None, "mroz")

    assert Specification.from_dict(asked.to_dict()) == asked
    np.testing.assert_allclose(again.params, fits["body"].params, rtol=1e-8)


def test_a_killed_run_of_the_record_goes_on(numbers):
    run = wb.resume(numbers["killed"])

    run.stop()

    assert run.result().steps >= 50
    assert run.continue_with("newton").result().converged
