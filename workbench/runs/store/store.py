"""The record of runs: crash-safe, shared by all kernels of a person, read without running it."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import StoreError
from workbench.estimation.trace import Listener
from workbench.runs.store.database import notify
from workbench.runs.store.json_codec import dumps
from workbench.runs.store.location import chosen_path, shown
from workbench.runs.store.open_run import OpenRun
from workbench.runs.store.owner import this_process
from workbench.runs.store.queries import (
    claim_run,
    list_runs,
    read_run,
    resolve,
    take_in,
    whole_content,
)
from workbench.runs.store.records import RunRecord, StoredRun
from workbench.runs.store.worker import PERIOD, Act, Worker

if TYPE_CHECKING:
    import pandas as pd

    from workbench.estimation.inner_trace import Demeaning

State = Mapping[str, Any]

_STORES: weakref.WeakSet[Store] = weakref.WeakSet()
_LEFT_TO_PARENT: list[Worker] = []
"""Workers inherited by a forked child: their connections must not even be closed there."""


class Store:
    """Keep runs in one SQLite file that several processes may use at once.

    Writing never blocks a fit and never raises an error in it: one thread writes, immediately at
    the start and the end of a run and about once a second between them.  Reading sees every write
    before it.  A place that cannot be written gives a warning, and the runs are kept in memory.

    Parameters
    ----------
    path
        The file; ``":memory:"`` keeps nothing; by default ``WORKBENCH_STORE`` or the user's
        data folder.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = chosen_path(path)
        self._start_afresh()
        _STORES.add(self)

    def begin(
        self,
        run_id: str,
        specification: Mapping[str, Any],
        provenance: Mapping[str, Any],
        parameter_names: Sequence[str],
    ) -> None:
        """Record that a run begins now; ``run_id`` must be new, such as a uuid's hex digits.

        Neither mapping may change afterwards.
        """
        names, owner, now = tuple(parameter_names), this_process(), time.time()
        what = (specification.get("name", ""), specification, provenance, names, owner)
        self._open[run_id] = OpenRun(run_id, names)
        if self._worker.trouble:
            self._worker.retry()
        self._write(
            lambda database: database.execute(
                "INSERT INTO runs (id, name, specification, provenance, parameters, owner, "
                "started, heartbeat) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (run_id, *map(dumps, what), now, now),
            )
        )

    def claim(self, run_id: str, *, back_to_state: bool = False) -> StoredRun:
        """Take over an interrupted run, so that its later steps follow the recorded ones.

        Parameters
        ----------
        run_id
            Its id, a beginning of it, or its number.
        back_to_state
            Whether to forget the steps after the optimizer's last state, so that the run goes on
            from there as if it had never been interrupted.

        Raises
        ------
        StoreError
            When the run is unknown, has ended, or still runs in some process.
        """
        owner, now = dumps(this_process()), time.time()
        stored: StoredRun = self._worker.write(
            lambda database: claim_run(database, run_id, owner, now, back_to_state)
        ).result()
        begun = time.monotonic() - stored.record.seconds
        self._open[stored.record.id] = OpenRun(
            stored.record.id, stored.parameter_names, len(stored.rows), begun
        )
        return stored

    def listener(self, run_id: str) -> Listener:
        """Return the function to which a trace gives each step of the run."""
        return self._open[run_id].record

    def keep_demeaning(self, run_id: str, demeaning: Demeaning) -> None:
        """Record from now on the iterations that ``demeaning`` has and gets."""
        self._open[run_id].demeaning = demeaning

    def checkpoint(
        self, run_id: str, optimizer_state: State | Callable[[], State | None] | None = None
    ) -> None:
        """Keep the optimizer's state of this moment, if the last one is older than a second.

        Parameters
        ----------
        run_id
            A run that has begun.
        optimizer_state
            What the optimizer needs to go on, or a function that gives it and is only called
            when the state will be kept.
        """
        run = self._open[run_id]
        if time.monotonic() - run.state_taken < PERIOD:
            return
        state = optimizer_state() if callable(optimizer_state) else optimizer_state
        if (text := _text(state)) is not None:
            run.state = (text, run.received)
            run.state_taken = time.monotonic()

    def finish(
        self, run_id: str, outcome_name: str, result: State | None = None, message: str = ""
    ) -> None:
        """Record how a run ended, and what it found; ``result`` may not change afterwards."""
        last_steps, found = self._open.pop(run_id).update(), result or {}
        figures = [_number(found.get(key)) for key in ("loglik", "nobs")]
        seconds = _number(found.get("timing", {}).get("total"))

        def act(database: sqlite3.Connection) -> None:
            last_steps(database)
            database.execute(
                "UPDATE runs SET outcome = ?, message = ?, result = ?, loglik = ?, "
                "observations = ?, seconds = coalesce(?, seconds) WHERE id = ?",
                (outcome_name, dumps(message), _text(result), *figures, seconds, run_id),
            )

        self._write(act)

    def runs(self) -> list[RunRecord]:
        """List all runs, starred ones first, then the newest."""
        records: list[RunRecord] = self._worker.read(list_runs)
        return records

    def runs_frame(self) -> pd.DataFrame:
        """List all runs as a frame; ``frame.attrs["place"]`` says where they are kept."""
        from workbench.runs.store.listing import runs_table

        return runs_table(self.runs(), self.place)

    def read(self, run_id: str | int) -> StoredRun:
        """Return one run whole.

        Parameters
        ----------
        run_id
            Its id, a beginning of it that fits no other, or its number.

        Raises
        ------
        StoreError
            When no run, or more than one, is meant; or when what is stored is damaged.
        """
        stored: StoredRun = self._worker.read(lambda database: read_run(database, run_id))
        return stored

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name."""
        self._change(run_id, "UPDATE runs SET name = ? WHERE id = ?", dumps(name))

    def star(self, run_id: str, starred: bool = True) -> None:
        """Put a star on a run, or take it away."""
        self._change(run_id, "UPDATE runs SET starred = ? WHERE id = ?", int(starred))

    def delete(self, run_id: str) -> None:
        """Forget a run and its steps."""
        self._change(run_id, "DELETE FROM runs WHERE id = ?")

    @property
    def place(self) -> str:
        """Where the runs are kept, as text, with the home directory as ``~``."""
        kept = shown(self.path)
        return f"memory only, not {kept}: {self.trouble}" if self.trouble else kept

    @property
    def trouble(self) -> str:
        """The reason why the file is not used; empty when it is."""
        return self._worker.trouble

    @property
    def open_runs(self) -> tuple[str, ...]:
        """The runs this store has begun and not finished."""
        return tuple(self._open)

    def retry(self) -> bool:
        """Bring what is only in memory to the file; True when everything is there."""
        return self._worker.retry().result()

    def hand_over(self, other: Store) -> None:
        """Give all runs to another store, which takes those it does not have."""
        content = self._worker.read(whole_content)
        other._write(lambda database: take_in(database, *content))

    def flush(self) -> None:
        """Write everything recorded so far and wait until that is done."""
        self._worker.flush()

    def close(self) -> None:
        """Write everything and let go of the file; using the store again opens it again."""
        self._worker.close()

    def __repr__(self) -> str:
        return f"Store({self.place})"

    def _start_afresh(self) -> None:
        self._open: dict[str, OpenRun] = {}
        self._worker = Worker(self.path, self._open, self._checkpoint)

    def _leave_to_parent(self) -> None:
        """Start anew in a forked child, which has no such thread and none of the runs."""
        self._worker.forsake()
        _LEFT_TO_PARENT.append(self._worker)
        self._start_afresh()

    def _checkpoint(self) -> Act:
        updates = [run.update() for run in tuple(self._open.values())]
        return lambda database: [update(database) for update in updates]

    def _write(self, act: Act) -> None:
        self._worker.write(act).add_done_callback(_report)

    def _change(self, run_id: str, statement: str, *values: Any) -> None:
        full = self._worker.read(lambda database: resolve(database, run_id))
        self._worker.write(lambda database: database.execute(statement, (*values, full))).result()


def _report(write: Future[Any]) -> None:
    if error := write.exception():
        notify(f"The record of runs could not take an entry: {error}")


def _text(value: State | None) -> str | None:
    """Write what can be stored; the rest is reported and does not end the fit."""
    if value is None:
        return None
    try:
        return dumps(value)
    except StoreError as error:
        notify(f"A part of this run is not recorded: {error.problem}")
        return None


def _number(value: Any) -> float | None:
    """Return a figure for the list, which shows nothing for NaN and what is not a number."""
    with suppress(TypeError, ValueError):
        return None if np.isnan(figure := float(value)) else figure
    return None


def _after_fork() -> None:
    for store in tuple(_STORES):
        store._leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
