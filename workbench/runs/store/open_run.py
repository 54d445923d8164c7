"""A run in progress in this process: its steps are kept here until the next checkpoint."""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np

from workbench.estimation.inner_trace import Demeaning
from workbench.estimation.trace import Trace
from workbench.protocols import Iterate, Numpy
from workbench.runs.store.json_codec import dumps
from workbench.runs.store.worker import Act

FLOAT = "<f8"
"""How steps are stored: 8-byte floats, the low byte first."""


class OpenRun:
    """The steps of a run since the last checkpoint."""

    def __init__(
        self, run_id: str, names: tuple[str, ...], written: int = 0, began: float | None = None
    ) -> None:
        self.id = run_id
        self.names = names
        self.received = written
        self.written = written
        self.began = time.monotonic() if began is None else began
        self.state: tuple[str, int] | None = None
        self.state_taken = -np.inf
        self.demeaning: Demeaning | None = None
        self._swept = 0
        self._waiting: deque[Iterate] = deque()
        self._updating = threading.Lock()
        _OPEN[run_id] = self

    def record(self, step: Iterate) -> None:
        """Take a step; this is all that recording costs the fit."""
        self._waiting.append(step)
        self.received += 1

    def update(self) -> Act:
        """Return the write of everything recorded and not yet written."""
        with self._updating:  # the end of a run may meet its last checkpoint
            state, state_rows = self.state or (None, None)  # first, so that its rows are written
            steps = [self._waiting.popleft() for _ in range(len(self._waiting))]
            first, self.written = self.written, self.written + len(steps)
            inner_trace = self._inner_trace()
        step = steps[-1].number if steps else None
        seconds = time.monotonic() - self.began
        values = (time.time(), seconds, first + len(steps), step, state, state_rows, self.id)
        run_id, names = self.id, self.names

        def act(database: sqlite3.Connection) -> None:
            database.executemany(
                "INSERT INTO chunks (run, first, stage, rows) "
                "SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM runs WHERE id = ?1)",
                _chunks(run_id, first, steps, names),
            )
            database.executemany(
                "INSERT OR REPLACE INTO demeaning (run, first, heading, rows) "
                "SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM runs WHERE id = ?1)",
                inner_trace,
            )
            database.execute(
                "UPDATE runs SET heartbeat = ?, seconds = ?, rows = ?, step = coalesce(?, step), "
                "state = coalesce(?, state), state_rows = coalesce(?, state_rows) WHERE id = ?",
                values,
            )

        return act

    def _inner_trace(self) -> list[tuple[str, int, str, bytes]]:
        """Return what is new of the demeaning: run, position, heading and bytes."""
        if self.demeaning is None or len(self.demeaning) <= self._swept:
            return []
        rows, first = self.demeaning.rows(self._swept, figures=True), self._swept
        self._swept += len(rows)
        return [(self.id, first, dumps(self.demeaning.heading()), rows.astype(FLOAT).tobytes())]


def _chunks(
    run_id: str, first: int, steps: list[Iterate], names: tuple[str, ...]
) -> Iterator[tuple[str, int, str, bytes]]:
    """Yield the run, the position, the stage and the bytes of steps that share a stage."""
    for stage, group in groupby(steps, key=lambda step: step.stage):
        rows = _rows(group, names)
        yield run_id, first, stage, rows.astype(FLOAT).tobytes()
        first += len(rows)


def _rows(steps: Iterable[Iterate], names: tuple[str, ...]) -> Numpy:
    trace = Trace(names)
    for step in steps:
        trace.record(step)
    return trace.rows()


_OPEN: weakref.WeakValueDictionary[str, OpenRun] = weakref.WeakValueDictionary()


def is_open_here(run_id: str) -> bool:
    """Return whether this process has begun the run and not finished it."""
    return run_id in _OPEN
