"""Sums of a likelihood with groups of rows as units, such as the persons of a panel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from workbench.backends import Array, Backend
from workbench.kernels.likelihood.generic import GenericKernel
from workbench.kernels.likelihood.parameters import Block, Codes, Scale
from workbench.kernels.likelihood.scores import UnitScores
from workbench.kernels.totals import FormsHessian, Totals
from workbench.protocols import Numpy, Order


class Groups:
    """The groups of the rows, which a formula sums by.

    Parameters
    ----------
    codes
        The group of each row ``(n,)``, an array of the library, from 0.
    count
        The number of groups ``g``.
    xp
        The backend that computes.
    """

    def __init__(self, codes: Array, count: int, xp: Backend) -> None:
        self._codes, self._count, self._xp = codes, count, xp

    def sum(self, rows: Array) -> Array:
        """Sum a column ``(n,)`` by group, ``(g,)``."""
        return self._xp.segment_sum(rows, self._codes, self._count)

    def spread(self, values: Array) -> Array:
        """Give each row the value of its group, ``(n,)``."""
        return self._xp.take(values, self._codes)


class GroupedKernel(FormsHessian):
    """The sums of one likelihood of groups over one data set on one device.

    The rows of a group have no likelihoods of their own, so that the library differentiates by
    all parameters at once.

    Parameters
    ----------
    contributions
        ``f(y, predictors, parameters, columns, xp)``: one log-likelihood for each group, where
        ``columns["group"]`` is a `Groups`.
    xp, y, designs, offsets, blocks, columns
        As of a `LinearPredictorKernel`.
    codes
        The group of each row ``(n,)``, from 0.
    """

    def __init__(
        self,
        contributions: Callable[..., Array],
        xp: Backend,
        y: Numpy,
        designs: Sequence[Numpy],
        codes: Codes,
        *,
        offsets: Sequence[Numpy | None] = (),
        blocks: Sequence[Block] = (),
        columns: Mapping[str, Numpy] | None = None,
    ) -> None:
        self.scale = Scale(sum(x.shape[1] for x in designs), tuple(blocks))
        self.size, self._designs = self.scale.size, tuple(designs)
        self._offsets = tuple(offsets) or (None,) * len(designs)
        with xp.scope():
            outcome, moved = xp.array(y), [xp.array(x) for x in designs]
            shifts = [None if o is None else xp.array(o) for o in self._offsets]
            further: dict[str, Any] = {r: xp.array(c) for r, c in (columns or {}).items()}
            further["group"] = Groups(xp.array(codes), int(codes.max()) + 1, xp)
        places = self._places()

        def rows(params: Array) -> Array:
            predictors = [x @ params[at] for x, at in zip(moved, places, strict=True)]
            pairs = zip(predictors, shifts, strict=True)
            predictors = [p if shift is None else p + shift for p, shift in pairs]
            parameters = [params[j] for j in range(self.scale.first, self.size)]
            return contributions(outcome, predictors, parameters, further, xp)

        self._generic = GenericKernel(rows, xp, self.size)

    def _places(self) -> list[slice]:
        ends = np.cumsum([0, *(x.shape[1] for x in self._designs)]).tolist()
        return [slice(a, b) for a, b in pairwise(ends)]

    def totals(self, theta: Numpy, order: Order = 0) -> Totals:
        """Sum the log-likelihood and its derivatives up to ``order`` at ``theta (k,)``."""
        found = self._generic.totals(self.scale.natural(theta), order)
        return self.scale.carried(theta, found)

    def scores(self, theta: Numpy) -> tuple[Numpy, UnitScores]:
        """Return each group's log-likelihood ``(g,)``, and its score."""
        params = self.scale.natural(theta)
        scores = self._generic.scores(params)
        if not self.scale.linear:
            scores = scores @ self.scale.jacobian(theta)
        return self._generic.rows(params), UnitScores(np.asarray(scores))

    def predictors(self, theta: Numpy) -> list[Numpy]:
        """Return the linear predictor of each equation, offsets included, ``(n,)`` each."""
        triples = zip(self._designs, self._places(), self._offsets, strict=True)
        found = [(x @ theta[at], offset) for x, at, offset in triples]
        return [p if offset is None else p + offset for p, offset in found]
