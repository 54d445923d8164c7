"""When an optimization ends, decided here and not by the optimizer."""

from __future__ import annotations

from collections import deque

import numpy as np

from workbench.estimation.outcome import Outcome
from workbench.estimation.problem import Problem
from workbench.estimation.separation_evidence import SeparationEvidence
from workbench.protocols import Iterate, Numpy

# Newton converges quadratically: the step after the tolerance costs little and gives all digits.
_ALL_DIGITS = 1e-16
# Without a decrement the Hessian is looked at when N |g|^2 falls below this, then tenfold less.
_FIRST_LOOK = 1e-6
_QUIET_STEPS = 5
# An approximate problem's own maximum is off by its noise, far above these, in nats.
_NEAR, _NEAR_BY_GRADIENT = 0.1, 0.01
_WARM_START_STEPS = 50
# Maxima with log-likelihoods nearer than this, in nats, count as the same.
SAME_MAXIMUM = 1e-3
# A candidate is given up when this many times the gain its Newton step promises is too little.
_GENEROUS = 10


class StoppingRule:
    """Judge each step of one optimization.

    Parameters
    ----------
    problem
        Tells decrement, separation and precision.
    max_steps
        The step limit.
    """

    def __init__(self, problem: Problem, max_steps: int) -> None:
        self.evidence: SeparationEvidence | None = None
        self._problem = problem
        self._max_steps = max_steps
        self._look_below = _FIRST_LOOK
        self._previous = np.inf
        self._recent: deque[float] = deque(maxlen=_QUIET_STEPS + 1)

    def verdict(self, step: Iterate, theta: Numpy) -> Outcome | None:
        """Return how the optimization ends with this step, or None to go on."""
        if not np.isfinite(step.objective) and step.number > 0:
            return Outcome.NOT_FINITE
        if self._separated(step, theta):
            return Outcome.SEPARATED
        if self._at_maximum(step, theta) and self._problem.has_converged(theta):
            return Outcome.CONVERGED
        if self._lost_in_rounding(step):
            return Outcome.PRECISION
        return Outcome.STEP_LIMIT if step.number >= self._max_steps else None

    def _separated(self, step: Iterate, theta: Numpy) -> bool:
        power_of_two = step.number & (step.number - 1) == 0
        if step.decrement is None and not power_of_two:
            return False
        self.evidence = self._problem.separation(theta)
        return self.evidence is not None

    def _at_maximum(self, step: Iterate, theta: Numpy) -> bool:
        if step.decrement is None:
            return self._at_maximum_by_gradient(step, theta)
        before, self._previous = self._previous, step.decrement
        tolerance = self._problem.tolerance
        if step.decrement > tolerance:
            return False
        return step.decrement <= _ALL_DIGITS or before <= tolerance

    def _at_maximum_by_gradient(self, step: Iterate, theta: Numpy) -> bool:
        size = self._problem.observations * step.gradient_norm**2
        if not size <= self._look_below:
            return False
        self._look_below = size / 10
        return decrement_at(self._problem, theta) <= self._problem.tolerance

    def _lost_in_rounding(self, step: Iterate) -> bool:
        """Return whether the objective of a float32 run moves by less than its rounding."""
        if self._problem.precision != "float32":
            return False
        self._recent.append(step.objective)
        variation = max(self._recent) - min(self._recent)
        rounding = 4 * float(np.finfo(np.float32).eps) * abs(step.objective)
        return len(self._recent) > _QUIET_STEPS and variation <= rounding


class WarmStartRule(StoppingRule):
    """Judge the steps on an approximate problem, which need only come near its maximum."""

    def verdict(self, step: Iterate, theta: Numpy) -> Outcome | None:
        """Return how the warm start ends with this step, or None to go on."""
        if not np.isfinite(step.objective) and step.number > 0:
            return Outcome.NOT_FINITE
        if step.decrement is None:
            near = self._problem.observations * step.gradient_norm**2 <= _NEAR_BY_GRADIENT
        else:
            near = step.decrement <= _NEAR
        if near:
            return Outcome.CONVERGED
        return Outcome.STEP_LIMIT if step.number >= self._limit else None

    @property
    def _limit(self) -> int:
        """The step limit: slow steps in float32 are as good as those that follow."""
        single = self._problem.precision == "float32"
        return self._max_steps if single else min(self._max_steps, _WARM_START_STEPS)


class OtherModeRule(StoppingRule):
    """Judge the steps to another maximum, and stop once it is clear that it is a lower one.

    Parameters
    ----------
    problem, max_steps
        As for every optimization.
    best
        The log-likelihood of the best maximum so far, in nats.
    """

    def __init__(self, problem: Problem, max_steps: int, best: float) -> None:
        super().__init__(problem, max_steps)
        self._best, self.promised = best, -np.inf

    def verdict(self, step: Iterate, theta: Numpy) -> Outcome | None:
        """Return how the optimization ends with this step, or None to go on."""
        value = -(step.objective + self._problem.objective_shift) * self._problem.observations
        gain = (step.decrement or 0.0) / 2
        self.promised = value + gain
        known = step.decrement is not None
        if known and value + _GENEROUS * gain <= self._best + SAME_MAXIMUM:
            return Outcome.NO_PROGRESS
        return super().verdict(step, theta)


def decrement_at(problem: Problem, theta: Numpy) -> float:
    """Return the Newton decrement of the total log-likelihood, ``inf`` where it curves upwards."""
    curvature = problem.curvature(theta, scores=False)
    if not np.isfinite(curvature.information).all() or curvature.negative:
        return np.inf
    return curvature.decrement(problem.score(theta))
