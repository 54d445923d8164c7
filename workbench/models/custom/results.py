"""Results of a user's own log-likelihood, which states no mean and so does not predict."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.models.design.results import FormulaFit


@dataclass(frozen=True, repr=False)
class CustomFit(FormulaFit):
    """The fit of a person's own log-likelihood."""
