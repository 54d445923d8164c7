"""What the store returns: one line of the list of runs, and one complete run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.estimation.inner_trace import Demeaning
from workbench.estimation.outcome import Outcome
from workbench.estimation.trace import FIGURES, Trace
from workbench.protocols import Numpy
from workbench.runs.store.location import shown

Status = Literal["running", "interrupted", "ended"]


@dataclass(frozen=True)
class RunRecord:
    """One run as the list of runs shows it.

    Attributes
    ----------
    id, number
        A unique id, and a counter that gives the order whatever the clock did.
    status
        ``"running"`` in this or another process, ``"ended"``, or ``"interrupted"`` when its
        process ended first.
    step, rows
        The number of the last recorded step (None before the first), and how many are recorded.
    started, seconds
        Start in seconds since the epoch, and duration in seconds.
    loglik, observations
        Log-likelihood in nats and number of observations, once the run has ended.
    """

    id: str
    number: int
    name: str
    starred: bool
    specification: Mapping[str, Any]
    status: Status
    outcome: Outcome | None
    message: str
    step: int | None
    rows: int
    started: float
    seconds: float
    loglik: float | None
    observations: float | None

    @property
    def model(self) -> str:
        """The name of the model."""
        return str(self.specification.get("model", {}).get("name", ""))

    @property
    def data(self) -> str:
        """The name of the data; a path in the home directory begins with ``~``."""
        return _data_name(self.specification.get("data", {}))

    @property
    def status_label(self) -> str:
        """The sign and word of the run's state, as in ``"● Running"``."""
        if self.status == "running":
            return "● Running"
        return self.outcome.status_label if self.outcome is not None else "? Unknown"

    @property
    def sentence(self) -> str:
        """The run's state, in words."""
        if self.status == "ended":
            return self.message or (self.outcome.value if self.outcome else "")
        step = "before its first step" if self.step is None else f"at step {self.step:,}"
        if self.status == "running":
            return f"running, {step}"
        return f"interrupted {step}, can be resumed"


@dataclass(frozen=True)
class StoredRun:
    """One run with everything that was kept of it.

    Attributes
    ----------
    rows, stages
        The steps as :meth:`Trace.rows` gives them, shape ``(steps, 7 + k)``, and their stages.
    demeaning
        The iterations of demeaning.
    optimizer_state, state_rows
        The optimizer's last checkpoint, and how many rows had been recorded when it was taken.
    result
        What the run found, or None before its end.
    """

    record: RunRecord
    specification: dict[str, Any]
    provenance: dict[str, Any]
    parameter_names: tuple[str, ...]
    rows: Numpy
    stages: tuple[str, ...]
    demeaning: Demeaning
    optimizer_state: dict[str, Any] | None
    state_rows: int
    result: dict[str, Any] | None

    @property
    def status(self) -> Status:
        """``"running"``, ``"interrupted"`` or ``"ended"``."""
        return self.record.status

    @property
    def last_params(self) -> Numpy | None:
        """The parameters of the last step, shape ``(k,)``, or None before the first."""
        return self.rows[-1, len(FIGURES) :].copy() if len(self.rows) else None

    @property
    def trace(self) -> Trace:
        """The steps as a trace, to be shown or continued."""
        return Trace.from_rows(self.parameter_names, self.rows.tolist(), self.stages)


def _data_name(data: Mapping[str, Any]) -> str:
    name = str(data.get("name", ""))
    return shown(Path(name)) if data.get("kind") == "file" else name
