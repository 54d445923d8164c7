"""Threads of our own for passes over many rows; small data stay on the thread that asks."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import pairwise
from typing import TypeVar

Found = TypeVar("Found")


def by_rows(task: Callable[[int, int], Found], rows: int, work: int, worth: int) -> list[Found]:
    """Do ``task(low, high)`` on stretches of rows at the same time, and return what each gave.

    Parameters
    ----------
    task
        Lets go of Python's lock while it works, as numpy does.
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
    except RuntimeError:  # Python is leaving, and the record of a run is still to be written
        rest = list(others)
    return [first(), *(result() for result in rest)]


def _threads() -> int:
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads(), thread_name_prefix="workbench-rows")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has none of the threads
