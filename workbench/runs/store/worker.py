"""The one thread that touches the database, and the memory it falls back to."""

from __future__ import annotations

import atexit
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from workbench.errors import StoreError
from workbench.runs.store.database import notify, open_file, open_memory, transaction
from workbench.runs.store.location import shown

Act = Callable[[sqlite3.Connection], Any]
"""What one job does to the database; a write may be done again on another file."""

PERIOD = 1.0
"""Seconds between two checkpoints of the open runs."""
_CLOSING_SECONDS = 15.0
_OF_ONE_JOB = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError)
"""Errors caused by a job and not by the place."""
_OF_THE_PLACE = (sqlite3.Error, OSError, StoreError)


class Worker:
    """Do jobs on the database one after the other, in a thread that starts with the first.

    When the file cannot be used, jobs go on in memory and the writes are remembered, so that
    :meth:`retry` can bring them to the file.

    Parameters
    ----------
    path
        The file, or None for a store that is not kept.
    open_runs
        The runs that need checkpoints now.
    checkpoint
        Gives the write that brings the open runs up to date.
    """

    def __init__(
        self, path: Path | None, open_runs: Collection[str], checkpoint: Callable[[], Act]
    ) -> None:
        self.path = path
        self.trouble = ""
        self.unsaved: list[Act] = []
        self._open_runs = open_runs
        self._checkpoint = checkpoint
        self._connection: sqlite3.Connection | None = None
        self._queue: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._due = 0.0

    def write(self, act: Act) -> Future[Any]:
        """Queue a write, which is committed as a whole or not at all."""
        return self._put(partial(self._attempt, act, writes=True))

    def read(self, act: Act) -> Any:
        """Return what ``act`` reads, after all writes queued before it."""
        return self._put(partial(self._attempt, act, writes=False)).result()

    def flush(self) -> None:
        """Write the rows of open runs now and wait for it."""
        self._put(self._do_checkpoint).result()

    def retry(self) -> Future[bool]:
        """Try the file again; the result is True when everything is in it."""
        return self._put(self._back_to_file)

    def close(self) -> None:
        """Write what is due and end the thread; a later job starts it again."""
        with self._lock:
            if self._thread is None:
                return
            self._queue.put(None)
            self._ended.wait(_CLOSING_SECONDS)
            self._thread = None
        atexit.unregister(self.close)

    def forsake(self) -> None:
        """Forget the thread in a forked child, where it does not exist."""
        atexit.unregister(self.close)

    def __del__(self) -> None:
        """Close what was kept in memory, once nothing can ask for it."""
        if self._connection is not None and (self.path is None or self.trouble):
            self._connection.close()

    def _put(self, task: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        with self._lock:
            if self._thread is None:
                self._start()
            self._queue.put((task, future))
        return future

    def _start(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="workbench-store", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def _work(self) -> None:
        _settle(self._open, Future())
        while (item := self._next()) is not None:
            _settle(*item)
        for task in (self._do_checkpoint, self._back_to_file, self._rest):
            _settle(task, Future())
        self._ended.set()

    def _next(self) -> tuple[Callable[[], Any], Future[Any]] | None:
        """Wait for the next task, or for the next checkpoint while runs are open."""
        wait = max(0.0, self._due - time.monotonic()) if self._open_runs else None
        try:
            return self._queue.get(timeout=wait)
        except Empty:
            return self._do_checkpoint, Future()

    def _do_checkpoint(self) -> None:
        self._due = time.monotonic() + PERIOD
        if self._open_runs:
            self._attempt(self._checkpoint(), writes=True)

    def _attempt(self, act: Act, *, writes: bool) -> Any:
        try:
            return self._transact(act, writes=writes)
        except sqlite3.Error as error:
            if self.path is None or self.trouble or isinstance(error, _OF_ONE_JOB):
                raise
            self._to_memory(error)
            return self._transact(act, writes=writes)

    def _transact(self, act: Act, *, writes: bool) -> Any:
        assert self._connection is not None
        with transaction(self._connection, "IMMEDIATE" if writes else "DEFERRED"):
            result = act(self._connection)
        if writes and self.trouble:
            self.unsaved.append(act)
        return result

    def _open(self) -> None:
        if self._connection is not None:  # memory, which outlives the thread
            self._back_to_file()
        elif self.path is None:
            self._connection = open_memory(None)
        else:
            try:
                self._connection = open_file(self.path)
            except _OF_THE_PLACE as error:
                self._to_memory(error)

    def _to_memory(self, error: Exception) -> None:
        self.trouble = str(error)
        self._exchange(open_memory(self.path))
        notify(
            f"The record of runs at {shown(self.path)} cannot be written: {error}. Runs of this "
            "session are kept in memory only, and end with the kernel. Repair the place and call "
            "workbench.runs.store.retry(), or choose another one with use_store(path)."
        )

    def _back_to_file(self) -> bool:
        if not self.trouble or self.path is None:
            return True
        try:
            file = open_file(self.path)
        except _OF_THE_PLACE as error:
            self.trouble = str(error)
            return False
        try:
            with transaction(file):
                for act in self.unsaved:
                    act(file)
        except _OF_THE_PLACE as error:
            self.trouble = str(error)
            file.close()
            return False
        self._exchange(file)
        self.trouble = ""
        self.unsaved.clear()
        return True

    def _rest(self) -> None:
        """Close the file; memory stays, as it is all there is."""
        if self.path is not None and not self.trouble:
            self._exchange(None)

    def _exchange(self, connection: sqlite3.Connection | None) -> None:
        old, self._connection = self._connection, connection
        if old is not None:
            with suppress(sqlite3.Error):
                old.close()


def _settle(task: Callable[[], Any], future: Future[Any]) -> None:
    try:
        future.set_result(task())
    except Exception as error:  # noqa: BLE001  the thread must survive every job
        future.set_exception(error)
