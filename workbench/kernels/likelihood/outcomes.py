"""A part of a likelihood that depends on the outcome and on parameters alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workbench.kernels.likelihood.parameters import OutcomeTerm
from workbench.kernels.totals import Totals
from workbench.protocols import Numpy


class Outcomes:
    """The distinct outcomes, and the part of the log-likelihood that depends on them alone."""

    def __init__(
        self,
        term: Callable[[Numpy, Numpy], OutcomeTerm | None],
        y: Numpy,
        weights: Numpy | None,
    ) -> None:
        self._values, self._codes = np.unique(y, return_inverse=True)
        self._counts = np.bincount(self._codes, weights, len(self._values))
        self._of = term

    def _at(self, parameters: Numpy) -> OutcomeTerm:
        found = self._of(self._values, parameters)
        assert found is not None
        return found

    def added(self, totals: Totals, params: Numpy, first: int) -> Totals:
        """Add the sums over the rows to those of the formula."""
        term = self._at(params[first:])
        gradient, hessian = totals.gradient, totals.hessian
        if gradient is not None:
            gradient[first:] += self._counts @ term.first
        if hessian is not None:
            hessian[first:, first:] += np.tensordot(self._counts, term.second, 1)
        return Totals(totals.value + float(self._counts @ term.value), gradient, hessian)

    def hessian(self, parameters: Numpy) -> Numpy:
        """Return the second derivatives of the sum, ``(m, m)``."""
        return np.asarray(np.tensordot(self._counts, self._at(parameters).second, 1))

    def by_row(
        self, values: Numpy, first: list[Numpy], params: Numpy, at: int
    ) -> tuple[Numpy, list[Numpy]]:
        """Add the part of each row; parameters are the last arguments, one each."""
        term = self._at(params[at:])
        count = term.first.shape[1]
        own = [d + term.first[self._codes, j] for j, d in enumerate(first[-count:])]
        return values + term.value[self._codes], [*first[:-count], *own] if first else []
