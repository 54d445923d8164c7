"""The precision of estimates: standard errors of every kind, and the tests that use them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pandas as pd
from scipy import stats

from workbench.covariances import (
    ALIASES,
    BY_ROWS,
    KINDS,
    TITLES,
    TOGETHER,
    Absorbed,
    ClusterMeat,
    Curvature,
    Factor,
    cluster_factor,
    groupings,
    hessian,
    hessian_factor,
    meat_key,
    multiway_cluster,
    opg,
    robust,
    robust_factor,
    sandwich,
    settings_of,
    tolerates_negative,
)
from workbench.covariances.kinds import nesting, row_factor, row_label, row_meat
from workbench.covariances.settings import ClusterSettings
from workbench.covariances.small_sample import Family
from workbench.errors import InferenceError, OptionError
from workbench.estimation.outcome import Outcome
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.kernels.parallel.blas import one_blas_thread
from workbench.protocols import Numpy
from workbench.results.wald import WaldTest, wald_test

_LABELS = {"hessian": "Hessian", "opg": "scores (OPG)", "robust": "robust", "none": "none"}


@dataclass(frozen=True)
class _Asked:
    """A kind of standard error by its own name, with its clusters and options."""

    kind: str
    clusters: tuple[str, ...]
    options: Mapping[str, Any]


class Precision:
    """What a fit says of the precision of its estimates; see `workbench.results.fit.Fit`."""

    if TYPE_CHECKING:
        specification: Specification
        outcome: Outcome
        params: pd.Series
        nobs: float
        model_title: str
        family: Family
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
        asked = self.specification
        forced = asked.weights is not None and asked.weight_kind == "probability"
        return "robust" if forced and asked.se in {"hessian", "opg"} else asked.se

    @property
    def se_label(self) -> str:
        """The kind of standard error as tables name it."""
        if not self._at_maximum or self.se_kind == "none":
            return "none"
        if self.se_kind == "hessian" and self.family == "least squares":
            return "iid"
        return self._label(self._own)

    def _label(self, asked: _Asked) -> str:
        if asked.kind == "cluster":
            return f"cluster {TOGETHER.join(asked.clusters)}"
        if asked.kind in BY_ROWS:
            groups = self._row_meat(asked).groups
            settings = settings_of(asked.kind, asked.options)
            return row_label(asked.kind, settings, asked.clusters, groups)
        return f"{_LABELS[asked.kind]}{self._by_unit(asked.kind)}"

    @property
    def score_unit(self) -> str:
        """What scores are summed by before their outer products are; empty for rows."""
        return ""

    def _by_unit(self, kind: str) -> str:
        """Say what scores are summed by first, where that is not the row."""
        unit = self.score_unit if kind in {"opg", "robust"} else ""
        return f" by {unit}" if unit else ""

    @property
    def ssc_label(self) -> str:
        """The small-sample factor's formula, empty when it is one."""
        return self._factor(self._own).label

    @cached_property
    def se(self) -> pd.Series:
        """Standard errors of the kind asked for, by parameter name; NaN where withheld."""
        if not self._at_maximum or self.se_kind == "none":
            return pd.Series(np.nan, index=self.params.index, name="none")
        return self.standard_errors()

    @one_blas_thread()
    def covariance(
        self,
        kind: str | None = None,
        *,
        cluster: str | Sequence[str] | None = None,
        **se_options: Any,
    ) -> pd.DataFrame:
        """Return the covariance of the estimates, shape ``(k, k)``.

        Parameters
        ----------
        kind
            ``"hessian"``, ``"opg"``, ``"robust"``, ``"cluster"``, ``"newey_west"``,
            ``"driscoll_kraay"`` or ``"conley"``; for least squares also ``"iid"``, ``"hetero"``
            or ``"HC1"``, ``"HC2"``, ``"HC3"`` and ``"CRV3"``.  The run's own by default.
        cluster
            The cluster column, or several; the run's own by default.
        se_options
            What the kind is told, as in ``time="year", unit="firm", lag=2``; the run's own where
            the kind is.

        Raises
        ------
        OptionError
            When the kind is not among the choices.
        InferenceError
            When the run did not end at a maximum, or what the kind needs was not kept.
        SingularHessianError
            When the log-likelihood curves upwards at the estimate.
        """
        asked = self._asked(kind, cluster, se_options)
        if asked.kind not in KINDS or asked.kind == "none":
            raise OptionError(
                f'There is no covariance "{asked.kind}".',
                hint=f"one of {list(KINDS[:-1])}.",
                code="no-such-covariance",
                where="se",
            )
        self._refuse_kind(asked.kind)
        matrix = self._averaged(self._matrix(asked, self._curvature_for(asked.kind)))
        return pd.DataFrame(matrix, index=self.params.index, columns=self.params.index)

    def _refuse_kind(self, kind: str) -> None:
        """Refuse a covariance that would be wrong for the model."""

    def _averaged(self, covariance: Numpy) -> Numpy:
        """Carry a covariance of the estimates to the averages shown, by the delta method."""
        onto = self._averages
        return covariance if onto is None else np.asarray(onto @ covariance @ onto.T)

    @property
    def _averages(self) -> Numpy | None:
        """The matrix from the estimates to the averages shown; None where there are none."""
        return None

    def _asked(
        self,
        kind: str | None,
        cluster: str | Sequence[str] | None,
        options: Mapping[str, Any],
    ) -> _Asked:
        own = self._kind(kind) == self.specification.se and not options
        named = self.specification.se_options if own else options
        given = {name: value for name, value in named.items() if value is not None}
        return _Asked(self._kind(kind), self._clusters(cluster), given)

    @property
    def _own(self) -> _Asked:
        """The standard errors of the run."""
        return self._asked(None, None, {})

    def _kind(self, asked: str | None) -> str:
        """Return the kind by its own name."""
        if asked is None:
            return self.se_kind
        known = self.family == "least squares" or self._beside_effects
        return ALIASES.get(asked, asked) if known else asked

    def _clusters(self, asked: str | Sequence[str] | None) -> tuple[str, ...]:
        if asked is None:
            return self.specification.clusters
        return (asked,) if isinstance(asked, str) else tuple(asked)

    def standard_errors(
        self,
        kind: str | None = None,
        *,
        cluster: str | Sequence[str] | None = None,
        **se_options: Any,
    ) -> pd.Series:
        """Return standard errors by parameter name; see `covariance`.

        Away from a maximum only ``"hessian"`` is given, and its name says so.
        """
        covariance = self.covariance(kind, cluster=cluster, **se_options)
        label = self._label(self._asked(kind, cluster, se_options))
        if not self._at_maximum:
            label += ", not at a maximum"
        with np.errstate(invalid="ignore"):
            errors = np.sqrt(np.diag(covariance.to_numpy()))
        return pd.Series(errors, index=self.params.index, name=label)

    @property
    def _at_maximum(self) -> bool:
        return self.outcome.at_maximum and self.curvature is not None

    def _curvature_for(self, kind: str) -> Curvature:
        if self._at_maximum and self.curvature is not None:
            whole = self._whole_curvature if kind in {"opg", "robust"} else self.curvature
            return self.curvature if whole is None else whole
        if kind != "hessian":
            self._refuse_inference(f"{kind} standard errors")
        if self.outcome in {Outcome.SEPARATED, Outcome.NOT_FINITE}:
            self._refuse_inference("standard errors")
        if self.live is None:
            raise InferenceError(
                f"The run has no Hessian ({self.outcome.chip[2:].lower()}).",
                hint="run the model again in this session.",
                code="no-hessian",
            )
        return self.live.curvature(self.live.walked(self.estimated.to_numpy()), scores=False)

    def _refuse_inference(self, what: str) -> NoReturn:
        """Say what means nothing away from a maximum, and whether the run can go on to one."""
        goes_on = self.outcome.can_continue
        raise InferenceError(
            f"The run did not end at a maximum ({self.outcome.chip[2:].lower()}), where the "
            f"scores do not add up to zero, so {what} mean nothing.",
            hint="continue the run first." if goes_on else "another model; fit.message says why.",
            code="not-at-a-maximum",
        )

    @cached_property
    def _whole_curvature(self) -> Curvature | None:
        """The curvature with its sums of scores, formed now where the run had no use for them."""
        kept = self.curvature
        if kept is None or kept.opg is not None or self.live is None or not self._at_maximum:
            return kept
        return replace(
            kept, opg=self.live.curvature(self.live.walked(self.estimated.to_numpy())).opg
        )

    def _matrix(self, asked: _Asked, curvature: Curvature) -> Numpy:
        names, tolerate = asked.clusters, tolerates_negative(self.specification.ssc)
        if asked.kind == "hessian":
            return hessian(curvature) * self._factor(asked).value / self._scale_of_weights
        if asked.kind == "opg":
            return opg(curvature)
        if asked.kind in BY_ROWS:
            meat, factor = self._row_meat(asked).meat, self._factor(asked).value
            return sandwich(curvature, meat, factor, tolerate=tolerate)
        if asked.kind == "robust":
            return robust(curvature, self._factor(asked).value)
        if not names:
            raise OptionError(
                "Clustered standard errors need a column.",
                hint='cluster="region", or --cluster region in a cell.',
                code="no-cluster",
                where="cluster",
            )
        meats = self._cluster_meats(names)
        common: float | dict[str, float] = self._factor(asked).value
        if self._corrects_each(asked):
            common = {key: self._cluster_factor(names, meats[key].groups).value for key in meats}
        with_meats = replace(curvature, clusters=meats)
        return multiway_cluster(with_meats, names, common, tolerate=tolerate)

    def _corrects_each(self, asked: _Asked) -> bool:
        """Whether each part of several directions is corrected by its own number of groups."""
        settings = settings_of(asked.kind, asked.options)
        assert isinstance(settings, ClusterSettings)
        habit = "conventional" if self.specification.ssc == "statsmodels" else "min"
        return (settings.cluster_df or habit) == "conventional"

    def _row_meat(self, asked: _Asked) -> ClusterMeat:
        """Return the sum behind a kind of rows: the one kept, or else formed from the data."""
        kept = {**self._formed, **({} if self.curvature is None else self.curvature.kept)}
        key = meat_key(asked.kind, asked.options, asked.clusters)
        if key in kept:
            return kept[key]
        if self.live is None:
            raise InferenceError(
                f"This fit was read from the record, which did not keep what "
                f"{TITLES[asked.kind]} standard errors need.",
                hint=f'run the model again with se="{asked.kind}".',
                code="no-data",
            )
        theta = self.live.walked(self.estimated.to_numpy())
        found = row_meat(self.live, theta, asked.kind, asked.options, asked.clusters)
        self._formed[key] = found
        return found

    @cached_property
    def _formed(self) -> dict[str, ClusterMeat]:
        """The sums of rows formed after the fit, by `meat_key`."""
        return {}

    def _cluster_meats(self, names: tuple[str, ...]) -> Mapping[str, ClusterMeat]:
        kept = {} if self.curvature is None else self.curvature.clusters
        if kept.keys() >= groupings(names).keys():
            return kept
        if self.live is None:
            by = TOGETHER.join(names)
            raise InferenceError(
                f'The scores of this fit were not kept by "{by}".',
                hint=f'run the model again with se="cluster", cluster="{by}".',
                code="no-cluster-scores",
                where=by,
            )
        theta = self.live.walked(self.estimated.to_numpy())
        groups = self.live.groups(names)
        return {key: self.live.cluster_meat(theta, codes) for key, codes in groups.items()}

    def _factor(self, asked: _Asked) -> Factor:
        n, ssc = self.nobs, self.specification.ssc
        if asked.kind == "hessian" and self._beside_effects:
            return hessian_factor(ssc, n, self._parameters())
        if asked.kind == "robust":
            return robust_factor(ssc, self.family, self._score_units, self._parameters())
        if asked.kind == "cluster" and asked.clusters:
            groups = min(meat.groups for meat in self._cluster_meats(asked.clusters).values())
            found = self._cluster_factor(asked.clusters, groups)
            each = len(asked.clusters) > 1 and self._corrects_each(asked) and found.label
            return replace(found, label=f"{found.label}, each its own g") if each else found
        if asked.kind in BY_ROWS:
            settings = settings_of(asked.kind, asked.options)
            k = self._parameters(nesting(settings, asked.clusters, ssc))
            groups = self._row_meat(asked).groups
            return row_factor(asked.kind, settings, ssc, self.family, n, k, groups)
        return Factor(1.0, "")

    def _cluster_factor(self, names: tuple[str, ...], groups: int) -> Factor:
        ssc = self.specification.ssc
        return cluster_factor(ssc, self.family, self.nobs, self._parameters(names), groups)

    @property
    def _score_units(self) -> float:
        """The number of the units whose scores are summed first: by default observations."""
        return self.nobs

    @property
    def _beside_effects(self) -> bool:
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
        covariance = self.covariance("hessian" if self.se_kind == "none" else None)
        return wald_test(restrictions, self.params, covariance, self.df_resid)
