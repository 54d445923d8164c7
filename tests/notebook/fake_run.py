"""A run without a model: what a page needs of a run, moved by hand or by a thread."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from workbench.estimation.inner_trace import Demeaning
from workbench.estimation.outcome import Outcome
from workbench.estimation.specification import DataReference, Specification
from workbench.estimation.trace import Trace
from workbench.literals import Choice
from workbench.protocols import Iterate
from workbench.results.fit import Fit

OBSERVATIONS = 753.0


class FakeRun:
    """A run whose steps a test gives; it records into a real trace."""

    def __init__(
        self, name: str = "baseline", parameters: Iterable[str] = ("Intercept", "educ"), **settings
    ) -> None:
        self.id = uuid.uuid4().hex
        self.name = name
        self.parameter_names = tuple(parameters)
        self.trace = Trace(self.parameter_names)
        self.demeaning = Demeaning()
        self.specification = Specification(
            Choice("logit"),
            DataReference("sample", "mroz", rows=753, columns=22),
            formula="inlf ~ educ",
            name=name,
            **settings,
        )
        self.observations = OBSERVATIONS
        self.started = time.time()
        self.status = "running"
        self.message = ""
        self.phases: dict[str, tuple[str, float | None]] = {
            "demean": ("none", None),
            "optimize": ("current", None),
            "hessian": ("waiting", None),
            "report": ("waiting", None),
        }
        self.fit: Fit | None = None
        self.error: Exception | None = None
        self.orders: list[str] = []
        self.continued: list[str | None] = []
        self.going = threading.Event()
        self.going.set()
        self._listeners: list[Callable[[FakeRun], None]] = []

    def step(self, objective: float = 0.7, *, decrement: float | None = None, **figures) -> None:
        """Record one step; ``figures`` override gradient, step length, parameters."""
        number = len(self.trace)
        figures = {
            "gradient_norm": 0.1,
            "step_length": 0.2,
            "params": np.full(len(self.parameter_names), float(number)),
            "seconds": self.elapsed(),
            "evaluations": number + 1,
            **figures,
        }
        self.trace.record(
            Iterate(number=number, objective=objective, decrement=decrement, **figures)
        )

    def end(
        self,
        outcome: Outcome = Outcome.CONVERGED,
        message: str = "Converged after 5 steps: the Newton decrement is 1.7 × 10⁻²⁴.",
        **found,
    ) -> None:
        """End with a fit at the last step."""
        last = self.trace.last
        self.fit = Fit(
            specification=self.specification,
            outcome=outcome,
            message=message,
            params=pd.Series(last.params if last else np.nan, self.parameter_names, dtype=float),
            loglik=-self.observations * (last.objective if last else np.nan),
            loglik_null=None,
            nobs=self.observations,
            depvar="inlf",
            model_title="Binary logit",
            decrement=None if last is None else last.decrement,
            trace=self.trace,
            **found,
        )
        self.phases = dict.fromkeys(self.phases, ("done", 0.01))
        self.change("done")

    def fail(self, error: Exception) -> None:
        """End without a fit."""
        self.error = error
        self.change("failed")

    def change(self, status: str) -> None:
        """Take a new status and tell the listeners."""
        self.status = status
        for listener in tuple(self._listeners):
            listener(self)

    def listen(self, callback: Callable[[FakeRun], None]) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback) if callback in self._listeners else None

    @property
    def outcome(self) -> Outcome | None:
        if self.fit is not None:
            return self.fit.outcome
        return {"failed": Outcome.FAILED, "done": Outcome.CANCELLED}.get(self.status)

    def elapsed(self) -> float:
        return time.time() - self.started

    def pause(self) -> None:
        self.orders.append("pause")
        self.going.clear()
        self.change("paused")

    def resume(self) -> None:
        self.orders.append("resume")
        self.going.set()
        self.change("running")

    def stop(self) -> None:
        self.orders.append("stop")
        self.going.set()
        self.change("stopping")

    def cancel(self) -> None:
        self.orders.append("cancel")
        self.going.set()
        self.change("stopping")

    def continue_with(
        self,
        optimizer: str | None = None,
        max_steps: int | None = None,
    ) -> FakeRun:
        self.continued.append(optimizer)
        return FakeRun(f"{self.name} continued", self.parameter_names)
