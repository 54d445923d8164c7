"""Alternating projections: the classic method, for comparison."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.demeaners.base import Demeaned, DemeanerOptions, DemeanStep
from workbench.kernels.absorption.factors import ROUNDING, Factors
from workbench.options import Kind, option
from workbench.protocols import Numpy
from workbench.sentences import counted


@dataclass(frozen=True)
class AlternatingProjections(DemeanerOptions):
    r"""Project off one factor after the other until nothing changes.

    A sweep is :math:`G = P_F \cdots P_1`; after every second one the columns are extrapolated
    along the last change :math:`d` and its own change :math:`d'`, by
    :math:`-(d \cdot d' / d' \cdot d')\, d`, unless that lengthens a column.  The residual of a
    column is the length of the last sweep's change, relative to that of the result.

    Parameters
    ----------
    tol
        The relative residual at which a column has converged.
    max_iterations
        The limit of sweeps.
    accelerate
        Whether to extrapolate.

    References
    ----------
    Halperin (1962) for the projections; Irons and Tuck (1969) for the extrapolation.
    """

    max_iterations: int = option(10_000, kind=Kind.COUNT, least=1, help="largest number of sweeps")
    accelerate: bool = option(True, kind=Kind.FLAG, help="whether sweeps are extrapolated")

    name: ClassVar[str] = "alternating"
    title: ClassVar[str] = "Alternating projections"
    requires: ClassVar[tuple[str, ...]] = ()

    def solve(self, factors: Factors, columns: Numpy) -> Generator[DemeanStep, None, Demeaned]:
        """Yield each sweep over ``columns (n, K)``, and return the result."""
        sweep = _Sweep(factors)
        before = np.zeros((factors.size + factors.rows, columns.shape[1]))
        before[factors.size :] = columns
        floor = ROUNDING * factors.lengths(columns)
        moves: list[Numpy] = []
        residuals = np.full(columns.shape[1], np.inf)
        done = residuals <= 0
        iteration = 0
        while not done.all() and iteration < self.max_iterations:
            iteration += 1
            after, taken = sweep(before)
            left = factors.lengths(after[factors.size :])
            residuals = np.where(taken <= floor, 0.0, taken / np.where(left > 0, left, 1.0))
            done = residuals <= self.tol
            moves.append(after - before)
            if self.accelerate and len(moves) == 2:
                ahead = after + _extrapolation(*moves)
                gained = ~done & (factors.lengths(ahead[factors.size :]) <= left)
                after = np.where(gained, ahead, after)
                moves.clear()
            before = after
            yield DemeanStep(iteration, residuals)
        return Demeaned(
            before[factors.size :],
            iteration,
            residuals,
            bool(done.all()),
            f"alternating projections, {counted(iteration, 'sweep')}",
            tuple(np.split(before[: factors.size], sweep.ends[:-1])),
        )


class _Sweep:
    """One projection on each factor; the state stacks all effects and the columns."""

    def __init__(self, factors: Factors) -> None:
        self._factors = factors
        sums = [factors.weight_sums(member) for member in factors.members]
        self._divisors = [np.where(each > 0, each, 1.0) for each in sums]
        self.ends = np.cumsum([member.levels for member in factors.members])

    def __call__(self, state: Numpy) -> tuple[Numpy, Numpy]:
        """Return the next state, and the length of what was subtracted, ``(K,)``."""
        state = state.copy()
        columns = state[self._factors.size :]
        taken = np.zeros(state.shape[1])
        pieces = np.split(state[: self._factors.size], self.ends[:-1])
        for member, divisor, effects in zip(
            self._factors.members, self._divisors, pieces, strict=True
        ):
            alone = Factors((member,), self._factors.rows)
            weights = self._factors.weights
            (sums,) = alone.adjoint(columns if weights is None else columns * weights[:, None])
            step = sums / divisor[:, None]
            effects[:] += step
            columns -= alone.absorb([step])
            taken += np.sum(step * sums, axis=0)
        return state, np.sqrt(taken)


def _extrapolation(first: Numpy, second: Numpy) -> Numpy:
    change = second - first
    size = np.einsum("ik,ik->k", change, change)
    share = np.einsum("ik,ik->k", second, change) / np.where(size > 0, size, 1.0)
    found: Numpy = -share * second
    return found
