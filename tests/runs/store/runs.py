"""Runs to put into a record."""

from __future__ import annotations

import math
import uuid

import numpy as np

from workbench.estimation.specification import DataReference, Specification
from workbench.literals import Choice
from workbench.protocols import Iterate

LOGIT = Specification(
    Choice("logit"), DataReference("sample", "mroz"), "inlf ~ educ", name="baseline"
).to_dict()
NAMES = ("Intercept", "educ")
PATIENCE = 60.0
"""Seconds to wait for another process on a busy machine."""


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
