"""A killed kernel loses at most a second of a run, and the run goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import DataError, LikelihoodError, StoreError
from workbench.runs.store import current_store

DEADLINE = 90.0  # seconds, of which importing torch in a new process takes most

CHILD = """
    import signal, sys, time
    import numpy as np, pandas as pd, workbench as wb

    # A shell that puts a command into the background has it ignore interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def crawl(params, data):
        time.sleep(0.005)
        return -(data["y"] - params["mu"]) ** 2 / 2

    frame = pd.DataFrame({"y": np.arange(10.0), "x": np.arange(10.0) ** 2})
    options = {"backend": "torch", "name": "killed"}
    if sys.argv[1] == "sample":
        slow = wb.Adam(lr=1e-9, max_steps=10_000_000)
        run = wb.start("logit", "inlf ~ educ + age", "mroz", optimizer=slow, **options)
    elif sys.argv[1] == "frame":
        slow = wb.SGD(lr=1e-7, max_steps=10_000_000)
        run = wb.start("gaussian", "y ~ x", frame, optimizer=slow, start={"x": 3.0}, **options)
    elif sys.argv[1] == "equations":
        slow = wb.Adam(lr=1e-9, max_steps=10_000_000)
        asked = ("zip", "kidslt6 ~ educ", "mroz")
        run = wb.start(*asked, inflation="~ age", optimizer=slow, start={"educ": 0.2}, **options)
    else:
        model = wb.custom(crawl, {"mu": 1000.0})
        run = wb.start(model, None, frame, optimizer=wb.SGD(lr=1e-5), **options)
    print(run.id, flush=True)
    while True:
        time.sleep(1)
"""


@pytest.fixture
def killed(tmp_path):
    """Return a function that runs a fit in a process, kills it, and opens its record here."""

    def kill(kind, by=signal.SIGKILL):
        place = tmp_path / "runs.sqlite"
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), kind],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "WORKBENCH_STORE": os.fspath(place)},
        )
        try:
            run_id = child.stdout.readline().strip()
            wb.use_store(place)
            wait_for_steps(run_id, child)
        finally:
            child.send_signal(by)
            ended = child.wait(DEADLINE)
            child.stdout.close()
            child.stderr.close()
        assert ended in {-by, 1}  # one where Python itself ends by an exception
        return run_id

    yield kill
    wb.use_store(":memory:")


def row_of(run_id):
    runs = wb.runs()
    return runs[runs["id"] == run_id].squeeze()


def wait_for_steps(run_id, child):
    """Wait until the record holds steps, and a state of the optimizer taken at one of them."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        if run_id in set(wb.runs()["id"]) and (current_store().read(run_id).state_rows or 0) > 4:
            return
        if child.poll() is not None:
            pytest.fail(f"the process of {run_id} ended: {child.stderr.read()}")
        time.sleep(0.1)
    pytest.fail(f"no state of {run_id} was recorded; the record has {wb.runs().to_dict()}")


def test_a_killed_run_is_listed_at_its_step_and_resumes_to_the_same_maximum(killed):
    run_id = killed("sample")
    listed = row_of(run_id)
    expected = wb.fit("logit", "inlf ~ educ + age", "mroz", backend="torch")

    run = wb.resume(run_id)
    first = run.trace[-1].number if len(run.trace) else 0
    run.stop()
    at = run.result()
    fit = run.continue_with("newton").result()

    assert "nterrupted" in listed["status"]
    assert listed["steps"] > 3
    assert at.steps >= first > 0
    assert run.id == run_id
    assert fit.converged
    np.testing.assert_allclose(fit.params, expected.params, rtol=1e-8)


def test_a_run_that_goes_on_when_python_is_left_is_interrupted(killed):
    run_id = killed("custom", signal.SIGINT)

    listed = row_of(run_id)

    assert "nterrupted" in listed["status"]
    assert listed["steps"] > 3


def test_the_data_frame_of_a_killed_run_is_asked_for_and_recognized(killed):
    run_id = killed("frame")
    frame = pd.DataFrame({"y": np.arange(10.0), "x": np.arange(10.0) ** 2})

    with pytest.raises(DataError, match='DataFrame "frame"') as asked:
        wb.resume(run_id)
    with pytest.raises(DataError, match="fingerprint differs") as refused:
        wb.resume(run_id, data=frame.assign(y=frame["y"] + 1))
    run = wb.resume(run_id, data=frame)
    run.stop()

    assert asked.value.code == "data-needed"
    assert refused.value.code == "other-data"
    assert run.result().steps > 3


def test_a_killed_run_of_several_equations_resumes_to_the_same_maximum(killed):
    run_id = killed("equations")
    expected = wb.fit("zip", "kidslt6 ~ educ", "mroz", inflation="~ age", backend="torch")

    run = wb.resume(run_id)
    run.stop()
    stopped = run.result()
    fit = run.continue_with("newton").result()

    assert stopped.specification.model.settings == {"inflation": "~ age"}
    assert fit.outcome is expected.outcome
    np.testing.assert_allclose(fit.params, expected.params, rtol=1e-4)


def test_the_function_of_a_killed_run_is_asked_for_and_resumes(killed):
    run_id = killed("custom")
    frame = pd.DataFrame({"y": np.arange(10.0), "x": np.arange(10.0) ** 2})
    model = wb.custom(lambda p, d: -((d["y"] - p["mu"]) ** 2) / 2, {"mu": 1000.0})

    with pytest.raises(LikelihoodError, match="not stored") as asked:
        wb.resume(run_id, data=frame)
    run = wb.resume(run_id, data=frame, model=model)
    began = run.trace[0].number
    run.stop()
    fit = run.continue_with("newton").result() if run.result() else None

    assert asked.value.code == "function-needed"
    assert began == 0
    assert fit.params["mu"] == pytest.approx(4.5)


def test_a_run_that_ended_cannot_be_resumed(tmp_path, people):
    wb.use_store(tmp_path / "runs.sqlite")
    try:
        run = wb.start("logit", "works ~ educ", people, backend="torch")
        run.result()
        run._recorder.wait(10)

        with pytest.raises(StoreError):
            wb.resume(run.id, data=people)
        with pytest.raises(StoreError):
            wb.resume("no such run")
    finally:
        wb.use_store(":memory:")


def test_adam_goes_on_as_if_it_had_never_been_interrupted(people):
    from workbench.optimizers.base import StateBox

    problem = wb.start("logit", "works ~ educ", people, backend="torch").problem
    optimizer, box = wb.Adam(lr=0.01), StateBox()
    whole, half = [], []
    for step in optimizer.iterate(problem.objective(), problem.start, box):
        whole.append(step.params)
        if step.number == 20:
            kept, at = box.to_dict(), step.params
        if step.number == 40:
            break

    for step in optimizer.iterate(problem.objective(), at, StateBox(kept)):
        half.append(step.params)
        if step.number == 20:
            break

    np.testing.assert_allclose(half[-1], whole[40], rtol=1e-12)
