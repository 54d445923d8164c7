"""The nested logit with its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, final

import numpy as np

from workbench.covariances import Curvature
from workbench.errors import OptionError
from workbench.kernels.choice.nested_logit import NestedKernel, nested_sets
from workbench.kernels.choice.scaled import Scaled
from workbench.kernels.choice.situations import Int64
from workbench.models.choice.coordinates import SeparateCoordinates
from workbench.models.choice.fixed_parameters import PersonKernel
from workbench.models.choice.options import NestedLogit
from workbench.models.choice.problem import ChoiceProblem
from workbench.models.choice.starts import conditional_start
from workbench.protocols import Numpy

# In units of log tau; at an inner maximum a last step is below 1e-4 of a standard error.
_STILL_MOVING = 0.1


def nest_numbers(nests: Mapping[str, Sequence[str]], labels: Sequence[str]) -> Any:
    """Return the position of each alternative's nest, ``(J,)``.

    Raises
    ------
    OptionError
        When the nests miss an alternative, or name an unknown one.
    """
    nest_of = {each: k for k, of in enumerate(nests.values()) for each in of}
    missing = [label for label in labels if label not in nest_of]
    unknown = [each for each in nest_of if each not in labels]
    if missing or unknown:
        what = (
            f"The nests miss the alternative {missing[0]}."
            if missing
            else f"The nests name the alternative {unknown[0]}, which is not in the data."
        )
        raise OptionError(
            what, hint=f"each of {list(labels)} in one nest.", code="bad-nests", where="nests"
        )
    return np.array([nest_of[label] for label in labels], dtype=np.int64)


@final
class NestedProblem(ChoiceProblem):
    """The objective of a nested logit, in coefficients and ``log tau``."""

    saddles = True
    settings: NestedLogit

    def _set_up(self) -> None:
        data, self.nests = self.data, tuple(self.settings.nests)
        nest = nest_numbers(self.settings.nests, data.labels)[data.codes]
        x = (data.x - np.repeat(data.x[data.chosen], np.diff(data.first), axis=0)) / self.scales
        nests = len(self.nests)
        self.sets, _ = nested_sets(
            x, nest, nests, data.situation_of, data.person_first, data.chosen
        )
        several = np.diff(self.sets.occurrence_first) > 1
        alone = [k for k in range(len(self.nests)) if not several[self.sets.nest == k].any()]
        self._alone = {f"tau.{self.nests[k]}": 1.0 for k in alone}
        self.further_parameters = tuple(
            f"tau.{name}" for name in self.nests if f"tau.{name}" not in self.held
        )
        for name in self._alone:
            if name not in self.settings.fixed:
                self.notes += (
                    f"{name} is fixed at 1: no situation has two alternatives of its nest.",
                )

    @property
    def held(self) -> dict[str, float]:
        return {**self._alone, **self.settings.fixed}

    @property
    def own_names(self) -> tuple[str, ...]:
        return (*self.data.names, *(f"tau.{name}" for name in self.nests))

    @cached_property
    def own_coordinates(self) -> SeparateCoordinates:
        k = len(self.nests)
        slopes = np.concatenate([1 / self.scales, np.ones(k)])
        positive = np.arange(len(slopes)) >= len(self.scales)
        return SeparateCoordinates(slopes, np.zeros(len(slopes)), positive)

    def make_kernel(self) -> PersonKernel:
        weights = self.weights.values

        def make(persons: Int64 | None) -> NestedKernel:
            if persons is None:
                return NestedKernel(self.sets, weights)
            return NestedKernel(
                self.sets.of(persons), None if weights is None else weights[persons]
            )

        return self.with_scale(make)

    @property
    def scaled_parameters(self) -> Scaled:
        """The scale multiplies coefficients, and not ``tau``."""
        p, nests = len(self.data.names), len(self.nests)
        return Scaled(np.repeat([1.0, 0.0], [p, nests]), np.zeros(p + nests))

    @cached_property
    def first_guess(self) -> Numpy:
        """The conditional logit's estimates, with ``tau`` at one, where the models agree."""
        return np.concatenate(
            [conditional_start(self.situations, self.backend), np.zeros(len(self.nests))]
        )

    def situation_opg(self, theta: Numpy) -> Numpy | None:
        """Return the outer products of the scores of situations, ``(k, k)``, without a scale."""
        if self.scale is not None:
            return None
        kernel: Any = self.kernel.kernel
        return self.products_by_situation(
            kernel.situation_scores(self.kernel.whole(theta))[:, self.free]
        )

    def at_bound(self, newton_step: Numpy) -> tuple[int, ...]:
        """Return each ``tau`` that a step still moves by far towards zero."""
        of_nest = [name.startswith("tau.") for name in self.parameter_names]
        return tuple(np.flatnonzero(of_nest & (newton_step < -_STILL_MOVING)).tolist())

    def notes_at(self, theta: Numpy, curvature: Curvature | None) -> tuple[str, ...]:
        params = dict(zip(self.parameter_names, self.natural(theta), strict=True))
        above = [name for name in self.further_parameters if params.get(name, 0.0) > 1]
        if not above:
            return ()
        verb = "is" if len(above) == 1 else "are"
        return (
            f"{' and '.join(above)} {verb} above 1, which utility maximisation does not allow for "
            "all prices: these alternatives are poorer substitutes for each other than for others.",
        )
