"""The record of runs loses nothing to a kill or to a second kernel."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.runs.store.runs import PATIENCE, begin, finish
from workbench.errors import StoreError
from workbench.estimation.outcome import Outcome
from workbench.protocols import Iterate
from workbench.runs import store as stores
from workbench.runs.store import Store, database
from workbench.runs.store.owner import is_alive, this_process

WRITER = """
import sys, time, uuid
import numpy as np
from workbench.runs.store import Store
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


def test_a_process_is_distinguished_from_a_later_one_with_the_same_number():
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
    from workbench.runs.store import Store
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
    opened, barrier = [], threading.Barrier(4)

    def enter(place):
        barrier.wait()
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
    from workbench.runs.store import Store
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
