"""The pass over persons compiled by numba, on the threads of `kernels.parallel`."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.kernels.choice.draws import Quadrature
from workbench.kernels.choice.passes.base import ChoiceTotals, Found, square
from workbench.kernels.choice.passes.batches import Batches, batches_of
from workbench.kernels.choice.passes.compiled_kernel import run
from workbench.kernels.choice.passes.simd import LANES
from workbench.kernels.choice.passes.structure import Structure
from workbench.kernels.choice.passes.workspace import plan, workspace
from workbench.kernels.choice.situations import Situations
from workbench.kernels.parallel.compiled import even_bounds, parts, together
from workbench.protocols import Numpy, Order


class CompiledPass:
    """A model over one data set, arranged for compiled code in float64."""

    def __init__(
        self, situations: Situations, structure: Structure, draws: Numpy | Quadrature | None
    ) -> None:
        self.structure = structure
        self.batches = batches = batches_of(situations, LANES)
        values, chance, variates = _variates(batches, draws)
        rows = int(np.diff(batches.row_first[batches.first]).max(initial=0))
        situations_each = int(np.diff(batches.first).max(initial=0))
        shared = not isinstance(draws, np.ndarray)
        self._plan, self._numbers = plan(
            structure, rows, situations_each, variates, len(chance), shared
        )
        mask = np.empty(0) if batches.mask is None else batches.mask.ravel()
        rows_of = (batches.x.ravel(), mask, batches.first, batches.row_first)
        self._persons = (*rows_of, values, chance)

    def run(
        self, theta: Numpy, order: Order, *, scores: bool = False, means: bool = False
    ) -> Found:
        """Find the sums at ``theta (k,)``, and what is requested of each person."""
        form, batches = self.structure, self.batches
        inner = np.ascontiguousarray(theta[form.order], dtype=np.float64)
        values = np.empty((batches.blocks, LANES))
        lengths = (form.size if scores else 0, len(form.varying) if means else 0)
        wanted = [np.empty((batches.blocks, length, LANES)) for length in lengths]
        flat = (values.ravel(), *(array.ravel() for array in wanted))
        pieces = self._on_threads(inner, order, flat)
        gradient, hessian, outer = (
            sum(piece[i].reshape(-1, LANES).sum(axis=1) for piece in pieces) for i in range(3)
        )
        of_persons = batches.gather(values)
        return Found(
            of_persons,
            self._totals(float((batches.weights * values).sum()), order, gradient, hessian, outer),
            batches.gather(wanted[0])[:, np.argsort(form.order)] if scores else None,
            batches.gather(wanted[1]) if means else None,
        )

    def _on_threads(self, theta: Numpy, order: Order, found: tuple[Numpy, ...]) -> list[Any]:
        """Share the blocks among threads, about as many rows each."""
        batches, made = self.batches, self._plan
        persons, weights = self._persons, batches.weights.ravel()
        work = len(batches.x) * LANES * made.draws * (1 + order)
        bounds = even_bounds(batches.row_first[batches.first], parts(work))

        def task(low: int, high: int) -> Any:
            where = (low, high, order, made, persons, weights, self._numbers, theta)
            return run(*where, workspace(made), *found)

        return together(task, bounds)

    def _totals(
        self, value: float, order: Order, gradient: Numpy, hessian: Numpy, outer: Numpy
    ) -> ChoiceTotals:
        if order == 0:
            return ChoiceTotals(value)
        place = self.structure.order
        first = np.empty_like(gradient)
        first[place] = gradient
        if order == 1:
            return ChoiceTotals(value, first)
        return ChoiceTotals(value, first, square(hessian, place), square(outer, place))


def _variates(batches: Batches, draws: Numpy | Quadrature | None) -> tuple[Numpy, Numpy, int]:
    """Arrange draws in batches, or nodes once for all; return weights and number of variates."""
    if draws is None:
        return np.empty(0), np.ones(1), 0
    if isinstance(draws, Quadrature):
        return np.repeat(draws.nodes, LANES), draws.weights, 1
    _, count, variates = draws.shape
    return batches.scatter(draws).ravel(), np.full(count, 1 / count), variates
