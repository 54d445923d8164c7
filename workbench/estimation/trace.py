"""The record of a run's steps, which grows while others listen."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.protocols import Iterate, Numpy

if TYPE_CHECKING:
    import pandas as pd

Listener = Callable[[Iterate], None]

FIGURES = (
    "number",
    "seconds",
    "evaluations",
    "objective",
    "gradient_norm",
    "decrement",
    "step_length",
)
"""The figures of a step in the order of :meth:`Trace.rows`; the parameters follow them."""


class Trace(Sequence[Iterate]):
    """All steps of a run so far.

    The position of a step in the trace is its sequence number: a listener that has seen ``m``
    steps asks for ``trace.since(m)``.  Reading is safe from any thread.
    """

    def __init__(self, parameter_names: Sequence[str] = ()) -> None:
        self.parameter_names = tuple(parameter_names)
        self._steps: list[Iterate] = []
        self._listeners: list[Listener] = []
        self._lock = threading.RLock()

    @classmethod
    def from_rows(
        cls,
        parameter_names: Sequence[str],
        rows: Sequence[Sequence[float]],
        stages: Sequence[str] = (),
    ) -> Trace:
        """Rebuild a trace from `rows`, the optimizer's stage where none is given."""
        trace = cls(parameter_names)
        for position, row in enumerate(rows):
            stage = stages[position] if stages else "optimize"
            trace.record(_step(np.asarray(row, dtype=np.float64), stage))
        return trace

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the steps without those who listen."""
        return {"parameter_names": self.parameter_names, "_steps": self.since(0)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__()  # type: ignore[misc]
        self.__dict__.update(state)

    def record(self, step: Iterate) -> None:
        """Append a step and tell the listeners; one that raises is reported once and dropped."""
        with self._lock:
            self._steps.append(step)
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener(step)
            except Exception as error:  # noqa: BLE001  a listener must never end a fit
                self._drop(listener, error)

    def listen(self, listener: Listener, *, replay: bool = False) -> Callable[[], None]:
        """Call ``listener`` with every later step; the function returned ends that.

        With ``replay`` it hears the steps so far first, none twice and none left out.
        """
        with self._lock:
            for step in self._steps if replay else ():
                listener(step)
            self._listeners.append(listener)
        return lambda: self._forget(listener)

    def since(self, sequence: int) -> list[Iterate]:
        """Return the steps from position ``sequence`` on."""
        with self._lock:
            return self._steps[sequence:]

    def rows(self, first: int = 0) -> Numpy:
        """Return the steps from ``first`` on as an array ``(steps, 7 + k)``, `FIGURES` first."""
        return np.array([_row(step) for step in self.since(first)], dtype=np.float64).reshape(
            -1, len(FIGURES) + len(self.parameter_names)
        )

    @property
    def last(self) -> Iterate | None:
        """The newest step, or None before the first."""
        with self._lock:
            return self._steps[-1] if self._steps else None

    @property
    def best(self) -> Iterate | None:
        """The step with the smallest finite objective, or None before the first."""
        finite = [step for step in self.since(0) if np.isfinite(step.objective)]
        return min(finite, key=lambda step: step.objective, default=None)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a step: the figures, then the parameters by name."""
        import pandas as pd

        frame = pd.DataFrame(self.rows(), columns=[*FIGURES, *self.parameter_names])
        frame.insert(0, "stage", [step.stage for step in self.since(0)][: len(frame)])
        return frame.astype({"number": int, "evaluations": int})

    def __len__(self) -> int:
        with self._lock:
            return len(self._steps)

    def __iter__(self) -> Iterator[Iterate]:
        return iter(self.since(0))

    def __getitem__(self, position):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204
        return self.since(0)[position]

    def __repr__(self) -> str:
        return f"Trace of {len(self)} steps"

    def _forget(self, listener: Listener) -> None:
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def _drop(self, listener: Listener, error: Exception) -> None:
        self._forget(listener)
        warnings.warn(
            f"A listener of the trace raised {type(error).__name__}: {error}. "
            "It hears no further steps; the fit goes on.",
            RuntimeWarning,
            stacklevel=3,
        )


def _row(step: Iterate) -> list[float]:
    figures = [
        step.number,
        step.seconds,
        step.evaluations,
        step.objective,
        step.gradient_norm,
        np.nan if step.decrement is None else step.decrement,
        step.step_length,
    ]
    return [*figures, *step.params]


def _step(row: Numpy, stage: str) -> Iterate:
    """Return the step that a row of figures and parameters describes; the inverse of `_row`."""
    figures = dict(zip(FIGURES, row.tolist(), strict=False))
    decrement = figures["decrement"]
    return Iterate(
        number=int(figures["number"]),
        params=row[len(FIGURES) :].copy(),
        objective=figures["objective"],
        gradient_norm=figures["gradient_norm"],
        step_length=figures["step_length"],
        decrement=None if np.isnan(decrement) else decrement,
        seconds=figures["seconds"],
        evaluations=int(figures["evaluations"]),
        stage=stage,
    )
