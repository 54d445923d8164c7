"""Where the models beyond the conditional logit begin: at its estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.estimation.objective import ScaledObjective
from workbench.kernels.choice.conditional import ConditionalKernel
from workbench.optimizers.newton import Newton
from workbench.protocols import Numpy

if TYPE_CHECKING:
    from workbench.estimation.choice_problem import ChoiceProblem

_NEAR = 1e-4
_MOST_STEPS = 30
# Coefficients of scaled differences beyond this mean that no maximum is near.
_FAR = 20.0


def conditional_start(problem: ChoiceProblem) -> Numpy:
    """Return the conditional logit's coefficients of the scaled columns, ``(p,)``.

    They are near its maximum; where it has none, zeros are as good a start.
    """
    size = len(problem.data.names)
    kernel = ConditionalKernel(problem.situations, problem.backend)
    objective = ScaledObjective(kernel, np.eye(size), problem.observations, "numpy")
    theta = np.zeros(size)
    for step in Newton().iterate(objective, theta):
        theta = step.params
        near = step.decrement is not None and step.decrement < _NEAR
        if near or step.number >= _MOST_STEPS:
            break
    return theta if np.abs(theta).max(initial=0.0) < _FAR else np.zeros(size)
