"""Show the progress of a run as a line of text, where there is no page."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, TextIO

from workbench.notebook.live.cards import outcome_of, sentence_of
from workbench.report import numbers

if TYPE_CHECKING:
    from workbench.protocols import Iterate
    from workbench.runs.run import Run

PAUSE = 0.5
"""Seconds between two lines of text."""


def in_jupyter() -> bool:
    """Return whether a Jupyter kernel runs this code, so that there may be a page."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class ProgressLine:
    """Follow a run in a terminal or a log: a line now and then, and one at the end.

    In a terminal the line is rewritten in place; elsewhere only the start and the end are written.
    """

    def __init__(self, run: Run, stream: TextIO | None = None) -> None:
        self._run = run
        self._stream = sys.stderr if stream is None else stream
        self._written_at = 0.0
        self._over = False
        self._lock = threading.Lock()
        run.trace.listen(self._on_step)
        run.listen(self._on_change)
        self._on_change(run)

    def _on_step(self, step: Iterate) -> None:
        if not self._stream.isatty() or time.monotonic() - self._written_at < PAUSE:
            return
        self._written_at = time.monotonic()
        value = numbers.log_likelihood(-step.objective * self._run.observations, running=True)
        self._write(f"\r\033[K{self._run.name}: step {step.number}, log-likelihood {value}")

    def _on_change(self, run: Run) -> None:
        outcome = outcome_of(run)
        with self._lock:
            if outcome is None or self._over:
                return
            self._over = True
        start = "\r\033[K" if self._stream.isatty() else ""
        self._write(f"{start}{run.name}: {outcome.status_label}. {sentence_of(run)}\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
