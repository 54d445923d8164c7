"""Coefficients and standard errors against R's fixest, whose answers lie in ``fixest/``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import workbench as wb

FOLDER = Path(__file__).with_name("fixest")
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
# The demands of the proof: fixest iterates to 1e-11 and prints 15 digits.
COEFFICIENTS, ERRORS = 1e-8, 1e-6
CASES = EXPECTED["cases"]


def called(part):
    """Name a test by its formula, or by its errors and their options."""
    if "formula" in part:
        return f"{part['model']} {part['formula']} {part.get('weights', '')}".strip()
    return f"{part['se']} {part['cluster'] or ''} {part['options'] or ''}".strip()


@cache
def data():
    return pd.read_csv(FOLDER / "data.csv")


@cache
def fitted(position):
    """Fit a case once, at a tolerance far below that of the comparison."""
    case = CASES[position]
    return wb.fit(
        case["model"],
        case["formula"],
        data(),
        weights=case.get("weights"),
        demeaner=wb.LSMR(tol=1e-12),
        fixef_rm="none",
        ssc="fixest",
    )


@pytest.mark.parametrize("position", range(len(CASES)), ids=lambda i: called(CASES[i]))
def test_coefficients_and_every_kind_of_error_are_those_of_fixest(position):
    case, fit = CASES[position], fitted(position)

    names = list(case["coefficients"])
    assert set(names) == set(fit.params.index)
    assert fit.nobs == case["nobs"]
    np.testing.assert_allclose(
        fit.params[names], list(case["coefficients"].values()), rtol=0, atol=COEFFICIENTS
    )
    for kind in case["kinds"]:
        options = kind["options"] or {}
        errors = fit.standard_errors(kind["se"], cluster=kind["cluster"], **options)
        expected = [kind["errors"][name] for name in names]
        np.testing.assert_allclose(errors[names], expected, rtol=ERRORS, err_msg=called(kind))
