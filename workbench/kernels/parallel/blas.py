"""Keep BLAS to one thread while a fit runs.

The threads of OpenBLAS, which numpy and scipy include, wait for each other in loops.  With other
work on the machine, a browser for instance, a fit of 0.1 s of work took 4 s on two cores,
and 0.3 s with one thread.  Sums over many rows use other threads, see `gram`.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy.linalg._umath_linalg
from scipy.linalg import cython_blas

_NAMES = (
    "scipy_openblas_{}_num_threads64_",
    "scipy_openblas_{}_num_threads",
    "openblas_{}_num_threads",
)
_LOCK = threading.Lock()
_before: list[int] = []
_inside = 0


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread until the last context has ended.

    The number applies to the whole process; libraries other than OpenBLAS do not change.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside  # noqa: PLW0603  the number of threads is the process's own
    with _LOCK:
        if _inside == 0:
            _before[:] = [get() for get, _ in _libraries()]
            for _, set_to in _libraries():
                set_to(1)
        _inside += 1


def _leave() -> None:
    global _inside  # noqa: PLW0603
    with _LOCK:
        _inside -= 1
        if _inside == 0:
            for number, (_, set_to) in zip(_before, _libraries(), strict=True):
                set_to(number)


@lru_cache(maxsize=1)
def _libraries() -> list[tuple[Callable[[], int], Callable[[int], None]]]:
    """Return how to read and set the number of threads, for numpy's OpenBLAS and for scipy's."""
    found: list[tuple[Callable[[], int], Callable[[int], None]]] = []
    for module in (numpy.linalg._umath_linalg, cython_blas):
        library = ctypes.CDLL(module.__file__)  # finds the library that the module is linked with
        for name in _NAMES:
            if hasattr(library, name.format("set")):
                found.append((library[name.format("get")], library[name.format("set")]))
                break
    return found
