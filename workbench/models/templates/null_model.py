"""The maximum of a likelihood with constants alone."""

from __future__ import annotations

from contextlib import closing

import numpy as np

from workbench.estimation.objective import Kernel, ScaledObjective
from workbench.optimizers.newton import Newton
from workbench.protocols import Numpy

# Twice the gain expected of a further step, in nats.
_ENOUGH = 1e-12
_STEPS = 100


def maximum(kernel: Kernel, start: Numpy, observations: float, library: str) -> float:
    """Return the largest value of a log-likelihood of few parameters, in nats.

    Parameters
    ----------
    kernel
        The sums over the rows.
    start
        Where Newton's method begins, ``(k,)``.
    observations, library
        As a `ScaledObjective` takes them.
    """
    objective = ScaledObjective(kernel, np.eye(len(start)), observations, library)
    best = -np.inf
    with closing(Newton().iterate(objective, start)) as steps:
        for step in steps:
            best = max(best, -step.objective * observations)
            near = step.decrement is not None and step.decrement <= _ENOUGH
            if near or step.number >= _STEPS:
                break
    return best
