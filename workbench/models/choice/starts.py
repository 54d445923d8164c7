"""Start values of the mixed, nested and latent class logits: the conditional logit's estimates.

With many persons, these and the start of a mixed logit are computed from some of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.backends import Backend
from workbench.estimation.objective import ScaledObjective
from workbench.kernels.choice.conditional import ConditionalKernel
from workbench.kernels.choice.situations import Int64, Situations
from workbench.models.choice.fixed_parameters import (
    ChoiceObjective,
    FixedParametersKernel,
    PersonKernel,
)
from workbench.optimizers.newton import Newton
from workbench.protocols import Numpy

_NEAR = 1e-4
_MOST_STEPS = 30
# Coefficients of scaled differences beyond this mean that no maximum is near.
_FAR = 20.0
# With so many persons or more, starts come from this many of them, this many draws and this
# decrement in nats.
_MANY, _SOME, _DRAWS, _COARSE = 5_000, 800, 25, 0.1


def conditional_start(sets: Situations, backend: Backend) -> Numpy:
    """Return the conditional logit's coefficients of the scaled columns, ``(p,)``.

    They are near its maximum; zeros where it has none.

    Parameters
    ----------
    sets
        The choice situations of all persons.
    backend
        The library that computes.
    """
    some = _some(sets)
    if (
        some is not None
        and (coarse := _of_conditional(sets.of(some), backend, _COARSE)) is not None
    ):
        return coarse
    found = _of_conditional(sets, backend, _NEAR)
    return np.zeros(sets.differences.shape[1]) if found is None else found


def mixed_start(
    sets: Situations,
    kernel_of: Callable[[Int64, int], PersonKernel],
    guess: Numpy,
    *,
    held: Numpy,
    free: Int64,
    backend_name: str,
) -> Numpy:
    """Return a point near the maximum over some of many persons; else the guess, ``(K,)``.

    Parameters
    ----------
    sets
        The choice situations of all persons.
    kernel_of
        Returns the kernel of persons at these positions, with so many draws.
    guess, held
        A first guess of all parameters, and the values of those that are held, ``(K,)``.
    free
        The positions of the parameters that are estimated.
    backend_name
        The library that computes.
    """
    some, found = _some(sets), guess.copy()
    if some is None:
        return guess
    kernel = FixedParametersKernel(kernel_of(some, _DRAWS), held, free)
    few = sets.of(some)
    objective = ChoiceObjective(kernel, len(free), float(few.persons), backend_name, few.weights)
    near = _near_maximum(objective, guess[free], _COARSE)
    if near is not None:
        found[free] = near
    return found


def _some(sets: Situations) -> Int64 | None:
    """Return some persons out of many, evenly spaced, or None where they are few."""
    if sets.persons < _MANY:
        return None
    return np.linspace(0, sets.persons - 1, _SOME).astype(np.int64)


def _of_conditional(sets: Situations, backend: Backend, near: float) -> Numpy | None:
    size, kernel = sets.differences.shape[1], ConditionalKernel(sets, backend)
    objective = ScaledObjective(kernel, np.eye(size), float(sets.persons), "numpy")
    theta = _near_maximum(objective, np.zeros(size), near)
    return None if theta is None or np.abs(theta).max(initial=0.0) >= _FAR else theta


def _near_maximum(objective: Any, theta: Numpy, near: float) -> Numpy | None:
    """Return the point where the decrement falls below ``near``, in nats; None without one."""
    for step in Newton().iterate(objective, theta):
        if step.decrement is not None and step.decrement < near:
            return step.params
        if step.number >= _MOST_STEPS:
            break
    return None
