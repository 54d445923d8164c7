"""Conjugate gradients after eliminating the largest factor: the fastest method on a CPU."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from workbench.demeaners.base import Demeaned, DemeanerOptions, DemeanStep
from workbench.kernels.absorption.factors import Factor, Factors
from workbench.options import Kind, option
from workbench.protocols import Numpy
from workbench.sentences import counted

if TYPE_CHECKING:
    from workbench.kernels.absorption.schur_operator import ByCells, Formed

# Costs that are compared, in visits of one entry of a sparse matrix.
_FACTOR_ENTRY = 50
_STEPS_FORMED = 20  # that are still to come once the matrix is formed and factored
_STEPS_TO_JUDGE = 3  # steps before the contraction can be judged
# Forming and factoring may cost at most so many times the steps taken so far: a contraction that
# stalls at a single eigenvalue soon continues.
_PATIENCE = 4


@dataclass(frozen=True)
class Schur(DemeanerOptions):
    """Eliminate the largest factor and solve for the others by conjugate gradients.

    The matrix is applied without being formed at first, with its diagonal as preconditioner.
    When the observed contraction implies more work than forming the matrix and factoring it
    approximately, that is done, and the solve continues from the present effects.

    Parameters
    ----------
    tol
        The relative residual of the normal equations at which a column has converged.
    max_iterations
        The step limit.
    form
        True forms the matrix at once, False never; None decides by the observed contraction.
    samples
        Edges sampled for each neighbour of an eliminated vertex in the approximate factors.
    seed
        Of that sampling.

    References
    ----------
    Gao, Kyng and Spielman (2023) for the preconditioner.
    """

    max_iterations: int = option(
        5000, kind=Kind.COUNT, least=1, help="largest number of iterations"
    )
    form: bool | None = option(
        None, kind=Kind.FLAG, help="whether the Schur complement is formed as a matrix"
    )
    samples: int = option(
        1, kind=Kind.COUNT, least=1, help="samples of each clique of the approximate factors"
    )
    seed: int = option(0, kind=Kind.COUNT, least=0, help="seed of the sampling")

    name: ClassVar[str] = "schur"
    title: ClassVar[str] = "Schur complement, conjugate gradients"
    requires: ClassVar[tuple[str, ...]] = ("numba",)

    def solve(self, factors: Factors, columns: Numpy) -> Generator[DemeanStep, None, Demeaned]:
        """Yield each iteration over ``columns (n, K)``, and return the result."""
        from workbench.kernels.absorption import schur, schur_operator as operator
        from workbench.kernels.absorption.conjugate_gradients import ConjugateGradients, Jacobi

        columns = np.ascontiguousarray(columns, dtype=np.float64)
        width = columns.shape[1]
        centred = _Centred(factors)
        system = schur.reduce(centred.eliminated, centred.others, factors.weights)
        projected = schur.project(system, columns)
        edge = schur.border(system)
        folded, explained = edge.fold(projected.right, system.split)
        matrix = operator.by_cells(system)
        solver = ConjugateGradients(
            operator.Bordered(matrix, edge),
            Jacobi(matrix.whole_diagonal),
            folded,
            projected.remaining - explained,
            projected.original,
            self.tol,
        )
        formed = None
        history = [solver.residuals]
        while not solver.done.all() and len(history) <= self.max_iterations:
            if formed is None and self._should_form(matrix, history, width):
                formed = operator.form(matrix)
                preconditioner = operator.factor(formed, system, self.samples, self.seed)
                solver.switch(operator.Bordered(formed, edge), preconditioner)
            solver.step()
            history.append(solver.residuals)
            yield DemeanStep(len(history) - 1, history[-1][:width])
        if len(history) == 1:  # all columns have converged
            history.append(solver.residuals)
            yield DemeanStep(1, history[-1][:width])
        effects = edge.unfold(projected.right, solver.effects, system.split)
        left, means = schur.residuals(system, projected, columns, effects)
        return Demeaned(
            left,
            len(history) - 1,
            solver.residuals[:width],
            bool(solver.done.all()),
            _record(matrix, formed, len(history) - 1),
            centred.effects(
                system.terms, np.split(effects[:, :width], system.offsets[1:-1]), means[:, :width]
            ),
        )

    def _should_form(self, matrix: ByCells, history: list[Numpy], width: int) -> bool:
        from workbench.kernels.absorption.schur_operator import DENSE

        if self.form is not None:
            return self.form
        if len(matrix.diagonal) <= DENSE:
            return True
        done = len(history) - 1
        if done < _STEPS_TO_JUDGE:
            return False
        window = max(_STEPS_TO_JUDGE - 1, done // 3)
        rate = (history[-1].max() / history[-1 - window].max()) ** (1 / window)
        ahead = np.log(self.tol / history[-1].max()) / np.log(min(rate, 0.999))
        step = matrix.work * (1 + width) / 2
        affordable, cost = _PATIENCE * done * step, matrix.fill / 2 + 6 * len(matrix.cells.index)
        if cost > min(ahead * step, affordable):
            return False
        cost += matrix.likely_entries * _FACTOR_ENTRY
        formed = matrix.likely_entries * _STEPS_FORMED * (1 + width)
        return bool(cost <= affordable and cost + formed <= ahead * step)


class _Centred:
    """The factors with slopes centred within the levels of the intercepts they vary with.

    A centred slope is orthogonal to those intercepts, and the fitted effects are the same.
    """

    def __init__(self, factors: Factors) -> None:
        self._members = factors.members
        self._shifts: list[tuple[int, Numpy] | None] = []
        self._made = [self._centre(member, factors.weights) for member in factors.members]
        plain = [member for member in self._made if member.slope is None]
        self.eliminated = max(plain, key=lambda member: member.levels, default=None)
        self.others = [member for member in self._made if member is not self.eliminated]

    def effects(
        self, terms: tuple[Factor, ...], found: list[Numpy], means: Numpy
    ) -> tuple[Numpy, ...]:
        """Return the effects of each original member, ``(levels, K)`` each."""
        known = {id(term): effects for term, effects in zip(terms, found, strict=False)}
        result = [known.get(id(member), means) for member in self._made]
        for effects, shift in zip(list(result), self._shifts, strict=True):
            if shift is not None:
                base, mean = shift
                result[base] = result[base] - effects * mean[:, None]
        return tuple(result)

    def _centre(self, member: Factor, weights: Numpy | None) -> Factor:
        base = self._intercepts(member)
        self._shifts.append(None)
        if base is None or member.slope is None:
            return member
        ones = np.ones(len(member.codes)) if weights is None else weights
        mass = np.bincount(member.codes, weights=ones)
        mean = np.bincount(member.codes, weights=ones * member.slope) / mass
        self._shifts[-1] = (base, mean)
        return replace(member, slope=member.slope - mean[member.codes])

    def _intercepts(self, member: Factor) -> int | None:
        """Find the plain member with the codes of this slope."""
        if member.slope is None:
            return None
        for position, other in enumerate(self._members):
            if other.slope is None and np.array_equal(other.codes, member.codes):
                return position
        return None


def _record(matrix: ByCells, formed: Formed | None, iterations: int) -> str:
    if not len(matrix.diagonal):
        return "Schur complement of few levels, solved directly"
    taken = counted(iterations, "iteration")
    if formed is None:
        return f"Schur complement by {len(matrix.cells.index):,} cells, {taken}"
    return f"explicit Schur complement, {len(formed.rest.index):,} nonzeros, {taken}"
