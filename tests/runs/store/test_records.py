"""What goes into the record of runs comes out, in order, while a run goes on."""

from __future__ import annotations

import json
import math
import sqlite3
import time
import uuid
from contextlib import closing
from dataclasses import asdict
from datetime import UTC
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from tests.runs.store.runs import (
    LOGIT,
    NAMES,
    PATIENCE,
    begin,
    begin_and_list,
    content,
    finish,
    step,
)
from workbench.errors import StoreError
from workbench.estimation.outcome import Outcome
from workbench.runs.store import Store, StoreWarning
from workbench.runs.store.json_codec import dumps, loads
from workbench.runs.store.listing import runs_table


# What goes in comes out --------------------------------------------------------------------------
def test_a_run_comes_back_whole(store):
    run_id = begin(store, steps=3)
    store.checkpoint(run_id, {"moments": np.arange(3.0)})
    result = {"loglik": -406.25, "nobs": 753.0, "se": [np.nan, math.inf], "count": 2**70}

    store.finish(run_id, "CONVERGED", result, "Converged after 3 steps.")
    run = store.read(run_id)

    assert run.specification == LOGIT
    assert run.provenance == {"python": "3.11"}
    assert (run.status, run.record.outcome, run.record.sentence, run.record.status_label) == (
        "ended", Outcome.CONVERGED, "Converged after 3 steps.", "✓ Converged",
    )  # fmt: skip
    assert (run.record.loglik, run.record.observations) == (-406.25, 753.0)
    np.testing.assert_equal(run.result, result)
    np.testing.assert_equal(run.optimizer_state, {"moments": np.arange(3.0)})
    assert run.state_rows == 3


def test_steps_come_back_to_the_last_bit_with_their_stages(store):
    steps = [step(0), step(1), step(2, "curvature"), step(3)]
    run_id = begin(store)

    for item in steps:
        store.listener(run_id)(item)
    store.flush()
    run = store.read(run_id)

    assert run.rows.shape == (4, 9)
    assert run.rows[:, 7:].tobytes() == np.array([item.params for item in steps]).tobytes()
    assert run.stages == ("optimize", "optimize", "curvature", "optimize")
    np.testing.assert_equal([*map(asdict, run.trace)], [*map(asdict, steps)])
    np.testing.assert_equal(run.last_params, steps[-1].params)


def test_a_run_without_steps_or_result_can_be_read(store):
    run = store.read(begin(store))

    assert run.rows.shape == (0, 9)
    assert (run.last_params, run.result, run.optimizer_state) == (None, None, None)
    assert run.record.sentence == "running, before its first step"


arrays = st.sampled_from(
    (
        np.array([np.nan, -0.0, 1e308]),
        np.array(2**63 - 1),
        np.array([["2024-02-29"]], dtype="datetime64[ns]"),
        np.array(["a", "ü"]),
        np.zeros((0, 3), np.float32),
        np.array([True, False]),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
    )
)
texts = st.text(st.characters(), max_size=8)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=8)
    | st.datetimes(timezones=st.sampled_from((None, UTC))).map(lambda time: time.replace(fold=0))
    | st.sampled_from((np.int64(7), np.float32(0.1), np.datetime64("2024-02-29"), np.bool_(True)))
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(texts | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(values)
@example({"$float": 1, "$": [], "a": {"$array": ["|O", [1], ""]}})
@example(["\ud800", "\0", 10**4000, (), {}, {1: 2}])
def test_every_value_comes_back_from_strict_json(value):
    text = dumps(value)

    json.loads(text, parse_constant=pytest.fail)
    assert text.isascii()
    np.testing.assert_equal(loads(text), value)
    assert repr(loads(text)) == repr(value)


@given(arrays)
def test_arrays_come_back_with_their_type_and_shape(array):
    again = loads(dumps({"moments": array}))["moments"]

    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    assert again.tobytes() == array.tobytes()


@pytest.mark.parametrize("value", [print, object(), np.array([print]), {"a": [Store]}, {1, 2}])
def test_what_is_not_a_value_is_refused(value):
    with pytest.raises(StoreError) as refused:
        dumps(value)

    assert refused.value.code == "not-storable"


@pytest.mark.parametrize(
    "text",
    [
        "NaN", "{", '{"$call": "os.system"}', '{"$array": ["|O", [1], "gASVAAAA"]}',
        '{"$array": ["<f8", [3], "AAAA"]}', '{"$float": "x"}', '{"$datetime": 3}', "[" * 100_000,
        '{"$array": [["names", "O"], [], ""]}', '{"$home": 1}', '{"$bytes": "%"}',
    ],
)  # fmt: skip
def test_a_damaged_or_hostile_value_is_refused_and_nothing_runs(text):
    with pytest.raises(StoreError) as refused:
        loads(text)

    assert refused.value.code == "damaged-record"


def test_the_home_directory_is_not_written_and_comes_back(path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("API_TOKEN", "s3cret-token")
    data = {"kind": "file", "name": "/home/ada/wages.csv"}
    store = Store(path)

    run_id = uuid.uuid4().hex
    store.begin(run_id, {**LOGIT, "data": data}, {"/home/ada": "in /home/ada, /home/adam"}, NAMES)
    store.finish(run_id, "FAILED", None, "/home/ada/wages.csv is empty.")
    run, frame = store.read(run_id), store.runs_frame()
    store.close()

    assert b"/home/ada/" not in content(path)
    assert b"/home/adam" in content(path)
    assert b"s3cret" not in content(path)
    assert run.specification["data"] == data
    assert run.provenance == {"/home/ada": "in /home/ada, /home/adam"}
    assert run.record.sentence == "/home/ada/wages.csv is empty."
    assert frame["data"].tolist() == ["~/wages.csv"]


# The list of runs --------------------------------------------------------------------------------
def test_runs_are_ordered_by_a_counter_even_when_the_clock_jumps_back(store, monkeypatch):
    times = iter(range(10_000, 0, -1))
    monkeypatch.setattr(time, "time", lambda: float(next(times)))

    for name in ("first", "second", "third"):
        finish(store, begin(store, name=name))

    assert [record.name for record in store.runs()] == ["third", "second", "first"]


def test_starred_runs_come_first_and_names_change(store):
    first, second = (begin(store, name=name) for name in ("one", "two"))

    store.star(first)
    store.rename(first, "the <b>best</b> \ud800")

    assert [(item.id, item.starred) for item in store.runs()] == [(first, True), (second, False)]
    assert store.read(first).record.name == "the <b>best</b> \ud800"


def test_a_deleted_run_is_gone_with_its_steps_and_its_number_is_not_used_again(store, path):
    kept, gone = begin(store, steps=2), begin(store, steps=2)

    store.flush()
    store.delete(gone)
    store.listener(gone)(step(2))
    finish(store, gone)
    begin(store)

    assert [record.number for record in store.runs()] == [3, 1]
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT DISTINCT run FROM chunks").fetchall() == [(kept,)]


def test_a_run_is_found_by_number_and_by_the_beginning_of_its_id(store):
    run_id = begin(store)

    found = [store.read(key).record.id for key in (1, np.int64(1), run_id[:6], run_id)]

    assert found == [run_id] * 4


@pytest.mark.parametrize("key", [99, "no such run", "", "ab", "' OR 1=1 --"])
def test_an_unknown_run_is_refused_by_its_key(store, key):
    begin(store)

    with pytest.raises(StoreError) as refused:
        store.read(key)

    assert refused.value.code == "unknown-run"
    assert repr(key) in refused.value.problem


def test_the_frame_of_runs_says_how_they_ended_and_where_they_are_kept(store, path):
    finish(store, begin(store, steps=3))
    begin(store, name="<script>")

    frame = store.runs_frame()

    assert list(frame.columns) == [
        "id", "name", "model", "status", "steps", "started", "seconds", "loglik", "data",
        "sentence",
    ]  # fmt: skip
    assert frame["status"].tolist() == ["● Running", "✓ Converged"]
    assert frame["steps"].tolist()[1] == 2
    assert abs(frame["started"].iloc[0].timestamp() - time.time()) < PATIENCE
    assert frame.attrs["place"] == str(path)
    assert repr(frame).endswith(f"Kept in {path}")
    assert "&lt;script&gt;" in frame._repr_html_()
    assert "<script>" not in frame._repr_html_()


def test_a_text_that_is_missing_is_missing_in_the_frame_of_runs(store):
    begin(store, name="first")
    (whole,) = store.runs()
    texts = ["id", "status", "data", "sentence"]
    line = {"number": 2, "name": "second", "model": "logit", "started": 0.0, "seconds": 0.0}
    nothing = dict.fromkeys(["id", "status_label", "step", "loglik", "data", "sentence"])

    frame = runs_table([whole, SimpleNamespace(**line, **nothing)], "here")

    assert frame[texts].notna().to_numpy()[0].all()
    assert frame[texts].isna().to_numpy()[1].all()
    assert frame[["steps", "loglik"]].isna().to_numpy().all()
    assert "None" not in repr(frame) + frame._repr_html_()


def test_the_frame_of_runs_is_read_by_number_and_titles_what_nobody_named(store):
    unnamed, named = begin(store, name=""), begin(store, name="second")

    frame = store.runs_frame()

    assert [store.read(number).record.id for number in frame.index] == [named, unnamed]
    assert frame["name"].to_dict() == {2: "second", 1: "Logit"}


def test_an_empty_frame_of_runs_has_its_columns(store):
    frame = store.runs_frame()

    assert len(frame) == 0
    assert "Kept in" in repr(frame) + frame._repr_html_()


def test_a_damaged_entry_does_not_hide_the_others(store, path):
    begin(store, name="good")
    begin(store, name="bad")
    store.close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE runs SET specification = '{\"$call\": 1}' WHERE number = 2")

    with pytest.warns(StoreWarning, match="Run 2 is left out"):
        records = store.runs()

    assert [record.name for record in records] == ["good"]


# Checkpoints -------------------------------------------------------------------------------------
def test_steps_reach_the_file_within_seconds_while_others_read_all_the_time(store, path):
    run_id = begin_and_list(store, steps=5)[0].id
    reader = Store(path)

    deadline = time.monotonic() + PATIENCE
    while reader.read(run_id).record.rows < 5 and time.monotonic() < deadline:
        store.runs()  # reading must not put the checkpoint off
        time.sleep(0.02)
    found = reader.read(run_id)
    reader.close()

    assert len(found.rows) == 5
    assert found.record.step == 4


def test_a_state_is_asked_for_at_most_once_a_second(store):
    run_id, asked = begin(store, steps=2), []

    for number in range(50):
        store.checkpoint(run_id, lambda number=number: asked.append(number) or {"t": number})
    store.listener(run_id)(step(2))
    store.flush()

    assert asked == [0]
    assert store.read(run_id).optimizer_state == {"t": 0}
    assert store.read(run_id).state_rows == 2


def test_a_state_or_result_that_cannot_be_stored_does_not_end_the_fit(store):
    run_id, said = begin(store, steps=1), "A part of this run is not recorded"

    with pytest.warns(StoreWarning, match=said):
        store.checkpoint(run_id, {"f": print})
    store.finish(run_id, "CONVERGED", {"f": print}, "Done.")
    with pytest.warns(StoreWarning, match=said):
        run = store.read(run_id)

    assert run.record.outcome is Outcome.CONVERGED
    assert run.result is None
