"""What a fitted template of a likelihood says: expected outcomes and residuals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.likelihoods import LinearIndex, Support
from workbench.models.design.results import MeanFit
from workbench.protocols import Numpy


@dataclass(frozen=True, repr=False)
class TemplateFit(MeanFit):
    """The fit of a likelihood of one linear predictor."""

    @property
    def likelihood(self) -> LinearIndex:
        """The likelihood that was fitted."""
        model: Any = self.model
        likelihood: LinearIndex = model.likelihood
        return likelihood

    @property
    def latent_scale(self) -> str:
        """The name of a binary model, whose coefficients are in units of its own latent error."""
        likelihood = self.likelihood
        return likelihood.name if likelihood.support is Support.ZERO_ONE else ""

    def _mean(self, index: Numpy) -> Numpy:
        return self.likelihood.mean(index, self._further)
