"""The solver of the package `within`, with the interface of a demeaner."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from workbench.demeaners.base import Demeaned, DemeanerOptions, DemeanStep
from workbench.kernels.absorption.factors import ROUNDING, Factors
from workbench.options import Kind, option
from workbench.protocols import Numpy
from workbench.sentences import counted

# The first call is off by the ratio of the column to its residual; the second by less.  Each has
# a tenth of the last one's tolerance, or it would stop at the same point.
_PASSES, _TIGHTER = 4, 0.1


@dataclass(frozen=True)
class Within(DemeanerOptions):
    """Call `within`: LSMR with a domain decomposition of pairs of factors, in Rust.

    A solve is one call, which cannot be paused or stopped before it returns.  Its own tolerance
    is relative to the original column; where the residual is not yet within ``tol``, another call
    continues from there.

    Parameters
    ----------
    tol
        The relative residual of the normal equations at which a column has converged.
    max_iterations
        The step limit.
    preconditioner
        ``"adaptive"`` begins with the diagonal and escalates when the contraction stalls;
        ``"additive"`` builds the decomposition at once; ``"diagonal"`` never does.
    """

    max_iterations: int = option(
        5000, kind=Kind.COUNT, least=1, help="largest number of iterations"
    )
    preconditioner: Literal["adaptive", "additive", "diagonal"] = option(
        "adaptive",
        kind=Kind.CHOICE,
        choices=("adaptive", "additive", "diagonal"),
        help="preconditioner of LSMR",
    )

    name: ClassVar[str] = "within"
    title: ClassVar[str] = "within: LSMR with Schwarz preconditioner"
    requires: ClassVar[tuple[str, ...]] = ("within",)

    def solve(self, factors: Factors, columns: Numpy) -> Generator[DemeanStep, None, Demeaned]:
        """Yield one step when ``columns (n, K)`` are demeaned, and return the result."""
        import within

        configuration: Any = within.PreconditionerConfig
        effects, floor = _effects(factors), ROUNDING * factors.lengths(columns)
        left, iterations, passes, asked = columns, 0, 0, self.tol
        while True:
            found = within.solve_batch(
                effects,
                np.asfortranarray(left),
                weights=factors.weights,
                options=within.LsmrOptions(asked, self.max_iterations),
                preconditioner=getattr(configuration, self.preconditioner.title())(),
            )
            left, passes, asked = np.ascontiguousarray(found.demeaned), passes + 1, _TIGHTER * asked
            iterations += max(found.iterations, default=0)
            residuals = _relative(factors, left, floor)
            yield DemeanStep(iterations, residuals)
            done = bool((residuals <= self.tol).all())
            if done or passes == _PASSES or iterations >= self.max_iterations:
                break
        record = f"within, {self.preconditioner}, {counted(iterations, 'iteration')}"
        again = f", {passes} passes" if passes > 1 else ""
        return Demeaned(left, iterations, residuals, done, record + again)


def _relative(factors: Factors, columns: Numpy, floor: Numpy) -> Numpy:
    """Return the relative residual of each column, zero for one at the floor."""
    residuals, lengths = factors.normal_residuals(columns), factors.lengths(columns)
    found: Numpy = np.divide(
        residuals, lengths, out=np.zeros_like(residuals), where=residuals > floor
    )
    return found


def _effects(factors: Factors) -> list[Any]:
    """Gather intercepts and slopes by the codes that they share."""
    from within import Effect

    terms: list[tuple[Any, list[Any]]] = []
    for member in factors.members:
        for codes, slopes in terms:
            if codes is member.codes or np.array_equal(codes, member.codes):
                slopes.append(member.slope)
                break
        else:
            terms.append((member.codes, [member.slope]))
    return [
        Effect(
            codes.astype(np.uint32),
            any(slope is None for slope in slopes),
            [slope for slope in slopes if slope is not None] or None,
        )
        for codes, slopes in terms
    ]
