"""Models of event studies and their options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from workbench.covariances.evidence import Need
from workbench.estimation.model import NUMPY, Model
from workbench.models.linear.options import LEAST_SQUARES_NAMES
from workbench.options import Kind, option


@dataclass(frozen=True, kw_only=True)
class DID2S(Model):
    """Difference in differences in two stages.  Gardner (2021)."""

    name: ClassVar[str] = "did2s"
    title: ClassVar[str] = "Two-stage DiD"
    formula: ClassVar[str] = "y − ŷ(0) = x′β"
    built_by: ClassVar[str] = "workbench.models.event_study.build"
    results: ClassVar[str] = "workbench.models.event_study.results:TwoStageFit"
    solved: ClassVar[bool] = True
    computed_by: ClassVar[str] = NUMPY
    listed: ClassVar[bool] = False
    called_by: ClassVar[str] = "workbench.models.event_study.code:did2s_call"
    no_cell: ClassVar[str] = "it has two stages"
    no_setup: ClassVar[str] = "it has two stages"
    roles: ClassVar[tuple[str, ...]] = ("outcome", "regressors", "cluster", "weights")
    weight_kind: ClassVar[str] = "analytic"
    evidence: ClassVar[frozenset[Need]] = frozenset({Need.CLUSTER_SCORES})
    covariance_names: ClassVar[Mapping[str, str]] = LEAST_SQUARES_NAMES

    first_stage: str = option(
        kind=Kind.FORMULA,
        help="formula of the first stage, with its fixed effects, over untreated rows",
        example="~ 0 | unit + year",
    )
    treatment: str = option(
        kind=Kind.COLUMN, help="column that is 1 in treated rows and else 0", example="treated"
    )


DEFAULTS: Mapping[str, Any] = {"se": "cluster", "ssc": "none", "name": DID2S.name}
"""Defaults of `workbench.did2s` that are not those of `workbench.fit`; R's did2s has no factor."""
