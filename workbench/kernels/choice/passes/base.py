"""The result of a pass over persons, and the interface of both implementations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from workbench.kernels.choice.passes.structure import Int64
from workbench.kernels.totals import Totals
from workbench.protocols import Numpy, Order


@dataclass(frozen=True)
class ChoiceTotals(Totals):
    """Sums over persons, and the outer products of their scores, ``(k, k)``."""

    opg: Numpy | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """The result of a pass.

    Attributes
    ----------
    values
        The log-likelihood of each person, ``(n,)``, in nats.
    totals
        Weighted sums.
    scores
        Of persons, ``(n, k)``, or None.
    means
        The mean of each varying coefficient given a person's choices, ``(n, v)``, or None.
    """

    values: Numpy
    totals: ChoiceTotals
    scores: Numpy | None = None
    means: Numpy | None = None

    def has(self, order: Order, *, scores: bool, means: bool) -> bool:
        """Return whether this has all that is requested."""
        totals = self.totals
        known = 0 if totals.gradient is None else 1 if totals.hessian is None else 2
        missing = (scores and self.scores is None) or (means and self.means is None)
        return known >= order and not missing

    def summed(self) -> Found:
        """Return the same without the arrays of persons other than their values."""
        return Found(self.values, self.totals)


class Pass(Protocol):
    """A sum over persons."""

    def run(
        self, theta: Numpy, order: Order, *, scores: bool = False, means: bool = False
    ) -> Found:
        """Find the sums at ``theta (k,)``, and what is requested of each person."""
        ...


def square(lower: Numpy, order: Int64) -> Numpy:
    """Write the rows of a lower triangle into a symmetric matrix, parameters put in order."""
    size = len(order)
    rows, columns = np.tril_indices(size)
    matrix = np.empty((size, size))
    matrix[order[rows], order[columns]] = lower
    matrix[order[columns], order[rows]] = lower
    return matrix
