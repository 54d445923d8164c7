"""What a ridge regression says: its penalty, predictions, and a picture of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from workbench.models.design.results import FormulaState, MeanFit
from workbench.protocols import Numpy


@dataclass(frozen=True)
class RidgeState(FormulaState):
    """What the fit keeps."""

    penalty: float = 0.0


@dataclass(frozen=True)
class Bars:
    """The coefficients as bars."""

    words: str

    def svg(self) -> str:
        """Draw the bars."""
        return f"<svg xmlns='http://www.w3.org/2000/svg'><title>{self.words}</title></svg>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg(), "text/plain": self.words}


@dataclass(frozen=True, repr=False)
class RidgeFit(MeanFit):
    """The fit of a ridge regression."""

    drawn_by: ClassVar[str] = "workbench.models.ridge.results:bars"

    state: RidgeState = field(default_factory=RidgeState, repr=False)

    @property
    def shrinkage(self) -> float:
        """The penalty for each observation."""
        return self.state.penalty / self.nobs

    def _mean(self, index: Numpy) -> Numpy:
        return index


def bars(fit: RidgeFit, level: float) -> Bars:
    """Draw the coefficients of a fit."""
    return Bars(f"{len(fit.params)} bars of {fit.name}, {100 * level:g} % intervals")
