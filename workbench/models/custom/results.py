"""What a fit of a person's own log-likelihood says; it states no mean, so it predicts nothing."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.models.design.results import FormulaFit


@dataclass(frozen=True, repr=False)
class CustomFit(FormulaFit):
    """The fit of a person's own log-likelihood."""
