"""The solver of the package `within`, behind the same interface."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from workbench.demeaners.base import Demeaned, DemeanStep
from workbench.kernels.factors import Factors
from workbench.protocols import Numpy


@dataclass(frozen=True)
class Within:
    """Call `within`: LSMR with a domain decomposition of pairs of factors, in Rust.

    The whole solve is one call, which cannot be paused or stopped before it returns.

    Parameters
    ----------
    tol
        The relative residual of the normal equations at which a column is done.
    max_iterations
        The step limit.
    preconditioner
        ``"adaptive"`` begins with the diagonal and escalates when the contraction stalls;
        ``"additive"`` builds the decomposition at once; ``"diagonal"`` never does.
    """

    tol: float = 1e-8
    max_iterations: int = 5000
    preconditioner: Literal["adaptive", "additive", "diagonal"] = "adaptive"

    name: ClassVar[str] = "within"
    title: ClassVar[str] = "within: LSMR with Schwarz preconditioner"
    requires: ClassVar[tuple[str, ...]] = ("within",)

    def solve(self, factors: Factors, columns: Numpy) -> Generator[DemeanStep, None, Demeaned]:
        """Yield one step when ``columns (n, K)`` are demeaned, and return what was found."""
        import within

        configuration: Any = within.PreconditionerConfig
        found = within.solve_batch(
            _effects(factors),
            np.asfortranarray(columns),
            weights=factors.weights,
            options=within.LsmrOptions(self.tol, self.max_iterations),
            preconditioner=getattr(configuration, self.preconditioner.title())(),
        )
        residuals = np.array(found.residual)
        iterations = max(found.iterations, default=0)
        yield DemeanStep(iterations, residuals)
        record = f"within, {self.preconditioner}, {iterations} iterations"
        left = np.ascontiguousarray(found.demeaned)
        return Demeaned(left, iterations, residuals, all(found.converged), record)


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
