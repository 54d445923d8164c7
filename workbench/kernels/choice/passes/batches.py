"""Persons in batches, so that a pass computes sixteen (or so) of them at a time.

Persons of a block share one shape: as many situations, and in each as many alternatives, as the
largest of them has.  Alternatives that a person does not have are masked: their utility is in
effect minus infinity, so that they add nothing.  Persons are sorted by shape, so few are masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from workbench.kernels.choice.situations import Situations
from workbench.protocols import Numpy

Int64 = npt.NDArray[np.int64]
MASKED = -1e300
"""The utility of an alternative that is not available."""


@dataclass(frozen=True, eq=False)
class Batches:
    """Choice situations in blocks of persons, lanes last.

    Attributes
    ----------
    lanes
        The number of persons of a block.
    order
        The person in each place, ``(blocks * lanes,)``; -1 where there is none.
    first
        Where the situations of each block begin, ``(blocks + 1,)``.
    row_first
        Where the rows of each situation of a block begin, ``(situations + 1,)``.
    x
        Shape ``(rows, p, lanes)``.
    mask
        ``MASKED`` where a person has no such row, else 0, ``(rows, lanes)``; None where all have.
    weights
        Of persons, ``(blocks, lanes)``, 0 where there is none.
    """

    lanes: int
    order: Int64
    first: Int64
    row_first: Int64
    x: Numpy
    mask: Numpy | None
    weights: Numpy

    @property
    def blocks(self) -> int:
        """The number of blocks."""
        return len(self.first) - 1

    def scatter(self, values: Numpy) -> Numpy:
        """Arrange values of persons ``(n, ...)`` in blocks, ``(blocks, ..., lanes)``."""
        places = np.zeros((len(self.order), *values.shape[1:]))
        full = self.order >= 0
        if full[: len(values)].all() and np.array_equal(self.order[full], np.arange(len(values))):
            places[: len(values)] = values
        else:
            places[full] = values[self.order[full]]
        blocks = places.reshape(self.blocks, self.lanes, *values.shape[1:])
        return np.ascontiguousarray(np.moveaxis(blocks, 1, -1))

    def gather(self, places: Numpy) -> Numpy:
        """Put values in blocks ``(blocks, ..., lanes)`` in the order of persons, ``(n, ...)``."""
        rows = np.moveaxis(places, -1, 1).reshape(len(self.order), *places.shape[1:-1])
        full = self.order >= 0
        values = np.empty((int(full.sum()), *rows.shape[1:]))
        values[self.order[full]] = rows[full]
        return values


_KNOWN: WeakKeyDictionary[Situations, dict[int, Batches]] = WeakKeyDictionary()
"""Batches made before: kernels with other draws read the same situations."""


def batches_of(situations: Situations, lanes: int) -> Batches:
    """Arrange persons of like shape in batches, once for the same situations."""
    found = _KNOWN.setdefault(situations, {})
    if lanes not in found:
        found[lanes] = _laid_out(situations, lanes)
    return found[lanes]


def _laid_out(situations: Situations, lanes: int) -> Batches:
    order = _places(situations, lanes)
    if _alike(situations):
        return _laid_out_alike(situations, lanes, order)
    first, row_first = _shapes(situations, order.reshape(-1, lanes))
    rows, full = int(row_first[-1]), order >= 0
    x = np.zeros((rows, situations.columns, lanes))
    here = np.zeros((rows, lanes), dtype=np.bool_)
    _fill(situations, order.reshape(-1, lanes), first, row_first, x, here)
    weights = np.zeros(len(order))
    weights[full] = situations.person_weights[order[full]]
    mask = None if here.all() else np.where(here, 0.0, MASKED)
    return Batches(lanes, order, first, row_first, x, mask, weights.reshape(-1, lanes))


def _alike(situations: Situations) -> bool:
    """Return whether all persons have equally many situations, all of one size."""
    sizes, counts = np.diff(situations.first), np.diff(situations.person_first)
    return bool(len(sizes) and np.ptp(sizes) == 0 and np.ptp(counts) == 0)


def _laid_out_alike(situations: Situations, lanes: int, order: Int64) -> Batches:
    """Transpose the table, which takes a tenth of the time of placing rows."""
    persons, p, blocks = situations.persons, situations.columns, len(order) // lanes
    count, each = int(situations.person_first[1]), len(situations.differences) // persons
    table = situations.differences.reshape(persons, each * p)
    weights = np.zeros(len(order))
    weights[:persons] = situations.person_weights
    if persons < len(order):  # empty places have no weight, and need no mask
        table = np.concatenate([table, np.zeros((len(order) - persons, each * p))])
    sides = table.reshape(blocks, lanes, each * p).swapaxes(1, 2)
    x = np.ascontiguousarray(sides).reshape(blocks * each, p, lanes)
    first = np.arange(blocks + 1) * count
    row_first = np.arange(first[-1] + 1) * (each // count)
    return Batches(lanes, order, first, row_first, x, None, weights.reshape(blocks, lanes))


def _places(situations: Situations, lanes: int) -> Int64:
    """Sort persons by the number of their situations and rows, and fill up the last block."""
    persons = situations.persons
    count = np.diff(situations.person_first)
    rows = np.diff(situations.first[situations.person_first])
    sorted_already = persons == 0 or (np.ptp(count) == 0 and np.ptp(rows) == 0)
    order = np.arange(persons) if sorted_already else np.lexsort((rows, count))
    return np.concatenate([order, np.full(-persons % lanes, -1, dtype=np.int64)])


def _shapes(situations: Situations, places: Int64) -> tuple[Int64, Int64]:
    """Find the situations of each block and the rows of each of those."""
    sizes = np.diff(situations.first)
    begin = np.where(places >= 0, situations.person_first[places], 0)
    end = np.where(places >= 0, situations.person_first[places + 1], 0)
    first = np.concatenate([[0], np.cumsum((end - begin).max(axis=1))])
    rows = np.zeros(first[-1], dtype=np.int64)
    for t in range(int((end - begin).max(initial=0))):
        blocks = np.flatnonzero(np.diff(first) > t)
        here = begin[blocks] + t
        found = np.where(here < end[blocks], sizes[np.minimum(here, len(sizes) - 1)], 0)
        rows[first[blocks] + t] = found.max(axis=1)
    return first, np.concatenate([[0], np.cumsum(rows)])


def _fill(
    situations: Situations,
    places: Int64,
    first: Int64,
    row_first: Int64,
    x: Numpy,
    here: npt.NDArray[np.bool_],
) -> None:
    """Copy the rows of persons to their lanes."""
    for lane in range(places.shape[1]):
        blocks = np.flatnonzero(places[:, lane] >= 0)
        who = places[blocks, lane]
        count = situations.person_first[who + 1] - situations.person_first[who]
        mine = _ranges(situations.person_first[who], count)
        theirs = _ranges(first[blocks], count)
        size = situations.first[mine + 1] - situations.first[mine]
        rows = _ranges(row_first[theirs], size)
        x[rows, :, lane] = situations.differences[_ranges(situations.first[mine], size)]
        here[rows, lane] = True


def _ranges(begin: Int64, count: Int64) -> Int64:
    """Chain the ranges ``begin, begin + 1, ...`` of these lengths."""
    before = np.cumsum(count) - count
    return np.asarray(np.repeat(begin - before, count) + np.arange(int(count.sum())))
