"""The record of a run's steps, which grows while listeners read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.estimation.observable import Observable
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


class Trace(Observable[Iterate]):
    """All steps of a run so far; see :class:`Observable`."""

    def __init__(self, parameter_names: Sequence[str] = ()) -> None:
        super().__init__()
        self.parameter_names = tuple(parameter_names)

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

    def rows(self, first: int = 0) -> Numpy:
        """Return the steps from ``first`` on as an array ``(steps, 7 + k)``, `FIGURES` first."""
        return np.array([_row(step) for step in self.since(first)], dtype=np.float64).reshape(
            -1, len(FIGURES) + len(self.parameter_names)
        )

    @property
    def best(self) -> Iterate | None:
        """The step with the smallest finite objective, or None before the first."""
        finite = [step for step in self.since(0) if np.isfinite(step.objective)]
        return min(finite, key=lambda step: step.objective, default=None)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per step: the figures, then the parameters by name."""
        import pandas as pd

        frame = pd.DataFrame(self.rows(), columns=[*FIGURES, *self.parameter_names])
        frame.insert(0, "stage", [step.stage for step in self.since(0)][: len(frame)])
        return frame.astype({"number": int, "evaluations": int})

    def __repr__(self) -> str:
        return f"Trace of {len(self)} steps"


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
