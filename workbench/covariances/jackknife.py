"""The jackknife over clusters, CRV3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.covariances.base import Facts, SumOfRows
from workbench.covariances.cluster import TOGETHER, cluster_factor, no_cluster, one_cluster
from workbench.covariances.curvature import ClusterMeat
from workbench.covariances.delete_cluster import estimates_without
from workbench.covariances.evidence import Evidence, Need
from workbench.covariances.small_sample import NO_FACTOR, Factor, checked
from workbench.options import Kind, option
from workbench.protocols import Numpy

_ONE = "CRV3 standard errors need"


@dataclass(frozen=True, kw_only=True)
class CRV3(SumOfRows):
    """The jackknife over the clusters of one column."""

    name: ClassVar[str] = "CRV3"
    title: ClassVar[str] = "CRV3 (jackknife)"
    adjective: ClassVar[str] = "CRV3"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.REGRESSION_ROWS})
    by_cluster: ClassVar[bool] = True

    centre: str = option(
        "estimate",
        kind=Kind.CHOICE,
        choices=("estimate", "mean"),
        help="what estimates without each cluster are compared with: the estimate or their mean",
        example="mean",
    )

    def check_clusters(self, clusters: Sequence[str]) -> None:
        """Refuse no column and several."""
        if not clusters:
            raise no_cluster()
        one_cluster(clusters, _ONE)

    def meat(self, evidence: Evidence) -> ClusterMeat:
        """Sum what leaving out each cluster changes, in the units of scores."""
        name = one_cluster(evidence.clusters, _ONE)
        without = estimates_without(evidence.regression_rows(), evidence.codes_of(name), name)
        changes = jackknife(without, evidence.estimate, self.centre)
        information = evidence.information
        return ClusterMeat(information @ changes @ information, len(without))

    def factor(self, convention: str | None, facts: Facts) -> Factor:
        """Return ``(g-1)/g``, or that of pyfixest."""
        n, k, groups = facts.observations, facts.parameters, facts.fewest_groups
        return jackknife_factor(convention, n, k, groups)

    def nesting(self, clusters: tuple[str, ...], convention: str | None) -> tuple[str, ...]:
        """Return the clusters."""
        return clusters

    def label(self, facts: Facts) -> str:
        """Return ``"CRV3 firm"``."""
        return f"{self.word} {TOGETHER.join(facts.clusters)}"

    def note(self, facts: Facts) -> str:
        """Say what is left out and compared."""
        centre = {"mean": "their mean"}.get(self.centre, "the estimate")
        without = TOGETHER.join(facts.clusters)
        return f"CRV3: estimates without each {without}, squared around {centre}"


def jackknife(without: Numpy, estimate: Numpy, centre: str = "estimate") -> Numpy:
    r"""Sum the outer products of what leaving out each cluster changes.

    .. math:: \sum_g (\hat\beta^{(g)} - \bar\beta)(\hat\beta^{(g)} - \bar\beta)^\top

    Parameters
    ----------
    without
        The estimates without each cluster, ``(g, k)``.
    estimate
        The estimate from all rows, ``(k,)``.
    centre
        ``"estimate"`` or ``"mean"``, that of the estimates without each cluster.

    Returns
    -------
    Array ``(k, k)``, symmetric, before the factor ``(g-1)/g``.

    References
    ----------
    MacKinnon, Nielsen and Webb (2023), "Leverage, influence, and the jackknife in clustered
    regression models", Stata Journal 23(4), equations 10 and 11.
    """
    around = estimate if centre == "estimate" else without.mean(axis=0)
    changes = without - around
    return np.asarray(changes.T @ changes)


def jackknife_factor(convention: str | None, n: float, k: int, groups: int) -> Factor:
    """Return the factor on CRV3: ``(g-1)/g``, but that of CRV1 in pyfixest.

    References
    ----------
    MacKinnon, Nielsen and Webb (2023), equation 10; pyfixest 0.60, ``vcov={"CRV3": ...}``.
    """
    name = checked(convention)
    if name == "none":
        return NO_FACTOR
    if name == "pyfixest":
        return cluster_factor(name, "least squares", n, k, groups)
    return Factor((groups - 1) / groups, "(g−1)/g")
