"""A trust region with the exact Hessian, for likelihoods that are not concave everywhere."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import brentq

from workbench.optimizers.base import OptimizerOptions
from workbench.options import Kind, option
from workbench.protocols import Evaluation, Iterate, Numpy, Objective

_SMALLEST_RADIUS = 1e-14
# An expected fall below this share of the objective is below its rounding error.
_ROUNDING = 16 * np.finfo(float).eps


@dataclass(frozen=True)
class TrustRegion(OptimizerOptions):
    """Minimize the quadratic model exactly within a ball whose radius follows its success.

    Parameters
    ----------
    radius
        The first radius, in the optimizer's scaled coordinates.
    max_steps
        The step limit; None leaves it to the run.

    References
    ----------
    Moré and Sorensen (1983), "Computing a trust region step", SIAM J. Sci. Stat. Comput. 4(3).
    Nocedal and Wright (2006), "Numerical Optimization", algorithm 4.1.
    """

    name: ClassVar[str] = "trust-region"
    title: ClassVar[str] = "Trust region"

    radius: float = option(
        1.0, kind=Kind.NUMBER, above=0.0, help="first radius, in standard coordinates"
    )

    def iterate(self, objective: Objective, start: Numpy) -> Generator[Iterate, None, None]:
        """Yield the start and then each accepted step."""
        theta, here, radius, length, number = (
            start,
            objective.evaluate(start, 2),
            self.radius,
            0.0,
            0,
        )
        while True:
            assert here.gradient is not None
            assert here.hessian is not None
            values, vectors = np.linalg.eigh(here.hessian)
            rotated = vectors.T @ here.gradient
            yield Iterate(
                number,
                theta,
                here.value,
                float(np.abs(here.gradient).max(initial=0.0)),
                length,
                _decrement(values, rotated, objective.observations),
            )
            while True:
                step = vectors @ _ball_step(values, rotated, radius)
                trial = objective.evaluate(theta + step, 2)
                ratio = _success(here, trial, step)
                length = float(np.linalg.norm(step))
                radius = _next_radius(radius, length, ratio)
                if ratio > 0.1:
                    break
                if radius < _SMALLEST_RADIUS:
                    return
            theta, here, number = theta + step, trial, number + 1


def _decrement(values: Numpy, rotated: Numpy, observations: float) -> float | None:
    if values[0] <= 0:
        return None
    return float(observations * np.sum(rotated**2 / values))


@np.errstate(over="ignore", divide="ignore")
def _ball_step(values: Numpy, rotated: Numpy, radius: float) -> Numpy:
    """Minimize the model within the ball, in the Hessian's eigenbasis, shape ``(k,)``."""
    if values[0] > 0 and np.linalg.norm(rotated / values) <= radius:
        return np.asarray(-rotated / values)
    floor = max(0.0, -values[0])

    def excess(shift: float) -> float:
        return float(1 / radius - 1 / np.linalg.norm(rotated / (values + floor + shift)))

    top = max(float(np.linalg.norm(rotated)) / radius, 1e-12)
    tiny = 1e-14 * max(1.0, abs(float(values[-1])))
    if excess(tiny) <= 0:  # The hard case: go along the most negative curvature as well.
        inside = -rotated / (values + floor + tiny)
        inside[0] += np.sqrt(max(radius**2 - float(inside @ inside), 0.0))
        return np.asarray(inside)
    shift = brentq(excess, tiny, 2 * top + tiny)
    return np.asarray(-rotated / (values + floor + shift))


def _success(here: Evaluation, trial: Evaluation, step: Numpy) -> float:
    """Compare the fall of the objective with the fall of the quadratic model."""
    assert here.gradient is not None
    assert here.hessian is not None
    derivatives = trial.gradient, trial.hessian
    if not np.isfinite(trial.value) or any(not np.isfinite(d).all() for d in derivatives):  # type: ignore[arg-type]
        return -1.0
    promised = -(here.gradient @ step + step @ here.hessian @ step / 2)
    fallen = here.value - trial.value
    if promised <= _ROUNDING * abs(here.value):
        return 1.0 if abs(fallen) <= _ROUNDING * abs(here.value) else -1.0
    return float(fallen / promised)


def _next_radius(radius: float, length: float, ratio: float) -> float:
    if ratio < 0.25:
        return length / 4
    if ratio > 0.75 and length > 0.9 * radius:
        return 2 * radius
    return radius
