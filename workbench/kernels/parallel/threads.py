"""Threads for passes over many rows; small data stay on the calling thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import pairwise
from typing import TypeVar

Found = TypeVar("Found")


def by_rows(task: Callable[[int, int], Found], rows: int, work: int, worth: int) -> list[Found]:
    """Run ``task(low, high)`` on ranges of rows in parallel, and return the results.

    Parameters
    ----------
    task
        A function that releases the GIL, as numpy does.
    rows
        The number of rows to divide.
    work, worth
        The size of the whole, and of a part that takes much longer than waking a thread.
    """
    parts = max(1, min(_threads(), work // worth))
    bounds = [rows * part // parts for part in range(parts + 1)]
    first, *others = (partial(task, low, high) for low, high in pairwise(bounds))
    try:
        rest = [_pool().submit(other).result for other in others]
    except RuntimeError:  # Python is shutting down, and the record of a run is still to be written
        rest = list(others)
    return [first(), *(result() for result in rest)]


def _threads() -> int:
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads(), thread_name_prefix="workbench-rows")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a child process has none of the threads
