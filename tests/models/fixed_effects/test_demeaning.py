"""The record of the stage before the optimizer: whole, cheap, stored, and read again."""

from __future__ import annotations

import json
import pickle
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.sparse.linalg import lsmr as scipy_lsmr

import workbench as wb
from workbench.demeaners.base import DemeanStep
from workbench.estimation.inner_trace import Demeaning
from workbench.notebook.comparison_page.runs import RunList
from workbench.results.fit import Fit
from workbench.runs.store import Store, current_store

FORMULA = "y ~ x | firm + worker"


@pytest.fixture(scope="module")
def panel():
    """Draw 300 rows of workers who move between firms."""
    rng = np.random.default_rng(8)
    firm, worker = rng.integers(0, 25, 300), rng.integers(0, 40, 300)
    x = rng.normal(size=300) + 0.1 * firm
    return pd.DataFrame({"firm": firm, "worker": worker, "x": x, "y": x + rng.normal(size=300)})


@pytest.fixture(scope="module")
def fit(panel):
    """Fit with LSMR, which measures five figures a column."""
    return wb.fit("feols", FORMULA, panel, demeaner="lsmr", fixef_rm="none")


def test_each_iteration_records_every_figure_of_every_column(fit):
    frame = fit.demeaning.to_frame()

    names = ["residual", "normr", "normar", "normA", "condA", "normx"]
    assert frame.columns.tolist() == ["round", "iteration", "seconds", "column", *names]
    assert len(frame) == 2 * len(fit.demeaning)
    assert frame.groupby("column")["iteration"].apply(list).iloc[0] == list(
        range(1, len(fit.demeaning) + 1)
    )
    assert frame["seconds"].is_monotonic_increasing
    np.testing.assert_allclose(frame["residual"], frame["normar"] / frame["normr"])
    assert (frame.groupby("column")["residual"].last() <= 1e-8).all()


def test_the_norms_of_a_column_are_those_scipy_reports_for_the_scaled_dummies(fit, panel):
    blocks = [pd.get_dummies(panel[name], dtype=float).to_numpy() for name in ("firm", "worker")]
    design = np.hstack(blocks)
    design /= np.linalg.norm(design, axis=0)
    y = (panel["y"] - panel["y"].mean()).to_numpy()

    ours = fit.demeaning.to_frame().query("column == 'y' and iteration == 7").iloc[0]

    end = scipy_lsmr(csr_array(design), y, atol=0, btol=0, conlim=0, maxiter=7)
    assert ours["normr"] == pytest.approx(end[3], rel=1e-9)
    assert ours["normar"] == pytest.approx(end[4], rel=1e-9)
    assert ours["normx"] == pytest.approx(end[7], rel=1e-9)


@pytest.mark.parametrize("again", [pickle, json], ids=["pickle", "JSON"])
def test_the_record_survives_being_written_and_read(again, fit):
    if again is json:
        read = Demeaning.from_dict(json.loads(json.dumps(fit.demeaning.to_dict())))
    else:
        read = pickle.loads(pickle.dumps(fit.demeaning))

    pd.testing.assert_frame_equal(read.to_frame(), fit.demeaning.to_frame())
    assert (read.column_names, read.tol, read.rounds) == (("y", "x"), 1e-8, 1)


def test_a_run_without_fixed_effects_has_an_empty_record(panel):
    fit = wb.fit("feols", "y ~ x", panel)

    assert len(fit.demeaning) == 0
    assert fit.demeaning.to_frame().empty
    assert fit.demeaning.rows().shape == (0, 3)


def test_each_round_numbers_its_own_iterations():
    record = Demeaning()

    for step in (1, 2):
        record.begin(["y", "x"], 1e-6)
        record.take(DemeanStep(step, np.array([0.5, 0.25])), seconds=float(step))

    assert record.rows()[:, :3].tolist() == [[1, 1, 1], [2, 2, 2]]
    assert record.last.worst == 0.5


def test_the_store_keeps_the_record_with_the_run(panel, fit):
    run = wb.start("feols", FORMULA, panel, demeaner="lsmr", fixef_rm="none", name="kept")
    run.result()
    run._recorded(10)

    stored = current_store().read(run.id)
    runs = RunList()
    runs.adopt(current_store().runs())
    read = runs.fit(run.id)

    np.testing.assert_array_equal(
        stored.demeaning.rows(figures=True), run.demeaning.rows(figures=True)
    )
    assert len(stored.demeaning) == len(fit.demeaning)
    assert isinstance(read, Fit)
    assert len(read.demeaning) == len(fit.demeaning)
    assert read.params["x"] == pytest.approx(fit.params["x"], rel=1e-12)


def test_checkpoints_add_what_is_new_and_a_claimed_run_begins_its_record_anew(tmp_path):
    store, record = Store(tmp_path / "runs.sqlite"), Demeaning()
    store.begin("r" * 32, {"model": {"name": "feols"}}, {}, ("x",))
    store.keep_demeaning("r" * 32, record)
    record.begin(["y", "x"], 1e-8)

    lengths = []
    for step in range(1, 5):
        record.take(DemeanStep(step, np.array([1.0, 2.0]) / step), seconds=0.1 * step)
        store.flush()
        lengths.append(len(store.read("r" * 32).demeaning))
    store._open.pop("r" * 32)
    claimed = store.claim("r" * 32)
    after = store.read("r" * 32)
    store.close()

    assert lengths == [1, 2, 3, 4]
    assert claimed.record.id == "r" * 32
    assert len(after.demeaning) == 0


def test_a_store_from_before_there_was_such_a_record_is_read_and_written(tmp_path, panel):
    place = tmp_path / "runs.sqlite"
    store = Store(place)
    store.runs()
    store.close()
    with closing(sqlite3.connect(place)) as database:
        database.execute("DROP TABLE demeaning")
        database.commit()

    try:
        wb.use_store(place)
        run = wb.start("feols", FORMULA, panel)
        run.result()
        run._recorded(10)
        found = current_store().read(run.id)
    finally:
        wb.use_store(":memory:")

    assert len(found.demeaning) == len(run.demeaning) > 0
