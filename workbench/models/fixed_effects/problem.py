"""What all problems with absorbed fixed effects share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from workbench.covariances import (
    TOGETHER,
    Absorbed,
    Nested,
    groupings,
)
from workbench.covariances.delete_cluster import lies_within
from workbench.data.design import Design
from workbench.data.formula.fixed_effects import AbsorbedTerm
from workbench.data.formula.parser import absorbed, split_formula
from workbench.data.formula.regressors import Regressors
from workbench.demeaners import demeaner_named
from workbench.errors import DataError
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.kernels.absorption.factors import Factor, Factors
from workbench.models.design.checks import check_enough_rows, check_names
from workbench.models.design.clusters import notes_on_clusters
from workbench.models.design.columns import INDEPENDENT
from workbench.models.design.weights import weights_of
from workbench.models.fixed_effects.effects import Effects
from workbench.models.fixed_effects.regressors import Collinear, Layout, Projected
from workbench.protocols import Numpy

# What demeaning leaves of an absorbed column is its error, a multiple of the tolerance.
_NOISE_PER_TOLERANCE = 100.0
_LEAST_SHARE = 1e-9


class FixedEffectsProblem(Problem):
    """A problem with absorbed fixed effects that estimates the slopes.

    References
    ----------
    Abowd, Creecy and Kramarz (2002) for the degrees of freedom.
    """

    library: ClassVar[str] = "numpy"

    def __init__(self, specification: Specification, design: Design) -> None:
        super().__init__(specification, design)
        self.depvar = design.outcome_name
        self.notes = tuple(design.notes)
        self.layout = Layout(design.names, _names(design.endogenous), _names(design.instruments))
        self.parameter_names = self.layout.regressors
        check_names((*self.parameter_names, *self.layout.instruments))
        chosen = specification.demeaner
        named = demeaner_named(chosen.name, chosen.settings)
        self.demeaner = named.on(specification.device, specification.backend)
        self._take_design(design)
        for name, codes in self.clusters.items():
            self.notes += notes_on_clusters(codes, name)
        if self.factors.members:
            counts = (f"{member.name} ({member.levels:,})" for member in self.factors.members)
            self.notes += (f"Fixed effects, with their levels: {', '.join(counts)}.",)

    @cached_property
    def projected(self) -> Projected:
        """The columns that remain, without those that are absorbed or collinear."""
        return self._first_projected()

    @abstractmethod
    def _first_projected(self) -> Projected:
        """Take the effects out of the columns, where `demean` has not done so."""

    def _take_design(self, design: Design) -> None:
        """Work on these rows."""
        self.design = design
        self.dropped, self.clusters = dict(design.dropped), dict(design.clusters)
        kind = self.specification.weight_kind
        self.weights = weights_of(design.weights, kind, len(design.outcome))
        self.observations = self.weights.observations
        self.factors = Factors(design.fixed_effects, len(design.outcome), self.weights.values)
        for known in ("absorbed", "_rank"):
            self.__dict__.pop(known, None)

    @property
    def demeans(self) -> bool:
        """Whether there are fixed effects."""
        return bool(self.factors.members)

    @property
    def least_share(self) -> float:
        """The share of its length that a column must keep given the effects and earlier columns."""
        if not self.factors.members:
            return INDEPENDENT
        return max(_LEAST_SHARE, _NOISE_PER_TOLERANCE * self.demeaner.tol)

    def _without_collinear(self, found: Projected, rows: int) -> Projected:
        """Note the collinear columns, and refuse where no regressor is left."""
        self.left_out = tuple(self._sentence(each) for each in found.collinear)
        if found.collinear and self.specification.collinear == "refuse":
            raise DataError(
                self.left_out[0],
                hint='leave it out of the formula, or collinear="drop".',
                code="collinear",
                where=found.collinear[0].name,
            )
        if not found.names and found.collinear:
            raise DataError(
                f"No regressor is left: {' '.join(self.left_out)}",
                hint="regressors that vary within the fixed effects.",
                code="all-absorbed",
            )
        check_enough_rows(rows, found.names, ())
        self.notes += tuple(note for note in found.notes if note not in self.notes)
        return found

    def _sentence(self, left_out: Collinear) -> str:
        effects = " + ".join(member.name for member in self.factors.members)
        if not left_out.partners:
            why = f"is absorbed by {effects}" if effects else "is zero in every row"
        else:
            absorbed = f" given {effects}" if effects else ""
            why = f"is a combination of {' and '.join(left_out.partners)}{absorbed}"
        return f"{left_out.name} {why} and was left out of the model."

    @cached_property
    def absorbed(self) -> Absorbed:
        """The degrees of freedom that the factors take."""
        specification = self.specification
        names = specification.covariance.nesting(specification.clusters, specification.ssc)
        counted = self.clusters.keys() >= groupings(names).keys()
        return self.absorbed_within(self.clusters | ({} if counted else self.groups(names)))

    def absorbed_within(self, groups: Mapping[str, Any]) -> Absorbed:
        """Return the degrees of freedom that the factors take, those nested in groups marked."""
        members = self.factors.members
        if not members:
            return Absorbed()
        plain = sum(member.slope is None for member in members)
        inside = {key: _nested(members, groups, key) for key in groups}
        found = {key: nested for key, nested in inside.items() if nested is not None}
        levels = sum(member.levels for member in members)
        return Absorbed(self._rank, levels, plain, found)

    @cached_property
    def _rank(self) -> int:
        return self.factors.rank()

    @property
    def _terms(self) -> tuple[AbsorbedTerm, ...]:
        return absorbed(split_formula(self.specification.formula or ""))

    @abstractmethod
    def effects(self, params: Numpy) -> Effects:
        """Recover the effects of each factor; see `recovered`."""


def _names(part: Regressors | None) -> tuple[str, ...]:
    return () if part is None else part.names


def _nested(members: tuple[Factor, ...], groups: Mapping[str, Any], key: str) -> Nested | None:
    """Gather the factors with every level inside one group of some column of the key."""
    columns = [groups[name] for name in key.split(TOGETHER)]
    inside = tuple(m for m in members if any(lies_within(m, codes) for codes in columns))
    if not inside:
        return None
    rank = Factors(inside, len(inside[0].codes)).rank()
    return Nested(len(inside), sum(member.levels for member in inside), rank)
