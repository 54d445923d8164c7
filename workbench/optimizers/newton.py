"""Newton's method with the exact Hessian and a line search for bad starts."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.linalg

from workbench.optimizers.base import OptimizerOptions
from workbench.protocols import Evaluation, Iterate, Numpy, Objective

_ARMIJO = 1e-4
_SMALLEST_STEP = 2.0**-40
# Two evaluations of one point may differ by this much in their last digits.
_ROUNDING = 16 * np.finfo(float).eps
# Where fitted probabilities saturate the Hessian nearly vanishes, and its step is too long.
_REACH = 10.0


@dataclass(frozen=True)
class Newton(OptimizerOptions):
    r"""Step along :math:`-H^{-1} g`, halving the step until the objective falls.

    Where the Hessian is not positive definite its eigenvalues are replaced by their absolute
    values, so the direction is still one of descent.  Where the step is more than ten times as
    long as the point's distance from zero, and fails, as at saturated probabilities, the gradient
    is used.

    Parameters
    ----------
    max_steps
        The step limit; None leaves it to the run.

    References
    ----------
    Nocedal and Wright (2006), "Numerical Optimization", algorithm 3.2 and section 3.4.
    Boyd and Vandenberghe (2004), "Convex Optimization", section 9.5 (the decrement).
    """

    name: ClassVar[str] = "newton"
    title: ClassVar[str] = "Newton"

    def iterate(self, objective: Objective, start: Numpy) -> Generator[Iterate, None, None]:
        """Yield the start and then each accepted step, with its Newton decrement."""
        theta, here, length, number = start, objective.evaluate(start, 2), 0.0, 0
        while True:
            direction, definite = _direction(here)
            slope = float(direction @ _gradient(here))
            decrement = -slope * objective.observations if definite else None
            yield Iterate(number, theta, here.value, _largest(here), length, decrement)
            moved = _move(objective, theta, here, direction)
            if moved is None:
                return
            new, here = moved
            length, theta, number = float(np.linalg.norm(new - theta)), new, number + 1


def _direction(here: Evaluation) -> tuple[Numpy, bool]:
    """Return a direction of descent ``(k,)`` and whether the Hessian is positive definite."""
    assert here.hessian is not None
    step, definite = newton_step(here.hessian, _gradient(here))
    return -step, definite


@np.errstate(over="ignore", invalid="ignore")
def newton_step(matrix: Numpy, right: Numpy) -> tuple[Numpy, bool]:
    """Solve for a Newton step ``(k,)``, and return whether the matrix is positive definite.

    The matrix ``(k, k)`` is scaled to a unit diagonal first.  Where it is not definite, the
    absolute values of its eigenvalues take their place, so that the step still improves.

    References
    ----------
    Nocedal and Wright (2006), "Numerical Optimization", section 3.4.
    """
    if not len(right):
        return right, True
    scale = np.sqrt(np.abs(np.diag(matrix)))
    scale[scale == 0] = 1.0
    scaled = matrix / np.outer(scale, scale)
    try:
        factor = scipy.linalg.cho_factor(scaled)
    except np.linalg.LinAlgError:
        return _absolute_solve(scaled, right / scale) / scale, False
    return np.asarray(scipy.linalg.cho_solve(factor, right / scale) / scale), True


def _absolute_solve(matrix: Numpy, right: Numpy) -> Numpy:
    """Solve with the eigenvalues' absolute values, none below a millionth of the largest."""
    values, vectors = np.linalg.eigh(matrix)
    lifted = np.maximum(np.abs(values), 1e-6 * np.abs(values).max()) + np.finfo(float).tiny
    return np.asarray(vectors @ ((vectors.T @ right) / lifted))


@np.errstate(over="ignore", invalid="ignore")
def _move(
    objective: Objective, theta: Numpy, here: Evaluation, direction: Numpy
) -> tuple[Numpy, Evaluation] | None:
    """Step along the direction, or along the gradient where the direction is too long."""
    near = 1 + float(np.linalg.norm(theta))
    if float(np.linalg.norm(direction)) <= _REACH * near:
        return _search(objective, theta, here, direction)
    downhill = -_gradient(here) * (near / float(np.linalg.norm(_gradient(here))))
    leap = _search(objective, theta, here, direction, smallest=1.0)
    return leap or _search(objective, theta, here, downhill)


def _search(
    objective: Objective,
    theta: Numpy,
    here: Evaluation,
    direction: Numpy,
    smallest: float = _SMALLEST_STEP,
) -> tuple[Numpy, Evaluation] | None:
    """Halve the step until the objective falls enough; None when no step does."""
    step, slope = 1.0, float(direction @ _gradient(here))
    slack = _ROUNDING * abs(here.value)
    while step >= smallest:
        new = theta + step * direction
        # The full step is usually accepted, so its derivatives are computed at once.
        trial = objective.evaluate(new, 2 if step == 1.0 else 0)
        if trial.value <= here.value + _ARMIJO * step * slope + slack:
            whole = trial if trial.hessian is not None else objective.evaluate(new, 2)
            if _usable(whole):
                return new, whole
        step /= 2
    return None


def _usable(here: Evaluation) -> bool:
    """Return whether every derivative is finite."""
    return bool(np.isfinite(_gradient(here)).all() and np.isfinite(here.hessian).all())  # type: ignore[arg-type]


def _gradient(here: Evaluation) -> Numpy:
    assert here.gradient is not None
    return here.gradient


def _largest(here: Evaluation) -> float:
    return float(np.abs(_gradient(here)).max(initial=0.0))
