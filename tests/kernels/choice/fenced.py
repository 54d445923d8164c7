"""Run a compiled pass with each array between two protected pages.

Compiled passes do not check bounds, so an access outside an array ends this process.
`test_fences.py` runs it.
"""

from __future__ import annotations

import ctypes
import mmap
import sys

import numpy as np

from tests.kernels.choice.test_kernels import MODELS, set_up
from workbench.kernels.choice.passes import compiled
from workbench.kernels.choice.passes.compiled import CompiledPass
from workbench.kernels.choice.passes.structure import structure_of

PAGE = mmap.PAGESIZE
LIBRARY = ctypes.CDLL(None, use_errno=True)


class Fenced:
    """Arrays that end, or begin, at the edge of their memory."""

    def __init__(self, *, at_the_end: bool) -> None:
        self._at_the_end = at_the_end
        self._maps: list[mmap.mmap] = []

    def copy(self, array):
        """Return a copy next to a protected page."""
        if not array.size:
            return array
        pages = -(-array.nbytes // PAGE)
        memory = mmap.mmap(-1, (pages + 2) * PAGE)
        self._maps.append(memory)
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for edge in (base, base + (pages + 1) * PAGE):
            assert LIBRARY.mprotect(ctypes.c_void_p(edge), ctypes.c_size_t(PAGE), 0) == 0
        at = PAGE + (pages * PAGE - array.nbytes if self._at_the_end else 0)
        found = np.frombuffer(memory, array.dtype, array.size, at).reshape(array.shape)
        found[...] = array
        return found


def check(model, *, at_the_end):
    """Compare a fenced pass with one that is not."""
    random, correlated, wtp = model
    data, draws, theta = set_up(model)
    form = structure_of(data.columns, random, correlated, wtp)
    expected = CompiledPass(data, form, draws).run(theta, 2, scores=True, means=True)
    fences, run = Fenced(at_the_end=at_the_end), compiled.run

    def fenced(low, high, order, made, persons, weights, plan, theta, workspace, *found):
        inside = [fences.copy(array) for array in (weights, plan, theta, workspace, *found)]
        sums = run(low, high, order, made, tuple(map(fences.copy, persons)), *inside)
        for mine, theirs in zip(found, inside[4:], strict=True):
            mine[...] = theirs
        return sums

    compiled.run = fenced
    try:
        got = CompiledPass(data, form, draws).run(theta, 2, scores=True, means=True)
    finally:
        compiled.run = run
    np.testing.assert_array_equal(got.scores, expected.scores)
    np.testing.assert_array_equal(got.totals.hessian, expected.totals.hessian)


def say(word):
    """Print progress at once."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    for name, model in MODELS.items():
        say(name)
        check(model, at_the_end=True)
        check(model, at_the_end=False)
    say("inside")
