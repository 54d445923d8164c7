"""What a fitted template of a likelihood says: expected outcomes and residuals."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.likelihoods import TEMPLATES, LinearIndex, Support
from workbench.models.design.results import MeanFit
from workbench.protocols import Numpy


@dataclass(frozen=True, repr=False)
class TemplateFit(MeanFit):
    """The fit of a likelihood of one linear predictor."""

    @property
    def template(self) -> LinearIndex:
        """The likelihood that was fitted."""
        return TEMPLATES[self.specification.model.name]()

    @property
    def latent_scale(self) -> str:
        """The name of a binary model, whose coefficients are in units of its own latent error."""
        template = self.template
        return template.name if template.support is Support.ZERO_ONE else ""

    def _mean(self, index: Numpy) -> Numpy:
        return self.template.mean(index, self._further)
