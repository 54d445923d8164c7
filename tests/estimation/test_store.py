"""The record of runs loses nothing to a kill, a full disk, a broken file or a second kernel."""

from __future__ import annotations

import gc
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from dataclasses import asdict
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from workbench.errors import StoreError
from workbench.estimation import store as stores
from workbench.estimation.outcome import Outcome
from workbench.estimation.specification import Choice, DataReference, Specification
from workbench.estimation.store import Store, StoreWarning, database
from workbench.estimation.store.process import is_alive, this_process
from workbench.estimation.store.strict import dumps, loads
from workbench.protocols import Iterate

LOGIT = Specification(
    Choice("logit"), DataReference("sample", "mroz"), "inlf ~ educ", name="baseline"
).to_dict()
NAMES = ("Intercept", "educ")
PATIENCE = 60.0
"""Seconds to wait for another process on a busy machine."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "runs.sqlite"


@pytest.fixture
def store(path):
    store = Store(path)
    yield store
    store.close()


def step(number, stage="optimize"):
    """A step whose figures are all odd to store."""
    params = np.array([math.pi * 10.0**number, -0.0 if number % 2 else np.inf])
    objective = 1 / 3 if number else np.nan
    return Iterate(number, params, objective, 5e-324, 1e308, None, 0.1 * number, number, stage)


def begin(store, steps=0, name="baseline"):
    """Begin a run that has made some steps, and return its id."""
    run_id = uuid.uuid4().hex
    store.begin(run_id, {**LOGIT, "name": name}, {"python": "3.11"}, NAMES)
    hear = store.listener(run_id)
    for number in range(steps):
        hear(step(number))
    return run_id


def finish(store, run_id):
    store.finish(run_id, "CONVERGED", {"loglik": -406.25, "nobs": 753}, "Converged after 3 steps.")


def begin_and_list(store, **options):
    """Begin a run, and list all, which waits until the begin is written."""
    begin(store, **options)
    return store.runs()


def content(path):
    """Every byte of the store's files."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))


# What goes in comes out --------------------------------------------------------------------------
def test_a_run_comes_back_whole(store):
    run_id = begin(store, steps=3)
    store.checkpoint(run_id, {"moments": np.arange(3.0)})
    result = {"loglik": -406.25, "nobs": 753.0, "se": [np.nan, math.inf], "count": 2**70}

    store.finish(run_id, "CONVERGED", result, "Converged after 3 steps.")
    run = store.read(run_id)

    assert run.specification == LOGIT
    assert run.provenance == {"python": "3.11"}
    assert (run.status, run.record.outcome, run.record.sentence, run.record.chip) == (
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
    with sqlite3.connect(path) as raw:
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
    with sqlite3.connect(path) as raw:
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


# Death of the process ----------------------------------------------------------------------------
WRITER = """
import sys, time, uuid
import numpy as np
from workbench.estimation.store import Store
from workbench.protocols import Iterate

store = Store(sys.argv[1])
spec = {"model": {"name": "logit"}, "data": {"kind": "sample", "name": "mroz"}, "name": "killed"}
store.begin("earlier", spec, {}, ["a", "b"])
store.finish("earlier", "CONVERGED", {"loglik": -1.0}, "ok")
store.begin("killed", spec, {}, ["a", "b"])
hear = store.listener("killed")
number = 0
while True:
    hear(Iterate(number, np.array([number, 0.5]), 1 / (number + 1), 0.1))
    store.checkpoint("killed", {"t": np.array([number])})
    number += 1
    if number == 40:
        store.flush()
        print("forty", flush=True)
    time.sleep(0.0005)
"""


def python(code, *arguments, **options):
    """Start another Python that knows the workbench."""
    root = Path(stores.__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": os.fspath(root)}
    command = [sys.executable, "-c", textwrap.dedent(code), *map(os.fspath, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, **options)


@pytest.fixture
def killed(path):
    """A store whose writer was killed in the middle of its second run, and is not yet reaped."""
    with python(WRITER, path) as writer:
        assert writer.stdout.readline() == "forty\n"
        time.sleep(0.2)
        writer.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)
        yield path


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
def test_a_killed_run_is_listed_as_interrupted_with_its_steps_intact(killed):
    store = Store(killed)

    newest, earlier = store.runs()
    run = store.read("killed")
    store.close()

    last = len(run.rows) - 1
    assert last >= 39
    assert newest.status == "interrupted"
    assert newest.outcome is Outcome.INTERRUPTED
    assert newest.sentence == f"interrupted at step {last}, can be resumed"
    assert run.rows[:, 0].tolist() == list(range(last + 1))
    assert run.rows[:, 7].tolist() == list(range(last + 1))
    assert run.optimizer_state["t"].tolist() == [run.state_rows - 1]
    assert (earlier.id, earlier.outcome, earlier.loglik) == ("earlier", Outcome.CONVERGED, -1.0)
    assert [file.name for file in killed.parent.glob("*corrupt*")] == []


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
def test_an_interrupted_run_can_be_claimed_once_and_goes_on(killed):
    store = Store(killed)

    stored = store.claim("killed")
    store.listener("killed")(Iterate(len(stored.rows), np.array([-1.0, 0.5]), 0.0, 0.0))
    with pytest.raises(StoreError) as refused:
        Store(killed).claim("killed")
    finish(store, "killed")
    whole = store.read("killed")
    store.close()

    assert refused.value.code == "not-interrupted"
    assert whole.rows[:, 0].tolist() == list(range(len(stored.rows) + 1))
    assert whole.status == "ended"
    assert whole.record.seconds >= stored.record.seconds


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
def test_a_run_can_go_back_to_the_optimizers_last_state(killed):
    store = Store(killed)
    before = store.read("killed")

    stored = store.claim("killed", back_to_state=True)
    store.listener("killed")(Iterate(stored.state_rows, np.array([-1.0, 0.5]), 0.0, 0.0))
    finish(store, "killed")
    whole = store.read("killed")
    store.close()

    assert 0 < before.state_rows < len(before.rows)
    assert len(stored.rows) == stored.state_rows == before.state_rows
    assert stored.rows[-1, 7] == stored.optimizer_state["t"][0]
    assert stored.record.step == stored.rows[-1, 0]
    assert whole.rows[:, 0].tolist() == list(range(before.state_rows + 1))


def test_a_run_of_a_living_process_is_running_for_another_kernel(path):
    with python(WRITER, path) as writer:
        writer.stdout.readline()
        store = Store(path)

        record = store.runs()[0]
        with pytest.raises(StoreError, match="is not interrupted: running, at step"):
            store.claim("killed")

        writer.kill()
    store.close()
    assert record.status == "running"


def test_a_kernel_that_ends_in_good_order_loses_nothing(path):
    code = WRITER.replace("while True:", "for _ in range(30):")

    python(code, path).communicate(timeout=PATIENCE)
    store = Store(path)
    newest, earlier = store.runs()
    rows = store.read("killed").rows
    store.close()

    assert len(rows) == 30
    assert newest.sentence == "interrupted at step 29, can be resumed"
    assert earlier.status == "ended"


def test_a_run_dropped_without_an_end_in_this_process_is_interrupted(path):
    store = Store(path)
    begin(store, steps=2)
    store.close()
    del store
    gc.collect()

    again = Store(path)
    (record,) = again.runs()
    again.close()

    assert record.status == "interrupted"


def test_a_process_is_told_from_a_later_one_with_the_same_number():
    owner = this_process()

    assert is_alive(owner, heartbeat=0.0)
    assert not is_alive({**owner, "started": owner["started"] - 1}, heartbeat=time.time())


def test_a_process_of_another_machine_is_judged_by_its_heartbeat():
    owner = {**this_process(), "machine": "elsewhere"}

    assert is_alive(owner, heartbeat=time.time())
    assert not is_alive(owner, heartbeat=time.time() - 3600)


def test_two_kernels_write_at_once_and_every_run_is_kept(path):
    code = """
    import sys, uuid
    import numpy as np
    from workbench.estimation.store import Store
    from workbench.protocols import Iterate

    store = Store(sys.argv[1])
    for _ in range(15):
        run_id = uuid.uuid4().hex
        store.begin(run_id, {"name": sys.argv[2]}, {}, ["a"])
        for number in range(20):
            store.listener(run_id)(Iterate(number, np.array([number]), 0.0, 0.0))
        store.flush()
        store.finish(run_id, "CONVERGED", {"loglik": -1.0})
    store.flush()
    print(store.trouble)
    """

    writers = [python(code, path, name) for name in ("one", "two", "three")]
    said = [writer.communicate(timeout=PATIENCE)[0] for writer in writers]
    store = Store(path)
    records = store.runs()
    rows = {len(store.read(record.id).rows) for record in records}
    store.close()

    assert said == ["\n"] * 3
    assert sorted(record.number for record in records) == list(range(1, 46))
    assert {record.status for record in records} == {"ended"}
    assert rows == {20}


def test_a_file_that_several_open_at_once_for_the_first_time_is_theirs(tmp_path):
    opened, doors = [], threading.Barrier(4)

    def enter(place):
        doors.wait()
        opened.append(database.open_file(place))

    for turn in range(40):
        place = tmp_path / f"runs{turn}.sqlite"
        threads = [threading.Thread(target=enter, args=(place,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for connection in opened:
        connection.close()

    assert len(opened) == 160


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is of POSIX")
def test_a_forked_child_writes_its_own_runs_and_leaves_the_parents_alone(path):
    code = """
    import os, sys
    import numpy as np
    from workbench.estimation.store import Store
    from workbench.protocols import Iterate

    store = Store(sys.argv[1])
    store.begin("parent", {"name": "parent"}, {}, ["a"])
    store.listener("parent")(Iterate(0, np.array([0.0]), 0.0, 0.0))
    store.flush()
    if not (child := os.fork()):
        store.begin("child", {"name": "child"}, {}, ["a"])
        assert store.runs()[1].status == "running"
        store.finish("child", "CONVERGED")
        sys.exit()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    store.listener("parent")(Iterate(1, np.array([1.0]), 0.0, 0.0))
    store.finish("parent", "CONVERGED")
    print(*[f"{run.name} {run.status} {run.rows}" for run in store.runs()], sep=", ")
    """

    said = python(code, path).communicate(timeout=PATIENCE)[0]

    assert said == "child ended 0, parent ended 2\n"


# Trouble with the place --------------------------------------------------------------------------
def test_the_file_is_written_ahead(store, path):
    begin(store)
    store.flush()

    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.skipif(os.name == "nt", reason="the dot-file locks are of POSIX")
def test_a_place_that_refuses_to_write_ahead_gets_a_rollback_journal(path, monkeypatch):
    bare = database._bare  # as on a network home: locks by files, no shared memory
    monkeypatch.setattr(database, "_bare", lambda uri: bare(f"{uri}?vfs=unix-dotfile"))
    store = Store(path)

    finish(store, run_id := begin(store, steps=3))
    found = store.read(run_id)
    store.close()

    assert store.trouble == ""
    assert len(found.rows) == 3
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def damage_header(data):
    return b"garbage " * 500


def damage_page(data):
    middle = len(data) // 2
    return data[:middle] + os.urandom(4096) + data[middle + 4096 :]


def damage_tail(data):
    return data[: len(data) // 2]


@pytest.mark.parametrize("damage", [damage_header, damage_page, damage_tail])
def test_a_damaged_file_is_set_aside_and_a_new_store_begins(path, damage):
    store = Store(path)
    for _ in range(40):
        finish(store, begin(store, steps=40))
    store.close()
    broken = damage(path.read_bytes())
    path.write_bytes(broken)

    with pytest.warns(StoreWarning) as notices:
        records = begin_and_list(again := Store(path), name="new")
    again.close()

    (aside,) = path.parent.glob("runs.sqlite.corrupt-*")
    assert aside.read_bytes() == broken
    assert len(notices) == 1
    assert aside.name in str(notices[0].message)
    assert [record.name for record in records] == ["new"]


@pytest.mark.parametrize("suffix", [".csv", ".sqlite"])
def test_a_file_of_something_else_is_not_touched(tmp_path, suffix):
    path = tmp_path / f"other{suffix}"
    if suffix == ".csv":
        path.write_text("y,x\n1,2\n")
    else:
        with sqlite3.connect(path) as raw:
            raw.execute("CREATE TABLE theirs (x)")
        raw.close()
    before = path.read_bytes()

    with pytest.warns(StoreWarning, match="kept in memory only"):
        records = begin_and_list(store := Store(path))
    store.close()

    assert len(records) == 1
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_store_of_a_newer_version_is_read_and_not_written(path):
    store = Store(path)
    finish(store, old := begin(store, steps=3))
    store.close()
    with sqlite3.connect(path) as raw:
        raw.execute("ALTER TABLE runs ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'")
        raw.execute("PRAGMA user_version = 99")
        raw.execute("PRAGMA journal_mode = DELETE")
    raw.close()
    before = path.read_bytes()

    with pytest.warns(StoreWarning, match="newer workbench .its format is 99"):
        records = begin_and_list(again := Store(path), name="later")
    retried, rows = again.retry(), len(again.read(old).rows)
    again.close()

    assert [record.name for record in records] == ["later", "baseline"]
    assert rows == 3
    assert not retried
    assert path.read_bytes() == before


def test_runs_in_an_unwritable_place_are_kept_in_memory_until_a_retry(tmp_path):
    obstacle = tmp_path / "folder"
    obstacle.write_text("a file where the folder should be")
    store = Store(obstacle / "runs.sqlite")

    with pytest.warns(StoreWarning, match="kept in memory only") as notices:
        run_id = begin_and_list(store, steps=4)[0].id
    refused = store.retry()
    place = store.place
    obstacle.unlink()
    retried = store.retry()
    finish(store, run_id)
    store.close()
    again = Store(obstacle / "runs.sqlite")
    run = again.read(run_id)
    again.close()

    assert len(notices) == 1
    assert (refused, retried) == (False, True)
    assert place.startswith("memory only, not ")
    assert store.place == str(obstacle / "runs.sqlite")
    assert (len(run.rows), run.status) == (4, "ended")


def test_a_disk_that_fills_up_in_mid_run_loses_nothing(store, path):
    kept = begin(store, steps=3, name="before")
    store.flush()
    store._worker.write(lambda raw: raw.execute("PRAGMA max_page_count = 1")).result()
    for number in range(3, 3000):
        store.listener(kept)(step(number % 300))

    with pytest.warns(StoreWarning, match="disk is full"):
        store.flush()
    in_memory = store.read(kept)
    retried = store.retry()
    finish(store, kept)
    store.close()
    again = Store(path)
    run = again.read(kept)
    again.close()

    assert len(in_memory.rows) == 3000
    assert retried
    assert (len(run.rows), run.status) == (3000, "ended")


def test_runs_kept_in_memory_move_to_another_place(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_chosen", None)
    (tmp_path / "file").touch()
    stores.use_store(tmp_path / "file" / "runs.sqlite")
    with pytest.warns(StoreWarning, match="kept in memory only"):
        run_id = begin_and_list(stores.current_store(), steps=2)[0].id

    with pytest.raises(StoreError) as refused:
        stores.use_store(tmp_path / "too-early.sqlite")
    finish(stores.current_store(), run_id)
    place = stores.use_store(tmp_path / "runs.sqlite")
    moved = stores.current_store().read(run_id)
    stores.current_store().close()

    assert refused.value.code == "store-busy"
    assert place == stores.store_path() == tmp_path / "runs.sqlite"
    assert (len(moved.rows), moved.status) == (2, "ended")


# The place ---------------------------------------------------------------------------------------
def test_the_place_comes_from_the_environment_or_the_users_data_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    monkeypatch.setenv("WORKBENCH_STORE", "~/mine.sqlite")

    chosen = Store()
    monkeypatch.delenv("WORKBENCH_STORE")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    default = Store()
    monkeypatch.setenv("XDG_DATA_HOME", "/var/data")
    moved = Store()

    assert chosen.path == tmp_path / "mine.sqlite"
    assert chosen.place == "~/mine.sqlite"
    assert default.path == tmp_path / ".local/share/workbench/runs.sqlite"
    assert moved.path == Path("/var/data/workbench/runs.sqlite")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["https://example.org/runs.sqlite", "a\0b", "~nobody-here/x"])
def test_a_place_that_is_no_local_file_is_refused(place):
    with pytest.raises(StoreError) as refused:
        Store(place)

    assert refused.value.code == "store-place"


def test_an_environment_without_a_usable_place_keeps_runs_in_memory(monkeypatch):
    monkeypatch.setattr(stores, "_chosen", None)
    monkeypatch.setenv("WORKBENCH_STORE", "https://example.org/runs.sqlite")

    with pytest.warns(StoreWarning, match="kept in memory only"):
        store = stores.current_store()

    assert store.path is None
    store.close()


def test_a_store_in_memory_keeps_runs_while_it_lives():
    store = Store(":memory:")

    finish(store, begin(store, steps=3))
    store.close()

    assert store.place == "memory only"
    assert [record.rows for record in store.runs()] == [3]
    store.close()
