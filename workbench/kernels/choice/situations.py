"""Choice situations as a kernel reads them: differences from the chosen alternative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.protocols import Numpy

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Situations:
    """The choice situations of all persons.

    Attributes
    ----------
    differences
        ``x_j - x_chosen`` of each available alternative that was not chosen, ``(m, p)``, sorted
        by person and situation.
    first
        Where the rows of each situation begin, ``(s + 1,)``.
    person_first
        Where the situations of each person begin, ``(n + 1,)``.
    weights
        One per person, ``(n,)``, or None for ones.
    """

    differences: Numpy
    first: Int64
    person_first: Int64
    weights: Numpy | None = None

    @property
    def columns(self) -> int:
        """The number ``p`` of columns."""
        return int(self.differences.shape[1])

    @property
    def persons(self) -> int:
        """The number ``n`` of persons."""
        return len(self.person_first) - 1

    def of(self, persons: Int64) -> Situations:
        """Return the situations of some persons, in their order."""
        keep = np.zeros(self.persons, dtype=bool)
        keep[persons] = True
        each = np.repeat(keep, np.diff(self.person_first))
        rows = np.repeat(each, np.diff(self.first))
        sizes = np.diff(self.first)[each]
        counts = np.diff(self.person_first)[keep]
        return Situations(
            np.ascontiguousarray(self.differences[rows]),
            np.concatenate([[0], np.cumsum(sizes)]),
            np.concatenate([[0], np.cumsum(counts)]),
            None if self.weights is None else self.weights[keep],
        )

    @property
    def person_weights(self) -> Numpy:
        """The weights, ones where there are none, ``(n,)``."""
        return np.ones(self.persons) if self.weights is None else self.weights
