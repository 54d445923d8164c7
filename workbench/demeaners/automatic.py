"""The demeaner that is used by default."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

from workbench.demeaners.alternating import AlternatingProjections
from workbench.demeaners.base import Demeaned, Demeaner, DemeanerOptions, DemeanStep
from workbench.demeaners.lsmr import LSMR
from workbench.demeaners.schur import Schur
from workbench.kernels.absorption.factors import Factors
from workbench.protocols import Numpy


@dataclass(frozen=True)
class Automatic(DemeanerOptions):
    """Use the fastest method available: Schur complements, LSMR, alternating projections.

    Parameters
    ----------
    tol
        The relative residual of the normal equations at which a column has converged.
    """

    name: ClassVar[str] = "auto"
    title: ClassVar[str] = "Automatic"
    requires: ClassVar[tuple[str, ...]] = ()

    @property
    def chosen(self) -> Demeaner:
        """The method used on this machine."""
        if find_spec("numba"):
            return Schur(self.tol)
        for library in LSMR.libraries:
            if find_spec(library):
                return LSMR(self.tol, library=library)  # type: ignore[arg-type]
        return AlternatingProjections(self.tol)

    def solve(self, factors: Factors, columns: Numpy) -> Generator[DemeanStep, None, Demeaned]:
        """Yield each iteration over ``columns (n, K)``, and return the result."""
        return (yield from self.chosen.solve(factors, columns))
