"""The pass over persons by torch or JAX, on any device and in either precision."""

from __future__ import annotations

import numpy as np

from workbench.backends import Backend
from workbench.kernels.choice.draws import Quadrature
from workbench.kernels.choice.passes.base import ChoiceTotals, Found
from workbench.kernels.choice.passes.batches import Batches, batches_of
from workbench.kernels.choice.passes.blocked_kernel import Block, compiled_blocks, form_of
from workbench.kernels.choice.passes.structure import Structure
from workbench.kernels.choice.situations import Situations
from workbench.protocols import Numpy, Order

# Persons per block: as many as fit a processor's cache, or occupy a graphics card.
_LANES, _DEVICE_LANES = 64, 4096
# Probabilities in one block and one chunk of draws: XLA treats one draw after the other, while
# torch and graphics cards are faster with many numbers at once.
_CHUNK = 1 << 19
# Below this, exp is 0 in either precision, and 0 times this is still 0.
_MASKED = -1e30


class BlockedPass:
    """A model over one data set, arranged in blocks of one shape on a device."""

    def __init__(
        self,
        situations: Situations,
        structure: Structure,
        draws: Numpy | Quadrature | None,
        xp: Backend,
    ) -> None:
        self.structure, self.xp = structure, xp
        self._form = form_of(structure)
        lanes = _LANES if xp.device == "cpu" else _DEVICE_LANES
        self.batches = batches = batches_of(situations, min(lanes, max(1, situations.persons)))
        x, mask = _uniform(batches)
        values, logs = _chunks(batches, draws, self._chunk(mask))
        with xp.scope():
            self._blocks = Block(*(xp.array(part) for part in (x, mask, batches.weights, values)))
            self._logs = xp.array(logs)

    def _chunk(self, mask: Numpy) -> int:
        """Choose how many draws are treated at once."""
        if self.xp.name == "jax" and self.xp.device == "cpu":
            return 1
        return max(1, _CHUNK // max(1, int(mask[0].size)))

    def run(
        self, theta: Numpy, order: Order, *, scores: bool = False, means: bool = False
    ) -> Found:
        """Find the sums at ``theta (k,)``, and what is requested of each person."""
        form, xp, batches = self.structure, self.xp, self.batches
        with xp.scope():
            run = compiled_blocks(xp, self._form, order)
            found = run(self._blocks, self._logs, xp.array(theta[form.order]))
            values, mean, *rest = (xp.numpy(part) for part in found)
        of_persons = batches.gather(values)
        each = None
        if order > 0:
            each = batches.gather(np.moveaxis(rest[0], 1, 2))[:, np.argsort(form.order)]
        weights = batches.gather(batches.weights)
        return Found(
            of_persons,
            self._totals(float(weights @ of_persons), order, weights, each, rest),
            each if scores else None,
            batches.gather(mean) if means else None,
        )

    def _totals(
        self, value: float, order: Order, weights: Numpy, scores: Numpy | None, rest: list[Numpy]
    ) -> ChoiceTotals:
        if scores is None:
            return ChoiceTotals(value)
        if order == 1:
            return ChoiceTotals(value, weights @ scores)
        _, second, outer, *products = rest
        hessian, opg = second.sum(axis=0), outer.sum(axis=0)
        size, f = self.structure.size, len(self.structure.fixed)
        taken = np.array([product.sum() for product in products]).reshape(size, f)
        hessian[:, :f] -= taken
        hessian[:f, f:] -= taken[f:].T
        back = np.argsort(self.structure.order)
        within = np.ix_(back, back)
        return ChoiceTotals(value, weights @ scores, hessian[within], opg[within])


def _uniform(batches: Batches) -> tuple[Numpy, Numpy]:
    """Give all blocks one shape: columns ``(B, T, J, p, L)``, mask ``(B, T, J, L)``."""
    count, rows = np.diff(batches.first), np.diff(batches.row_first)
    t, j = int(count.max(initial=1)), int(rows.max(initial=1))
    block = np.repeat(np.repeat(np.arange(batches.blocks), count), rows)
    within = np.arange(len(rows)) - np.repeat(batches.first[:-1], count)
    row = np.arange(int(rows.sum())) - np.repeat(batches.row_first[:-1], rows)
    place = (block, np.repeat(within, rows), row)
    x = np.zeros((batches.blocks, t, j, *batches.x.shape[1:]))
    x[place] = batches.x
    mask = np.full((batches.blocks, t, j, batches.lanes), _MASKED)
    mask[place] = 0.0 if batches.mask is None else np.maximum(batches.mask, _MASKED)
    return x, mask


def _chunks(batches: Batches, draws: Numpy | Quadrature | None, chunk: int) -> tuple[Numpy, Numpy]:
    """Cut draws into chunks ``(B, chunks, c, q, L)`` with logs of weights ``(chunks, c)``."""
    if draws is None:
        values, chance = np.zeros((batches.blocks, 1, 0, batches.lanes)), np.ones(1)
    elif isinstance(draws, Quadrature):
        shape = (batches.blocks, len(draws.nodes), 1, batches.lanes)
        values = np.broadcast_to(draws.nodes[:, None, None], shape)
        chance = draws.weights
    else:
        values = batches.scatter(draws)
        chance = np.full(draws.shape[1], 1 / draws.shape[1])
    chunk = min(chunk, len(chance))
    more = -len(chance) % chunk
    values = np.pad(values, ((0, 0), (0, more), (0, 0), (0, 0)))
    logs = np.pad(np.log(chance), (0, more), constant_values=-np.inf)
    cut = (batches.blocks, len(logs) // chunk, chunk, *values.shape[2:])
    return values.reshape(cut), logs.reshape(-1, chunk)
