"""Standard errors of every kind, and the tests that use them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pandas as pd
from scipy import stats

from workbench.covariances import Absorbed, Curvature, EstimationMethod
from workbench.covariances.base import Covariance, Facts, Sums, meat_key
from workbench.covariances.cluster import TOGETHER, cluster_factor
from workbench.covariances.evidence import Need
from workbench.covariances.kinds import (
    covariance_class,
    covariance_of,
    name_and_options,
    no_such_covariance,
)
from workbench.covariances.small_sample import Factor
from workbench.errors import InferenceError, OptionError
from workbench.estimation.evidence import ProblemEvidence
from workbench.estimation.model import model_class
from workbench.estimation.outcome import Outcome
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.kernels.parallel.blas import one_blas_thread
from workbench.protocols import Numpy
from workbench.results.wald import WaldTest, wald_test


@dataclass(frozen=True)
class _Selection:
    """A kind of standard error with its options, and the columns to cluster by.

    Attributes
    ----------
    key
        The name of its sum among those that a fit keeps; see `meat_key`.
    """

    covariance: Covariance
    clusters: tuple[str, ...]
    key: str


class StandardErrors:
    """Standard errors, covariances and tests of a fit; see `workbench.results.fit.Fit`."""

    if TYPE_CHECKING:
        specification: Specification
        outcome: Outcome
        params: pd.Series
        nobs: float
        model_title: str
        family: EstimationMethod
        curvature: Curvature | None
        live: Problem | None

        @property
        def estimated(self) -> pd.Series: ...
        @property
        def df_resid(self) -> float: ...
        def _live_problem(self) -> Any: ...

    @property
    def se_kind(self) -> str:
        """The kind of standard error in force: sandwich where probability weights force it."""
        own = self.specification
        forced = own.weights is not None and own.weight_kind == "probability"
        return "robust" if forced and covariance_class(own.se).trusts_model else own.se

    @property
    def _estimates_errors(self) -> bool:
        """Whether the run ended where standard errors exist, and some were requested."""
        return self._at_maximum and covariance_class(self.se_kind).estimates_errors

    @property
    def se_label(self) -> str:
        """The kind of standard error as tables name it."""
        if not self._estimates_errors:
            return "none"
        return self._label(self._own)

    @property
    def se_note(self) -> str:
        """How the standard errors were computed, as a sentence without its end; may be empty."""
        return self._own.covariance.note(self._facts(self._own))

    def _label(self, selection: _Selection) -> str:
        return selection.covariance.label(self._facts(selection))

    @property
    def score_unit(self) -> str:
        """The unit over which scores are summed before outer products; empty for rows."""
        return ""

    @property
    def ssc_label(self) -> str:
        """The small-sample factor's formula, empty when it is one."""
        return self._factor(self._own).label

    @cached_property
    def se(self) -> pd.Series:
        """The run's standard errors, by parameter name; NaN where they do not exist."""
        if not self._estimates_errors:
            return pd.Series(np.nan, index=self.params.index, name="none")
        return self.standard_errors()

    @one_blas_thread()
    def covariance(
        self,
        kind: str | Covariance | None = None,
        *,
        cluster: str | Sequence[str] | None = None,
        **se_options: Any,
    ) -> pd.DataFrame:
        """Return the covariance of the estimates, shape ``(k, k)``.

        Parameters
        ----------
        kind
            A kind as ``se=`` of `workbench.fit` takes it: by name, as in ``"newey_west"``, or with
            its options, as in ``wb.NeweyWest(time="year")``.  The run's own by default.
        cluster
            The cluster column, or several; the run's own by default.  Without a kind it means
            clustered errors.
        se_options
            The options of a kind given by name, as in ``time="year", unit="firm", lag=2``; the
            run's own where the kind is.

        Raises
        ------
        OptionError
            When there is no such kind, or an option is invalid.
        InferenceError
            When the run did not end at a maximum, or what the kind needs was not kept.
        SingularHessianError
            When the log-likelihood curves upwards at the estimate.
        """
        selection = self._selection(kind, cluster, se_options)
        if not selection.covariance.estimates_errors:
            raise no_such_covariance(selection.covariance.name)
        self._refuse_kind(selection.covariance)
        own = selection.clusters if selection.covariance.by_cluster else ()
        selection.covariance.check_clusters(own or _listed(cluster))
        matrix = self._averaged(self._matrix(selection, self._curvature_for(selection.covariance)))
        return pd.DataFrame(matrix, index=self.params.index, columns=self.params.index)

    def _refuse_kind(self, covariance: Covariance) -> None:
        """Refuse a covariance that would be wrong for the model."""

    def _averaged(self, covariance: Numpy) -> Numpy:
        """Return the covariance of the averages shown, by the delta method."""
        onto = self._averages
        return covariance if onto is None else np.asarray(onto @ covariance @ onto.T)

    @property
    def _averages(self) -> Numpy | None:
        """The matrix from the estimates to the averages shown; None where there are none."""
        return None

    def _selection(
        self,
        kind: str | Covariance | None,
        cluster: str | Sequence[str] | None,
        options: Mapping[str, Any],
    ) -> _Selection:
        given, named = name_and_options(kind, options)
        if given is None and cluster and not covariance_class(self.se_kind).by_cluster:
            given = "cluster"
        name, own = self._name_of(given or self.se_kind), self.specification
        if name == own.se and not named and not isinstance(kind, Covariance):
            named = dict(own.se_options)
        clusters = self._clusters(cluster)
        return _Selection(covariance_of(name, named), clusters, meat_key(name, named, clusters))

    @property
    def _own(self) -> _Selection:
        """The standard errors of the run."""
        return self._selection(None, None, {})

    def _name_of(self, given: str) -> str:
        """Return the name of a kind, for which some models have another name."""
        return model_class(self.specification.model.name).covariance_names.get(given, given)

    def _clusters(self, given: str | Sequence[str] | None) -> tuple[str, ...]:
        return self.specification.clusters if given is None else _listed(given)

    def standard_errors(
        self,
        kind: str | Covariance | None = None,
        *,
        cluster: str | Sequence[str] | None = None,
        **se_options: Any,
    ) -> pd.Series:
        """Return standard errors by parameter name; see `covariance`.

        Away from a maximum only ``"hessian"`` is given, and its name says so.
        """
        covariance = self.covariance(kind, cluster=cluster, **se_options)
        label = self._label(self._selection(kind, cluster, se_options))
        if not self._at_maximum:
            label += ", not at a maximum"
        with np.errstate(invalid="ignore"):
            errors = np.sqrt(np.diag(covariance.to_numpy()))
        return pd.Series(errors, index=self.params.index, name=label)

    @property
    def _at_maximum(self) -> bool:
        return self.outcome.at_maximum and self.curvature is not None

    def _curvature_for(self, covariance: Covariance) -> Curvature:
        if self._at_maximum and self.curvature is not None:
            whole = self._whole_curvature if Need.SCORES in covariance.needs else self.curvature
            return self.curvature if whole is None else whole
        if covariance.uses_scores():
            self._refuse_inference(f"{covariance.adjective} standard errors")
        if self.outcome in {Outcome.SEPARATED, Outcome.NOT_FINITE}:
            self._refuse_inference("standard errors")
        if self.live is None:
            raise InferenceError(
                f"The run has no Hessian ({self.outcome.status_label[2:].lower()}).",
                hint="run the model again in this session.",
                code="no-hessian",
            )
        return self.live.curvature(self.live.unconstrained(self.estimated.to_numpy()), scores=False)

    def _curvature_at_maximum(self, what: str) -> Curvature:
        """Return the curvature, or raise an error away from a maximum."""
        if self.curvature is None or not self._at_maximum:
            self._refuse_inference(what)
        return self.curvature

    def _refuse_inference(self, what: str) -> NoReturn:
        """Raise the error for inference away from a maximum, with the next step."""
        goes_on = self.outcome.can_continue
        raise InferenceError(
            f"The run did not end at a maximum ({self.outcome.status_label[2:].lower()}), where "
            f"the scores do not add up to zero, so {what} mean nothing.",
            hint="continue the run first." if goes_on else "another model; fit.message says why.",
            code="not-at-a-maximum",
        )

    @cached_property
    def _whole_curvature(self) -> Curvature | None:
        """The curvature with its sums of scores, computed now if the run did not."""
        kept = self.curvature
        if kept is None or kept.opg is not None or self.live is None or not self._at_maximum:
            return kept
        return replace(
            kept, opg=self.live.curvature(self.live.unconstrained(self.estimated.to_numpy())).opg
        )

    def _matrix(self, selection: _Selection, curvature: Curvature) -> Numpy:
        sums, convention = self._sums(selection), self.specification.ssc
        return selection.covariance.matrix(curvature, sums, convention, self._facts(selection))

    def _sums(self, selection: _Selection) -> Sums:
        """Return the score sums of a covariance: those kept, else computed from the data."""
        kind, clusters = selection.covariance, selection.clusters
        kept = (
            None if self.curvature is None else kind.kept(self.curvature, selection.key, clusters)
        )
        if kept is not None:
            return kept
        if selection.key not in self._formed:
            if self.live is None:
                raise kind.not_kept(clusters)
            theta = self.live.unconstrained(self.estimated.to_numpy())
            self._formed[selection.key] = kind.sums(ProblemEvidence(self.live, clusters, theta))
        return self._formed[selection.key]

    @cached_property
    def _formed(self) -> dict[str, Sums]:
        """The sums formed after the fit, by `meat_key`."""
        return {}

    def _facts(self, selection: _Selection) -> Facts:
        nested = selection.covariance.nesting(selection.clusters, self.specification.ssc)
        # Without a curvature, as where no residual is left, there are no sums to count groups of.
        sums = {} if self.curvature is None else self._sums(selection)
        return Facts(
            self.family,
            self.nobs,
            self._parameters(nested),
            self._score_units,
            self.score_unit,
            selection.clusters,
            {name: meat.groups for name, meat in sums.items()},
            self._has_absorbed_effects,
            self._scale_of_weights,
        )

    def _factor(self, selection: _Selection) -> Factor:
        return selection.covariance.factor(self.specification.ssc, self._facts(selection))

    @property
    def _error_groups(self) -> int:
        """The smallest number of clusters or periods of the run's own errors; zero without any."""
        return min((meat.groups for meat in self._sums(self._own).values()), default=0)

    def _cluster_factor(self, names: tuple[str, ...], groups: int) -> Factor:
        ssc = self.specification.ssc
        return cluster_factor(ssc, self.family, self.nobs, self._parameters(names), groups)

    @property
    def _score_units(self) -> float:
        """The number of units by which scores are summed first: by default observations."""
        return self.nobs

    @property
    def _has_absorbed_effects(self) -> bool:
        """Whether this is a likelihood with absorbed effects."""
        return False

    @property
    def _scale_of_weights(self) -> float:
        """The mean weight where the convention takes weights as they are, else one."""
        return 1.0

    def _parameters(self, names: tuple[str, ...] = ()) -> int:
        """Return the number of parameters, absorbed effects included as the convention has it."""
        key = TOGETHER.join(names)
        return len(self.estimated) + self._absorbed(names).count(self.specification.ssc, key)

    def _absorbed(self, names: tuple[str, ...]) -> Absorbed:
        """Return the degrees of freedom of absorbed effects, those nested in clusters marked."""
        return Absorbed()

    # Inference ----------------------------------------------------------------------------------

    @property
    def tvalues(self) -> pd.Series:
        """Estimates over standard errors."""
        return (self.params / self.se).rename("t" if math.isfinite(self.df_resid) else "z")

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values: normal for likelihoods, Student's t for least squares."""
        tails = 2 * stats.t.sf(np.abs(self.tvalues), self.df_resid)
        return pd.Series(tails, index=self.params.index, name="p")

    def conf_int(self, level: float = 0.95) -> pd.DataFrame:
        """Return confidence limits, columns ``lower`` and ``upper``.

        Raises
        ------
        OptionError
            When the level is below a half, as the chance of missing the truth would be.
        """
        if not 0.5 <= level < 1:
            raise OptionError(
                f"The confidence level is {level}; it must lie between 0.5 and 1.",
                hint=f"level={1 - level:g}." if 0 < level < 1 else "level=0.95.",
                code="bad-level",
                where="level",
            )
        reach = stats.t.ppf((1 + level) / 2, self.df_resid) * self.se
        return pd.DataFrame({"lower": self.params - reach, "upper": self.params + reach})

    def test(self, restrictions: str) -> WaldTest:
        """Test linear restrictions with a Wald test.

        Parameters
        ----------
        restrictions
            As in ``"educ = exper"`` or ``"educ = 0, exper = 0"``.

        Raises
        ------
        OptionError
            When a name is not a parameter, or the text cannot be read.
        InferenceError
            When a parameter has no standard error.
        """
        if not self._at_maximum:
            self._refuse_inference("tests")
        covariance = self.covariance(None if self._estimates_errors else "hessian")
        return wald_test(restrictions, self.params, covariance, self.df_resid)


def _listed(cluster: str | Sequence[str] | None) -> tuple[str, ...]:
    if cluster is None:
        return ()
    return (cluster,) if isinstance(cluster, str) else tuple(cluster)
