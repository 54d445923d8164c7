"""The pass over people by torch or JAX, on any device and in either precision."""

from __future__ import annotations

import numpy as np

from workbench.backends import Backend
from workbench.kernels.choice.draws import Quadrature
from workbench.kernels.choice.passes.base import ChoiceTotals, Found
from workbench.kernels.choice.passes.batches import Packed, pack
from workbench.kernels.choice.passes.blocked_kernel import Block, compiled_blocks, form_of
from workbench.kernels.choice.passes.structure import Structure
from workbench.kernels.choice.situations import Situations
from workbench.protocols import Numpy, Order

# People side by side: what a processor's cache holds, and what keeps a graphics card busy.
_LANES, _DEVICE_LANES = 64, 4096
# Chances of one block and one chunk of draws: XLA goes through one draw after the other, while
# torch and graphics cards want many numbers at once.
_CHUNK = 1 << 19
# Below this, exp is 0 in either precision, and 0 times this is still 0.
_SHUT = -1e30


class BlockedPass:
    """A model over one data set, laid out in blocks of one shape on a device."""

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
        self.packed = packed = pack(situations, min(lanes, max(1, situations.people)))
        x, shut = _uniform(packed)
        values, logs = _chunks(packed, draws, self._chunk(shut))
        with xp.scope():
            self._blocks = Block(*(xp.array(part) for part in (x, shut, packed.weights, values)))
            self._logs = xp.array(logs)

    def _chunk(self, shut: Numpy) -> int:
        """Choose how many draws are treated at once."""
        if self.xp.name == "jax" and self.xp.device == "cpu":
            return 1
        return max(1, _CHUNK // max(1, int(shut[0].size)))

    def run(
        self, theta: Numpy, order: Order, *, scores: bool = False, means: bool = False
    ) -> Found:
        """Find the sums at ``theta (k,)``, and what is asked for of each person."""
        form, xp, packed = self.structure, self.xp, self.packed
        with xp.scope():
            run = compiled_blocks(xp, self._form, order)
            found = run(self._blocks, self._logs, xp.array(theta[form.order]))
            values, mean, *rest = (xp.numpy(part) for part in found)
        of_people = packed.gather(values)
        each = None
        if order > 0:
            each = packed.gather(np.moveaxis(rest[0], 1, 2))[:, np.argsort(form.order)]
        weights = packed.gather(packed.weights)
        return Found(
            of_people,
            self._totals(float(weights @ of_people), order, weights, each, rest),
            each if scores else None,
            packed.gather(mean) if means else None,
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


def _uniform(packed: Packed) -> tuple[Numpy, Numpy]:
    """Give all blocks one shape: columns ``(B, T, J, p, L)``, shut ``(B, T, J, L)``."""
    count, rows = np.diff(packed.first), np.diff(packed.row_first)
    t, j = int(count.max(initial=1)), int(rows.max(initial=1))
    block = np.repeat(np.repeat(np.arange(packed.blocks), count), rows)
    within = np.arange(len(rows)) - np.repeat(packed.first[:-1], count)
    row = np.arange(int(rows.sum())) - np.repeat(packed.row_first[:-1], rows)
    place = (block, np.repeat(within, rows), row)
    x = np.zeros((packed.blocks, t, j, *packed.x.shape[1:]))
    x[place] = packed.x
    shut = np.full((packed.blocks, t, j, packed.lanes), _SHUT)
    shut[place] = 0.0 if packed.shut is None else np.maximum(packed.shut, _SHUT)
    return x, shut


def _chunks(packed: Packed, draws: Numpy | Quadrature | None, chunk: int) -> tuple[Numpy, Numpy]:
    """Cut draws into chunks ``(B, chunks, c, q, L)`` with logs of chances ``(chunks, c)``."""
    if draws is None:
        values, chance = np.zeros((packed.blocks, 1, 0, packed.lanes)), np.ones(1)
    elif isinstance(draws, Quadrature):
        shape = (packed.blocks, len(draws.nodes), 1, packed.lanes)
        values = np.broadcast_to(draws.nodes[:, None, None], shape)
        chance = draws.weights
    else:
        values = packed.spread(draws)
        chance = np.full(draws.shape[1], 1 / draws.shape[1])
    chunk = min(chunk, len(chance))
    more = -len(chance) % chunk
    values = np.pad(values, ((0, 0), (0, more), (0, 0), (0, 0)))
    logs = np.pad(np.log(chance), (0, more), constant_values=-np.inf)
    cut = (packed.blocks, len(logs) // chunk, chunk, *values.shape[2:])
    return values.reshape(cut), logs.reshape(-1, chunk)
