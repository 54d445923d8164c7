"""Pause and stop a run from any thread, before its next evaluation."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np

from workbench.estimation.objective import ScaledObjective
from workbench.protocols import Evaluation, Interrupted, Numpy, Order

# Steihaug's inner loop in pytorch-minimize 0.1 does not end where rounding hides the curvature.
_PATIENCE, _PATIENCE_PER_PARAMETER = 1_000, 50


class StalledError(RuntimeError):
    """Raised inside an evaluation when an optimizer evaluates endlessly without taking a step."""


@dataclass
class Best:
    """The best point evaluated so far."""

    params: Numpy
    value: float = np.inf


class Control:
    """Pause, stop and cancel a run, from any thread."""

    def __init__(self) -> None:
        self._go = threading.Event()
        self._go.set()
        self.stopping = False
        self.cancelled = False
        self._paused_seconds, self._since = 0.0, 0.0

    def pause(self) -> None:
        """Pause the run before its next evaluation."""
        self._go.clear()

    def resume(self) -> None:
        """Continue a paused run."""
        self._go.set()

    def stop(self, *, cancel: bool = False) -> None:
        """End the run before its next evaluation."""
        self.cancelled = self.cancelled or cancel
        self.stopping = True
        self._go.set()

    @property
    def paused(self) -> bool:
        """Whether the run is paused."""
        return not self._go.is_set()

    @property
    def paused_seconds(self) -> float:
        """The seconds that the run has been paused, which do not count as its work."""
        since = self._since
        return self._paused_seconds + (time.perf_counter() - since if since else 0.0)

    def check(self) -> None:
        """Wait while paused.

        Raises
        ------
        Interrupted
            When the run is to end.
        """
        if self.paused:
            self._since = time.perf_counter()
            while not self._go.wait(0.2):
                pass
            self._paused_seconds, self._since = self.paused_seconds, 0.0
        if self.stopping:
            raise Interrupted


class SteeredObjective:
    """An objective that checks a `Control` before each evaluation, and counts evaluations."""

    def __init__(self, objective: ScaledObjective, control: Control) -> None:
        self.size = objective.size
        self.observations = objective.observations
        self.backend_name = objective.backend_name
        self.evaluations = 0
        self.best = Best(np.full(objective.size, np.nan))
        self._objective = objective
        self._control = control
        self._asked = 0
        self._patience = _PATIENCE + _PATIENCE_PER_PARAMETER * objective.size

    def evaluate(self, theta: Numpy, order: Order = 0) -> Evaluation:
        """Evaluate, unless the run is to end."""
        self._check()
        found = self._objective.evaluate(theta, order)
        self.evaluations += 1
        if found.value < self.best.value:
            self.best = Best(np.array(theta, dtype=np.float64), found.value)
        return found

    def hessian_vector(self, theta: Numpy, vector: Numpy) -> Numpy:
        """Multiply with the Hessian, unless the run is to end."""
        self._check()
        self.evaluations += 1
        return self._objective.hessian_vector(theta, vector)

    def step_taken(self) -> None:
        """Allow the optimizer as many evaluations again."""
        self._asked = 0

    def _check(self) -> None:
        self._control.check()
        self._asked += 1
        if self._asked > self._patience:
            raise StalledError(f"no step in {self._patience:,} evaluations")
