"""Cells that several tests run."""

WORKBENCH = """\
import workbench as wb
page = wb.Workbench("mroz")
page
"""
MAGIC = "%load_ext workbench"

STEERED = """\
import threading
import workbench as wb

calls, gate, most = [], threading.Event(), 1_000_000


def loglik(params, data):
    calls.append(run.status if "run" in globals() else "starting")
    gate.wait(0.05 if len(calls) < most else None)
    return -0.5 * ((data["lwage"] - params["mu"]) / params["sigma"]) ** 2 - params["sigma"].log()


model = wb.custom(loglik, {"mu": 0.0, "sigma": wb.positive(3.0)}, columns=["lwage"])
optimizer = wb.SGD(lr=0.01)
rows = wb.load("mroz").dropna()
run = wb.start(model, rows, backend="torch", optimizer=optimizer, max_steps=100_000, name="slow")
run.view()
"""
"""A run of small, slow steps, under the eyes of the notebook."""

WAITING = STEERED.replace("1_000_000", "20")
"""The same, but its twentieth evaluation waits for the gate."""

HELD = """\
import threading
from workbench.estimation.trace import Trace

gate, record = threading.Event(), Trace.record


def held(trace, step):
    record(trace, step)
    if step.number == 2 and threading.current_thread().name.startswith("workbench run"):
        gate.wait()


Trace.record = held
"""
"""From now on each run waits at its second step for the gate."""
