"""The demeaner that is used by default."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

from workbench.demeaners.alternating import AlternatingProjections
from workbench.demeaners.base import Demeaned, Demeaner, DemeanerOptions, DemeanStep
from workbench.demeaners.lsmr import LSMR
from workbench.demeaners.schur import Schur
from workbench.kernels.absorption.factors import Factors
from workbench.options import options_of
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

    cpu_only: ClassVar[bool] = False

    @classmethod
    def title_on(cls, device: str) -> str:
        """Return the title of the method used on a device."""
        kind, _ = _fastest() if device == "cpu" else (LSMR, {})
        return kind.title

    def on(self, device: str, library: str) -> Demeaner:
        """Return the method for a device, with the same options; itself on the CPU."""
        return self if device == "cpu" else LSMR(**self._options).on(device, library)

    @property
    def chosen(self) -> Demeaner:
        """The method used on the CPU of this machine, with the same options."""
        kind, settings = _fastest()
        demeaner: Demeaner = kind(**self._options, **settings)
        return demeaner

    @property
    def _options(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in options_of(type(self))}

    def solve(self, factors: Factors, columns: Numpy) -> Generator[DemeanStep, None, Demeaned]:
        """Yield each iteration over ``columns (n, K)``, and return the result."""
        return (yield from self.chosen.solve(factors, columns))


def _fastest() -> tuple[Any, dict[str, str]]:
    """Return the fastest method on the CPU of this machine, and the library that it computes in."""
    if find_spec("numba"):
        return Schur, {}
    for library in LSMR.libraries:
        if find_spec(library):
            return LSMR, {"library": library}
    return AlternatingProjections, {}
