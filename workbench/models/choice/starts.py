"""Where the models beyond the conditional logit begin: at its estimates, or at rough ones.

With many people some of them, evenly spaced, find the neighbourhood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.estimation.objective import ScaledObjective
from workbench.kernels.choice.conditional import ConditionalKernel
from workbench.kernels.choice.draws import Quadrature
from workbench.kernels.choice.mixed import MixedKernel
from workbench.kernels.choice.situations import Int64, Situations
from workbench.models.choice.free_parameters import ChoiceObjective, FreeKernel
from workbench.optimizers.newton import Newton
from workbench.protocols import Numpy

if TYPE_CHECKING:
    from workbench.models.choice.mixed import MixedProblem
    from workbench.models.choice.problem import ChoiceProblem

_NEAR = 1e-4
_MOST_STEPS = 30
# Coefficients of scaled differences beyond this mean that no maximum is near.
_FAR = 20.0
# From so many people on these find the neighbourhood, with so many draws, up to their own noise.
_MANY, _SOME, _DRAWS, _ROUGH = 5_000, 800, 25, 0.1


def conditional_start(problem: ChoiceProblem) -> Numpy:
    """Return the conditional logit's coefficients of the scaled columns, ``(p,)``.

    They are near its maximum; where it has none, zeros are as good a start.
    """
    sets, some = problem.situations, _some(problem.situations)
    if some is not None and (rough := _of_conditional(problem, sets.of(some), _ROUGH)) is not None:
        return rough
    found = _of_conditional(problem, sets, _NEAR)
    return np.zeros(len(problem.data.names)) if found is None else found


def mixed_start(problem: MixedProblem, guess: Numpy) -> Numpy:
    """Return a point near the maximum that some of many people have; else the guess, ``(K,)``."""
    some, size = _some(problem.situations), len(guess)
    if some is None:
        return guess
    sets, draws, found = problem.situations.of(some), problem.base, guess.copy()
    few = draws if isinstance(draws, Quadrature) else draws[some, :_DRAWS]
    correlated, price = problem.settings.correlated, problem.wtp
    mixed = MixedKernel(sets, problem.random, correlated, few, price, problem.backend)
    free = problem.free[problem.free < size]
    kernel = FreeKernel(mixed, problem.held_values[:size], free)
    backend = problem.specification.backend
    objective = ChoiceObjective(kernel, len(free), float(sets.people), backend, sets.weights)
    near = _walked(objective, guess[free], _ROUGH)
    if near is not None:
        found[free] = near
    return found


def _some(sets: Situations) -> Int64 | None:
    """Return some people out of many, evenly spaced, or None where they are few."""
    if sets.people < _MANY:
        return None
    return np.linspace(0, sets.people - 1, _SOME).astype(np.int64)


def _of_conditional(problem: ChoiceProblem, sets: Situations, near: float) -> Numpy | None:
    size, kernel = len(problem.data.names), ConditionalKernel(sets, problem.backend)
    objective = ScaledObjective(kernel, np.eye(size), float(sets.people), "numpy")
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
