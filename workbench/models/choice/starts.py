"""Where the models beyond the conditional logit begin: at its estimates, or at rough ones.

With many people some of them, evenly spaced, find the neighbourhood.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.backends import Backend
from workbench.estimation.objective import ScaledObjective
from workbench.kernels.choice.conditional import ConditionalKernel
from workbench.kernels.choice.situations import Int64, Situations
from workbench.models.choice.free_parameters import ChoiceObjective, FreeKernel, PersonKernel
from workbench.optimizers.newton import Newton
from workbench.protocols import Numpy

_NEAR = 1e-4
_MOST_STEPS = 30
# Coefficients of scaled differences beyond this mean that no maximum is near.
_FAR = 20.0
# From so many people on these find the neighbourhood, with so many draws, up to their own noise.
_MANY, _SOME, _DRAWS, _ROUGH = 5_000, 800, 25, 0.1


def conditional_start(sets: Situations, backend: Backend) -> Numpy:
    """Return the conditional logit's coefficients of the scaled columns, ``(p,)``.

    They are near its maximum; where it has none, zeros are as good a start.

    Parameters
    ----------
    sets
        The choice situations of all people.
    backend
        The library that computes.
    """
    some = _some(sets)
    if some is not None and (rough := _of_conditional(sets.of(some), backend, _ROUGH)) is not None:
        return rough
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
    """Return a point near the maximum that some of many people have; else the guess, ``(K,)``.

    Parameters
    ----------
    sets
        The choice situations of all people.
    kernel_of
        Returns the kernel of people at these positions, with so many draws.
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
    kernel = FreeKernel(kernel_of(some, _DRAWS), held, free)
    few = sets.of(some)
    objective = ChoiceObjective(kernel, len(free), float(few.persons), backend_name, few.weights)
    near = _walked(objective, guess[free], _ROUGH)
    if near is not None:
        found[free] = near
    return found


def _some(sets: Situations) -> Int64 | None:
    """Return some people out of many, evenly spaced, or None where they are few."""
    if sets.persons < _MANY:
        return None
    return np.linspace(0, sets.persons - 1, _SOME).astype(np.int64)


def _of_conditional(sets: Situations, backend: Backend, near: float) -> Numpy | None:
    size, kernel = sets.differences.shape[1], ConditionalKernel(sets, backend)
    objective = ScaledObjective(kernel, np.eye(size), float(sets.persons), "numpy")
    theta = _walked(objective, np.zeros(size), near)
    return None if theta is None or np.abs(theta).max(initial=0.0) >= _FAR else theta


def _walked(objective: Any, theta: Numpy, near: float) -> Numpy | None:
    """Return the point where the decrement falls below ``near``, in nats; None without one."""
    for step in Newton().iterate(objective, theta):
        if step.decrement is not None and step.decrement < near:
            return step.params
        if step.number >= _MOST_STEPS:
            break
    return None
