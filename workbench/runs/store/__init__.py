"""The record of runs, and which one is in use."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from workbench.errors import StoreError
from workbench.runs.store.database import StoreWarning, notify
from workbench.runs.store.records import RunRecord, StoredRun
from workbench.runs.store.store import Store

__all__ = [
    "RunRecord",
    "Store",
    "StoreWarning",
    "StoredRun",
    "current_store",
    "retry",
    "store_path",
    "use_store",
]

_lock = threading.Lock()
_chosen: Store | None = None


def current_store() -> Store:
    """Return the store in use, which is opened by its first use."""
    global _chosen  # noqa: PLW0603  the place of the record is the one choice of a session
    with _lock:
        if _chosen is None:
            _chosen = _default()
        return _chosen


def use_store(path: str | os.PathLike[str] | None = None) -> Path | None:
    """Keep the record of runs in the file ``path`` from now on, and return its full path.

    Runs that go on stay in the former store; what could not be written there comes along.

    Parameters
    ----------
    path
        A file of this machine; ``":memory:"`` to keep nothing; None for the default place.

    Raises
    ------
    StoreError
        When the former store is in memory for want of a place and its runs have not ended.
    """
    global _chosen  # noqa: PLW0603
    chosen, former = Store(path), _chosen
    if former is not None:
        _leave(former, chosen)
    with _lock:
        _chosen = chosen
    return chosen.path


def store_path() -> Path | None:
    """Return the file in which runs are recorded; None for a store in memory."""
    return current_store().path


def retry() -> bool:
    """Write runs that are only in memory to their file; True when everything is there."""
    return current_store().retry()


def _default() -> Store:
    try:
        return Store()
    except StoreError as error:
        notify(f"{error.problem} Runs of this session are kept in memory only.")
        return Store(":memory:")


def _leave(former: Store, chosen: Store) -> None:
    if former.trouble and former.open_runs:
        raise StoreError(
            "Runs that have not ended are kept in memory and cannot move to another place.",
            hint="wait for their end or stop them, then choose the place again.",
            code="store-busy",
        )
    if former.trouble:
        former.hand_over(chosen)
    if not former.open_runs:
        former.close()
