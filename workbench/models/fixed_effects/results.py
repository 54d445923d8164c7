"""Results of fits with absorbed effects: the effects, R squared within, and first stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import pandas as pd

from workbench.covariances import Absorbed, Nested
from workbench.data.table import Table
from workbench.errors import OptionError
from workbench.models.design.results import FormulaState, MeanFit
from workbench.models.fixed_effects.effects import Effects
from workbench.models.fixed_effects.families import family_of
from workbench.models.fixed_effects.instruments import FirstStage
from workbench.models.linear.results import LinearFit, LinearState
from workbench.protocols import Numpy
from workbench.results.fit import Availability, Fit

_EXAMPLE = 'wb.fit("feols", "y ~ x | firm", df).'


def _absorbed(stored: Mapping[str, Any]) -> Absorbed:
    nested = {key: Nested(**inside) for key, inside in stored.get("nested", {}).items()}
    return Absorbed(**{**stored, "nested": nested})


def _first_stages(stored: list[Mapping[str, Any]]) -> tuple[FirstStage, ...]:
    return tuple(FirstStage(**each) for each in stored)


@dataclass(frozen=True)
class AbsorbedState(FormulaState):
    """What a fit keeps of the effects that were taken out.

    Attributes
    ----------
    absorbed
        The degrees of freedom that they take.
    fixed_effects
        Their names, as the formula has them.
    """

    readers: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        **FormulaState.readers,
        "absorbed": _absorbed,
        "fixed_effects": tuple,
    }

    absorbed: Absorbed = field(default_factory=Absorbed)
    fixed_effects: tuple[str, ...] = ()


@dataclass(frozen=True)
class FeolsState(AbsorbedState, LinearState):
    """What least squares with absorbed effects keep.

    Attributes
    ----------
    endogenous
        The design of the endogenous regressors, which follow the others, or None.
    r2_within
        The share of the variation within the effects that the slopes explain.
    first_stages
        The F test of the instruments, for each endogenous regressor.
    """

    readers: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        **AbsorbedState.readers,
        "first_stages": _first_stages,
    }

    endogenous: Mapping[str, Any] | None = None
    r2_within: float | None = None
    first_stages: tuple[FirstStage, ...] = ()


@dataclass(frozen=True)
class FeglmState(AbsorbedState):
    """What a likelihood with absorbed effects keeps.

    Attributes
    ----------
    mean_weight
        The mean of the weights as they were given; 1 without weights.
    """

    mean_weight: float = 1.0


@dataclass(frozen=True, repr=False)
class AbsorbedFit(MeanFit):
    """A fit with absorbed effects."""

    availability: ClassVar[Mapping[str, Availability]] = {
        "fixed_effects": Availability("has no fixed effects", _EXAMPLE, "no-fixed-effects"),
        "absorbed": Availability("absorbs no fixed effects", _EXAMPLE, "no-fixed-effects"),
    }

    state: AbsorbedState = field(default_factory=AbsorbedState, repr=False)

    @property
    def absorbed(self) -> tuple[str, ...]:
        """The fixed effects taken out, as the formula names them: ``"firm"``, ``"firm[trend]"``."""
        return self.state.fixed_effects

    def fixed_effects(self) -> dict[str, pd.Series]:
        """Return the effects of each absorbed factor, indexed by level.

        Only sums of effects are determined: the first factor keeps its level, and of each further
        one the first level is zero in every component that connects it with the first.

        Raises
        ------
        OptionError
            When the formula has none.
        InferenceError
            When the fit was read from the record, or the effects are not identified.
        """
        if not self.state.fixed_effects:
            raise OptionError(
                f"The model {self.model_title} has no fixed effects.",
                hint=_EXAMPLE,
                code="no-fixed-effects",
            )
        return self._effects.by_name()

    @cached_property
    def _effects(self) -> Effects:
        effects: Effects = self._live_problem().effects(self.estimated.to_numpy())
        return effects

    def _index(self, table: Table) -> Numpy:
        index = super()._index(table)
        if not self.state.absorbed.levels:
            return index
        effects = self._effects.at(table)
        self._effects.refuse_unknown(effects, table)
        return index + effects

    def _columns_read(self) -> tuple[str, ...]:
        effects = self._effects.terms if self.state.absorbed.levels else ()
        names = [name for term in effects for name in (*term.columns, term.slope) if name]
        return (*super()._columns_read(), *names)

    def _absorbed(self, names: tuple[str, ...]) -> Absorbed:
        specification = self.specification
        nested = specification.covariance.nesting(specification.clusters, specification.ssc)
        if names not in {(), specification.clusters, nested} and self.live is not None:
            return self.live.absorbed_within(self.live.groups(names))
        return self.state.absorbed


@dataclass(frozen=True, repr=False)
class FeolsFit(AbsorbedFit, LinearFit):
    """The fit of least squares with absorbed effects, with or without instruments."""

    availability: ClassVar[Mapping[str, Availability]] = {
        "r2_within": Availability("has no R squared within effects", _EXAMPLE, "no-fixed-effects"),
        "first_stage": Availability(
            "has no instruments", 'wb.fit("feols", "y ~ x | firm | d ~ z", df).', "no-instruments"
        ),
    }

    state: FeolsState = field(default_factory=FeolsState, repr=False)

    @property
    def r2_within(self) -> float | None:
        """The share of the variation within the fixed effects that the slopes explain."""
        return self.state.r2_within

    @property
    def first_stage(self) -> pd.DataFrame:
        """The F test of the instruments, one row per endogenous regressor."""
        names = ["regressor", "statistic", "numerator", "denominator", "p"]
        stages = [asdict(stage) for stage in self.state.first_stages]
        return pd.DataFrame(stages, columns=names).set_index("regressor")

    @property
    def further_figures(self) -> Mapping[str, float]:
        """The F statistic of each first stage."""
        stages = self.state.first_stages
        return {f"First-stage F, {stage.regressor}": stage.statistic for stage in stages}

    @property
    def df_resid(self) -> float:
        """Observations minus coefficients and effects, or clusters minus one; see `group_df`."""
        groups = group_df(self)
        return super().df_resid if groups is None else groups

    def _designs(self) -> list[Mapping[str, Any]]:
        parts = [self.state.design, self.state.endogenous]
        return [part for part in parts if part is not None]


@dataclass(frozen=True, repr=False)
class FeglmFit(AbsorbedFit):
    """The fit of a likelihood with absorbed effects."""

    state: FeglmState = field(default_factory=FeglmState, repr=False)

    def _mean(self, index: Numpy) -> Numpy:
        template = family_of(self.model).mean_of()
        mean = template.mean([index], self._further)
        assert mean is not None
        return mean

    @property
    def _has_absorbed_effects(self) -> bool:
        return True

    @property
    def _scale_of_weights(self) -> float:
        specification = self.specification
        as_they_are = (
            specification.ssc in {"fixest", "pyfixest"} and specification.weight_kind != "frequency"
        )
        return self.state.mean_weight if as_they_are else 1.0


def group_df(fit: Fit) -> float | None:
    """Return the smallest number of clusters minus one, or that of periods, where errors have any.

    None where the errors are of single rows, or the fit is not at a maximum.
    """
    groups = fit._error_groups if fit._at_maximum else 0
    return groups - 1 if groups else None
