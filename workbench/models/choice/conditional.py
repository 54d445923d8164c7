"""The conditional logit with its data."""

from __future__ import annotations

from functools import cached_property
from typing import final

import numpy as np

from workbench.kernels.choice.conditional import ConditionalKernel
from workbench.kernels.choice.situations import Situations
from workbench.models.choice.coordinates import SeparateCoordinates, unscaled
from workbench.models.choice.fixed_parameters import PersonKernel
from workbench.models.choice.problem import ChoiceProblem
from workbench.protocols import Numpy


@final
class ConditionalProblem(ChoiceProblem):
    """The objective of a conditional logit, in coefficients of scaled columns.

    References
    ----------
    McFadden (1974), "Conditional logit analysis of qualitative choice behavior".
    """

    @property
    def own_names(self) -> tuple[str, ...]:
        return self.data.names

    @cached_property
    def own_coordinates(self) -> SeparateCoordinates:
        return unscaled(1 / self.scales)

    def make_kernel(self) -> PersonKernel:
        return self.with_scale(lambda on: ConditionalKernel(self.sets_of(on), self.backend))

    @property
    def first_guess(self) -> Numpy:
        """Zeros: the log-likelihood is concave."""
        return np.zeros(len(self.own_names))

    def situation_opg(self, theta: Numpy) -> Numpy | None:
        """Return the outer products of the scores of situations, ``(k, k)``, without a scale."""
        if self.scale is not None:
            return None
        sets = self.situations
        alone = Situations(sets.differences, sets.first, np.arange(len(sets.first)))
        kernel = ConditionalKernel(alone, self.backend)
        return self.products_by_situation(kernel.scores(self.kernel.whole(theta))[:, self.free])
