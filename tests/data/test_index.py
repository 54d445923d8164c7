"""The named levels of an index are columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.table import as_table


@pytest.fixture
def panel():
    """Return twelve firms over ten years whose outcome depends on the firm."""
    rng = np.random.default_rng(15)
    firm = np.repeat(np.arange(12), 10)
    frame = pd.DataFrame({"firm": firm, "year": np.tile(np.arange(10), 12)})
    frame["x"] = rng.normal(size=120)
    return frame.assign(y=frame.x + firm + rng.normal(size=120))


def slope_with_firms(panel):
    columns = np.column_stack([panel.x, np.eye(12)[panel.firm]])
    return np.linalg.lstsq(columns, panel.y, rcond=None)[0][0]


@pytest.mark.parametrize("formula", ["y ~ x | firm", "y ~ x + C(firm)", "y ~ x + i(firm)"])
def test_a_level_of_the_index_is_used_by_its_name(panel, formula):
    model = "feols" if "|" in formula else "ols"

    fit = wb.fit(model, formula, panel.set_index(["firm", "year"]))

    assert fit.params["x"] == pytest.approx(slope_with_firms(panel))


def test_errors_are_clustered_by_a_level_of_the_index(panel):
    options = {"se": "cluster", "cluster": "firm"}

    inside = wb.fit("ols", "y ~ x", panel.set_index("firm"), **options)

    expected = wb.fit("ols", "y ~ x", panel, **options)
    assert inside.standard_errors()["x"] == pytest.approx(expected.standard_errors()["x"])


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_the_index_that_pandas_wrote_into_a_file_is_used_by_its_name(panel, tmp_path, suffix):
    pytest.importorskip("pyarrow")
    path = tmp_path / f"panel.{suffix}"
    frame = panel.set_index(["firm", "year"])
    frame.to_parquet(path) if suffix == "parquet" else _to_feather(frame, path)

    assert wb.fit("feols", "y ~ x | firm", path).params["x"] == pytest.approx(
        slope_with_firms(panel)
    )


def _to_feather(frame, path):
    import pyarrow as pa
    import pyarrow.feather

    pyarrow.feather.write_feather(pa.Table.from_pandas(frame), path)


def test_a_column_is_used_in_place_of_a_level_of_its_name_and_that_is_said(panel):
    fit = wb.fit("ols", "y ~ x", panel.set_index(pd.Index(np.arange(120), name="x")))

    assert any("x is a column and a level of the index" in note for note in fit.notes)
    assert wb.fit("ols", "y ~ x", panel.set_index("x", drop=False)).notes == ()


def test_whole_numbers_with_a_gap_in_an_index_stay_exact():
    levels = [[2**60, 2**60 + 1], ["a"]]
    index = pd.MultiIndex(levels, [[0, 1, -1], [0, 0, 0]], names=["id", "kind"])

    column = as_table(pd.DataFrame({"x": [1, 2, 3]}, index=index)).column("id")

    assert column.dropna().tolist() == [2**60, 2**60 + 1]
