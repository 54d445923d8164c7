"""Ids of every type name the same groups in every family of models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import DataError

LARGE = 2**60
"""Ids from here on are one number to float64."""

TYPES = {
    "integers": lambda ids: ids,
    "floats": lambda ids: ids.astype(float),
    "text": lambda ids: ids.astype(str),
    "nullable": lambda ids: ids.astype("Int64"),
    "categories": lambda ids: ids.astype("category"),
}


@pytest.fixture
def panel():
    """Return twelve groups of twenty rows, whose outcomes depend on the group."""
    rng = np.random.default_rng(2)
    group = np.arange(240) % 12
    x = rng.normal(size=240) + 0.3 * group
    y = x + group + rng.normal(size=240)
    return pd.DataFrame({"x": x, "y": y, "high": 1.0 * (y > y.mean()), "id": group})


def dummies(panel):
    columns = np.column_stack([panel.x, np.eye(12)[panel.id]])
    slopes = np.linalg.lstsq(columns, panel.y, rcond=None)[0]
    return slopes[0], columns @ slopes


def large(panel):
    """Return the panel with ids beyond 2^53, one of them missing."""
    ids = pd.array([LARGE + int(code) for code in panel.id], dtype="Int64")
    ids[5] = pd.NA
    return panel.assign(id=ids)


@pytest.mark.parametrize(
    ("model", "formula"),
    [("feols", "y ~ x | id"), ("ols", "y ~ x + C(id)"), ("ols", "y ~ x + i(id)")],
)
def test_large_ids_with_a_gap_are_told_apart_and_predicted(panel, model, formula):
    slope, fitted = dummies(panel.drop(index=5).reset_index(drop=True))

    fit = wb.fit(model, formula, large(panel))

    predicted = fit.predict(large(panel))
    assert fit.params["x"] == pytest.approx(slope)
    assert np.isnan(predicted.iloc[5])
    assert predicted.drop(index=5).to_numpy() == pytest.approx(fitted)


@pytest.mark.parametrize(
    ("model", "formula", "options"),
    [
        ("fepois", "high ~ x | id", {}),
        ("gaussian", "y ~ x + C(id)", {}),
        ("logit", "high ~ x", {"se": "cluster", "cluster": "id"}),
        ("ols", "y ~ x", {"se": "cluster", "cluster": "id"}),
    ],
)
def test_large_ids_are_the_groups_that_small_ones_are(panel, model, formula, options):
    small = panel.assign(id=panel.id.where(panel.index != 5))

    fit, expected = (wb.fit(model, formula, data, **options) for data in (large(panel), small))

    assert fit.params.to_numpy() == pytest.approx(expected.params.to_numpy())
    errors = [each.standard_errors().to_numpy() for each in (fit, expected)]
    assert errors[0] == pytest.approx(errors[1])


def test_large_ids_name_situations_and_persons_of_a_mixed_logit():
    rng = np.random.default_rng(7)
    rows = np.arange(40 * 3 * 2)
    small = pd.DataFrame({"x": rng.normal(size=240), "person": rows // 6, "task": rows // 2})
    small["mode"], small["chosen"] = rows % 2, 0
    best = (small.x + rng.gumbel(size=240)).groupby(small.task).idxmax()
    small.loc[best, "chosen"] = 1
    options = {"situation": "task", "alternatives": "mode", "panel": "person", "draws": 20}
    options["random"] = {"x": "normal"}
    ids = {name: (LARGE + small[name]).astype("Int64") for name in ("person", "task")}

    fit = wb.fit("mixed_logit", "chosen ~ x", small.assign(**ids), **options)

    expected = wb.fit("mixed_logit", "chosen ~ x", small, **options)
    assert fit.loglik == pytest.approx(expected.loglik)
    assert fit.predict(small.assign(**ids)).to_numpy() == pytest.approx(
        expected.predict(small).to_numpy()
    )


@pytest.mark.parametrize("new", TYPES.values(), ids=TYPES)
@pytest.mark.parametrize("known", TYPES.values(), ids=TYPES)
@pytest.mark.parametrize(("model", "formula"), [("feols", "y ~ x | id"), ("ols", "y ~ x + C(id)")])
def test_a_prediction_knows_the_ids_of_the_fit_in_every_type(panel, model, formula, known, new):
    fit = wb.fit(model, formula, panel.assign(id=known(panel.id)))

    predicted = fit.predict(panel.assign(id=new(panel.id)))

    assert predicted.to_numpy() == pytest.approx(dummies(panel)[1])


@pytest.mark.parametrize("known", ["integers", "text"])
@pytest.mark.parametrize(("model", "formula"), [("feols", "y ~ x | id"), ("ols", "y ~ x + C(id)")])
def test_ids_with_leading_zeros_are_refused_by_name(panel, model, formula, known):
    fit = wb.fit(model, formula, panel.assign(id=TYPES[known](panel.id)))

    with pytest.raises(DataError, match="00"):
        fit.predict(panel.assign(id=panel.id.astype(str).str.zfill(2)))


def test_numbers_and_their_text_in_one_column_are_one_level(panel):
    mixed = [code if row % 3 else str(code) for row, code in enumerate(panel.id)]

    fit = wb.fit("feols", "y ~ x | id", panel.assign(id=pd.Series(mixed, dtype=object)))

    assert fit.params["x"] == pytest.approx(dummies(panel)[0])
    assert any("80 more as text" in note for note in fit.notes)
