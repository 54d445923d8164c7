"""The controls of a run, and several runs at once."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time

import jax
import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import InferenceError, WorkbenchError
from workbench.estimation.outcome import Outcome
from workbench.runs.run import record_ended_runs
from workbench.runs.store import current_store

DEADLINE = 30.0  # seconds; all of this happens within milliseconds on a quiet machine


class Slow:
    """A log-likelihood that counts its calls, and may be held before one."""

    def __init__(self):
        self.calls = 0
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def __call__(self, params, data):
        self.calls += 1
        self.entered.set()
        assert self.gate.wait(DEADLINE)
        time.sleep(0.001)
        return -((data["y"] - params["mu"]) ** 2) / 2

    def until(self, calls):
        """Wait until so many calls were made."""
        deadline = time.monotonic() + DEADLINE
        while self.calls < calls and time.monotonic() < deadline:
            time.sleep(0.002)
        assert self.calls >= calls


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def crawl(slow):
    """Start a run that needs thousands of steps."""
    data = pd.DataFrame({"y": np.arange(10.0)})

    def start(**options):
        model = wb.custom(slow, {"mu": 1000.0})
        return wb.start(model, None, data, backend="torch", optimizer=wb.SGD(lr=1e-4), **options)

    return start


def test_stop_lets_at_most_one_more_evaluation_happen(crawl, slow):
    run = crawl()
    slow.until(20)
    slow.gate.clear()
    slow.entered.clear()
    assert slow.entered.wait(DEADLINE)
    calls = slow.calls

    run.stop()
    slow.gate.set()
    fit = run.result()

    # One more step's evaluation, and the log-likelihood of the point kept.
    assert slow.calls <= calls + 2
    assert fit.outcome is Outcome.STOPPED
    assert fit.se.isna().all()
    assert fit.params["mu"] == pytest.approx(run.trace.best.params[0])
    assert len(run.trace) == fit.steps + 1


def test_a_stopped_run_goes_on_with_another_optimizer(crawl, slow):
    run = crawl()
    slow.until(10)
    run.stop()
    stopped = run.result()

    fit = run.continue_with("newton").result()

    assert fit.converged
    assert fit.params["mu"] == pytest.approx(4.5)
    assert fit.trace[0].params[0] == pytest.approx(stopped.params["mu"])


def test_a_pause_holds_within_one_evaluation_and_a_resume_goes_on(crawl, slow):
    run = crawl()
    slow.until(10)

    run.pause()
    assert run.status == "paused"
    time.sleep(0.1)
    held = slow.calls
    time.sleep(0.2)
    assert slow.calls == held
    run.resume()
    slow.until(held + 5)
    assert run.status == "running"
    run.stop()

    assert run.wait(DEADLINE)


def test_a_paused_run_can_be_stopped(crawl, slow):
    run = crawl()
    slow.until(5)
    run.pause()

    run.stop()

    assert run.wait(DEADLINE)
    assert run.fit.outcome is Outcome.STOPPED


def test_a_name_and_a_star_reach_a_record_that_is_not_made_yet(people, monkeypatch):
    held, begin = threading.Event(), type(current_store()).begin

    def later(store, *given):
        held.wait()
        begin(store, *given)

    monkeypatch.setattr(type(current_store()), "begin", later)
    run = wb.start("logit", "works ~ educ", people, name="old")

    run.rename("new")
    run.star(True)
    held.set()
    fit = run.result()

    record_ended_runs()
    assert fit.name == "new"
    (record,) = [record for record in current_store().runs() if record.id == run.id]
    assert (record.name, record.starred) == ("new", True)


def test_the_record_has_the_seconds_of_the_fit(people):
    run = wb.start("logit", "works ~ educ", people, backend="torch")
    fit = run.result()
    record_ended_runs()

    (record,) = [record for record in current_store().runs() if record.id == run.id]

    assert record.seconds == fit.timing["total"] == run.elapsed()


def test_cancel_keeps_nothing(crawl, slow):
    run = crawl()
    slow.until(5)

    run.cancel()

    assert run.wait(DEADLINE)
    assert run.fit is None
    assert run.status == "done"
    assert run.message == Outcome.CANCELLED.value
    with pytest.raises(InferenceError, match="cancelled"):
        run.result()


def test_status_and_phases_are_reported_in_order(people):
    seen = []
    run = wb.start("logit", "works ~ educ", people, backend="torch")
    run.listen(lambda r: seen.append((r.status, r.phases["optimize"][0])))

    run.result()

    assert run.status == "done"
    assert {state for state, _ in run.phases.values()} == {"done", "none"}
    assert not seen or seen[-1] == ("done", "done")
    seconds = [s for _, s in run.phases.values() if s is not None]
    assert 0 < sum(seconds) < run.elapsed() + 1.0


def test_listeners_that_raise_do_not_end_a_fit(slow, crawl, capsys):
    calls = []
    run = crawl(max_steps=60)

    def broken(_):
        calls.append(1)
        raise RuntimeError("no comm")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)
        run.listen(broken)
        run.trace.listen(broken)
        run.pause()
        run.resume()
        assert run.wait(DEADLINE)

    assert run.fit.outcome is Outcome.STEP_LIMIT
    assert len(run.trace) == 61
    assert len(calls) <= 2


def test_two_runs_at_once_equal_the_same_runs_one_after_the_other(people):
    asked = {
        "logit": ("works ~ educ + exper", {"optimizer": "adam", "max_steps": 300}),
        "poisson": ("visits ~ educ + exper", {"optimizer": "l-bfgs-b"}),
        "probit": ("works ~ educ + exper", {"optimizer": "torchmin:bfgs"}),
    }
    start = {
        model: lambda m=model, f=formula, o=options: wb.start(m, f, people, backend="torch", **o)
        for model, (formula, options) in asked.items()
    }

    serial = {model: begin().result() for model, begin in start.items()}
    together = {model: begin() for model, begin in start.items()}

    for model, run in together.items():
        fit = run.result()
        assert fit.params.tolist() == serial[model].params.tolist()
        assert fit.loglik == serial[model].loglik
        figures = [c for c in fit.trace.to_frame() if c != "seconds"]
        pd.testing.assert_frame_equal(
            fit.trace.to_frame()[figures], serial[model].trace.to_frame()[figures]
        )


def test_the_precision_of_jax_is_as_it_was_in_every_thread(people):
    before = jax.config.jax_enable_x64
    seen = []

    def estimate():
        wb.fit("logit", "works ~ educ", people, backend="jax").standard_errors("robust")
        seen.append((jax.config.jax_enable_x64, str(jax.numpy.ones(1).dtype)))

    estimate()
    thread = threading.Thread(target=estimate)
    thread.start()
    while thread.is_alive():
        thread.join(0.2)

    assert seen == [(before, "float64" if before else "float32")] * 2


def test_a_failed_run_raises_its_error_from_result_and_leaves_the_next_one_alone(people):
    model = wb.custom(lambda p, d: d["educ"] * p["a"].log(), {"a": -1.0})
    run = wb.start(model, None, people, backend="torch")

    assert run.wait(DEADLINE)
    assert run.status == "failed"
    with pytest.raises(WorkbenchError, match="not finite at the start"):
        run.result()
    assert wb.fit("logit", "works ~ educ", people).converged


INTERRUPTED = """
    import os, signal, time
    import numpy as np, pandas as pd, workbench as wb

    # A shell that puts a command into the background has it ignore interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    calls = []

    def crawl(params, data):
        calls.append(1)
        if len(calls) == 50:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.005)
        return -(data["y"] - params["mu"]) ** 2 / 2

    model = wb.custom(crawl, {"mu": 1000.0})
    data = pd.DataFrame({"y": np.arange(10.0)})
    fit = wb.fit(model, None, data, backend="torch", optimizer=wb.SGD(lr=1e-5))
    print(fit.outcome.name, fit.steps, fit.params["mu"] < 1000)
"""


def test_the_first_interrupt_stops_the_run_and_keeps_what_was_found():
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "WORKBENCH_STORE": ":memory:"},
        check=False,
    )

    assert done.returncode == 0, done.stderr
    outcome, steps, fell = done.stdout.split()
    assert (outcome, fell) == ("STOPPED", "True")
    assert int(steps) > 0
    assert "Traceback" not in done.stderr
