"""Results of event studies: averages of effects of cohorts, and two-stage regressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import pandas as pd

from workbench.covariances.base import Covariance
from workbench.covariances.evidence import Need
from workbench.data.formula.interactions import cohort_terms
from workbench.errors import InferenceError
from workbench.estimation.inner_trace import Demeaning
from workbench.estimation.trace import Trace
from workbench.models.custom.results import CustomFit
from workbench.models.design.results import FormulaFit, MeanFit
from workbench.models.event_study.aggregation import Cohorts, shares
from workbench.models.fixed_effects.results import FeglmFit, FeolsFit, group_df
from workbench.models.linear.results import LinearFit
from workbench.models.templates.results import TemplateFit
from workbench.protocols import Numpy
from workbench.results.fit import Availability, Fit


@dataclass(frozen=True, repr=False)
class CohortFit(FormulaFit):
    """A fit with ``sunab(cohort, period)``, which shows averages of its estimates.

    Attributes
    ----------
    cohorts
        All estimates, and how those of cohorts are averaged.
    """

    availability: ClassVar[Mapping[str, Availability]] = {
        "aggregate": Availability(
            "has no cohorts to average",
            'wb.fit("feols", "y ~ sunab(cohort, year) | unit + year", df).',
            "no-cohorts",
            who="fits of a formula with sunab(cohort, period)",
        )
    }

    cohorts: Cohorts = field(default_factory=Cohorts, repr=False)

    @property
    def estimated(self) -> pd.Series:
        """The estimates of all columns, those of each cohort in each period included."""
        return self.cohorts.estimates

    def aggregate(self, by: str = "period") -> Self:
        """Return the fit with the effects of ``sunab(cohort, period)`` averaged in another way.

        Parameters
        ----------
        by
            ``"period"`` averages over cohorts in each relative period; ``"cohort"`` and ``"att"``
            average over the treated periods, by cohort or over all; ``"cells"`` shows each cohort
            in each period.

        Raises
        ------
        OptionError
            When there is no such average.
        """
        names, weights = shares(self.cohorts, by)
        params = pd.Series(weights @ self.estimated.to_numpy(), pd.Index(names, dtype=object))
        cohorts = replace(self.cohorts, by=by)
        return replace(self, params=params.rename("estimate"), cohorts=cohorts)

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        """The terms of the formula with one estimate for each period or level, as averaged."""
        shown = list(super().events)
        shown += cohort_terms(self.state.design) if self.cohorts.by == "period" else []
        return [term for term in self.state.design.get("events", []) if term in shown]

    @property
    def _averages(self) -> Numpy | None:
        return shares(self.cohorts, self.cohorts.by)[1]

    def presented(self) -> Self:
        """Average the effects of cohorts as the formula says, with a note."""
        cohorts = Cohorts.of(self._live_problem().design, self.params)
        cells = f"{len(cohorts.cells)} effects, each of one cohort in one period"
        note = f"sunab() averages {cells}, by the shares of the cohorts; see {_SEE}."
        found = replace(self, cohorts=cohorts, notes=(*self.notes, note))
        return found.aggregate(cohorts.by)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types, except that figures may be NaN or infinite."""
        return {**super().to_dict(), "cohorts": self.cohorts.to_dict()}

    @classmethod
    def _read(
        cls, stored: Mapping[str, Any], trace: Trace | None, demeaning: Demeaning | None
    ) -> dict[str, Any]:
        kept = stored.get("cohorts") or stored["state"]["aggregation"]
        return {**super()._read(stored, trace, demeaning), "cohorts": Cohorts.from_dict(kept)}


_SEE = 'fit.aggregate("cells")'


# The family comes first, so that its state is the one that is kept.
@dataclass(frozen=True, repr=False)
class CohortLinearFit(LinearFit, CohortFit):
    """A linear regression with effects of cohorts."""


@dataclass(frozen=True, repr=False)
class CohortFeolsFit(FeolsFit, CohortFit):
    """Least squares with absorbed effects and effects of cohorts."""


@dataclass(frozen=True, repr=False)
class CohortFeglmFit(FeglmFit, CohortFit):
    """A likelihood with absorbed effects and effects of cohorts."""


@dataclass(frozen=True, repr=False)
class CohortTemplateFit(TemplateFit, CohortFit):
    """A template of a likelihood with effects of cohorts."""


@dataclass(frozen=True, repr=False)
class CohortCustomFit(CustomFit, CohortFit):
    """A person's own likelihood with effects of cohorts."""


_WITH_COHORTS: dict[type[Fit], type[CohortFit]] = {
    LinearFit: CohortLinearFit,
    FeolsFit: CohortFeolsFit,
    FeglmFit: CohortFeglmFit,
    TemplateFit: CohortTemplateFit,
    CustomFit: CohortCustomFit,
}


def with_cohorts(kind: type[Fit]) -> type[Fit]:
    """Return the class of fits that averages the effects of cohorts too, where there is one."""
    return _WITH_COHORTS.get(kind, kind)


@dataclass(frozen=True, repr=False)
class TwoStageFit(MeanFit):
    """The second stage of difference in differences, with errors that count the first one's."""

    @property
    def df_resid(self) -> float:
        """Clusters minus one, or observations minus coefficients without; see `group_df`."""
        groups = group_df(self)
        return self.nobs - self._parameters() if groups is None else groups

    def _mean(self, index: Numpy) -> Numpy:
        return index

    def _refuse_kind(self, covariance: Covariance) -> None:
        """Refuse a covariance that does not count the error of the first stage."""
        if Need.CLUSTER_SCORES not in covariance.needs:
            raise InferenceError(
                f"{self.model_title} has no {covariance.adjective} standard errors: they would "
                "not count the error of the first stage.",
                hint='se="cluster".',
                code="no-such-covariance",
                where="se",
            )
