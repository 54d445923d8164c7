"""The sandwich with scores summed by cluster, in one or several directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from workbench.covariances.base import Covariance, Facts, Sums, without_negative
from workbench.covariances.curvature import Curvature
from workbench.covariances.evidence import Evidence, Need
from workbench.covariances.small_sample import (
    NO_FACTOR,
    EstimationMethod,
    Factor,
    checked,
    tolerates_negative,
)
from workbench.errors import InferenceError, OptionError, WorkbenchError
from workbench.options import Kind, option
from workbench.protocols import Numpy

TOGETHER = " & "
"""Joins the names of columns in the name of a grouping."""


@dataclass(frozen=True, kw_only=True)
class Cluster(Covariance):
    """The sandwich with scores summed by cluster."""

    name: ClassVar[str] = "cluster"
    title: ClassVar[str] = "Cluster"
    adjective: ClassVar[str] = "clustered"
    word: ClassVar[str] = "cluster"
    run_word: ClassVar[str] = "cluster {cluster}"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.CLUSTER_SCORES})
    by_cluster: ClassVar[bool] = True

    cluster_df: str | None = option(
        None,
        kind=Kind.CHOICE,
        choices=("min", "conventional"),
        help="number of clusters of several directions: the smallest, or each its own",
        example="min",
        label="Clusters counted",
        needs="several_clusters",
    )

    def check_clusters(self, clusters: Sequence[str]) -> None:
        """Refuse no column."""
        if not clusters:
            raise no_cluster()

    def sums(self, evidence: Evidence) -> Sums:
        """Sum the scores by each column and by their combinations."""
        groups = evidence.groups(evidence.clusters)
        return {key: evidence.cluster_meat(codes) for key, codes in groups.items()}

    def kept(self, curvature: Curvature, key: str, clusters: tuple[str, ...]) -> Sums | None:
        """Return the sums by each grouping."""
        wanted = groupings(clusters)
        there = curvature.clusters.keys() >= wanted.keys()
        return {name: curvature.clusters[name] for name in wanted} if there else None

    def not_kept(self, clusters: tuple[str, ...]) -> WorkbenchError:
        """Return the error that names the columns by which scores were not summed."""
        return no_cluster_scores(TOGETHER.join(clusters))

    def factor(self, convention: str | None, facts: Facts) -> Factor:
        """Return the factor of the smallest number of clusters."""
        if not facts.groups:
            return NO_FACTOR
        found = self._of(facts.fewest_groups, convention, facts)
        each = len(facts.clusters) > 1 and self.corrects_each(convention) and found.label
        return replace(found, label=f"{found.label}, each its own g") if each else found

    def _of(self, groups: int, convention: str | None, facts: Facts) -> Factor:
        n, k = facts.observations, facts.parameters
        return cluster_factor(convention, facts.family, n, k, groups)

    def corrects_each(self, convention: str | None) -> bool:
        """Return whether each part is corrected by its own number of clusters."""
        habit = "conventional" if convention == "statsmodels" else "min"
        return (self.cluster_df or habit) == "conventional"

    def matrix(
        self, curvature: Curvature, sums: Sums, convention: str | None, facts: Facts
    ) -> Numpy:
        """Return the sandwich of every part, added and subtracted."""
        factor: float | dict[str, float] = self.factor(convention, facts).value
        if self.corrects_each(convention):
            of = facts.groups.items()
            factor = {key: self._of(count, convention, facts).value for key, count in of}
        curvature, tolerate = replace(curvature, clusters=sums), tolerates_negative(convention)
        return multiway_cluster(curvature, facts.clusters, factor, tolerate=tolerate)

    def nesting(self, clusters: tuple[str, ...], convention: str | None) -> tuple[str, ...]:
        """Return the clusters."""
        return clusters

    def label(self, facts: Facts) -> str:
        """Return ``"cluster firm & year"``."""
        return f"{self.word} {TOGETHER.join(facts.clusters)}"

    def note(self, facts: Facts) -> str:
        """Say by what the scores are summed."""
        within = TOGETHER.join(facts.clusters)
        return f"Clustered: scores summed within {within} before the sandwich"


def no_cluster() -> OptionError:
    """Return the error that a column to cluster by is needed."""
    return OptionError(
        "Clustered standard errors need a column to cluster by.",
        hint='cluster="region", or --cluster region in a cell.',
        code="no-cluster",
        where="cluster",
    )


def no_cluster_scores(name: str) -> InferenceError:
    """Return the error that scores were not summed by a column, or by combinations of several."""
    return InferenceError(
        f'The scores of this fit were not kept by "{name}".',
        hint=f'run the model again with se="cluster", cluster="{name}".',
        code="no-cluster-scores",
        where=name,
    )


def one_cluster(clusters: Sequence[str], who: str) -> str:
    """Return the one column of clusters, or refuse none and several.

    Parameters
    ----------
    who
        What needs it, as in ``"The wild bootstrap needs"``.
    """
    if len(clusters) != 1:
        raise OptionError(
            f"{who} one column of clusters, not {len(clusters)}.",
            hint='cluster="region", or --cluster region in a cell.',
            code="no-cluster",
            where="cluster",
        )
    return clusters[0]


def groupings(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return every combination of the cluster columns by the name of its grouping.

    Examples
    --------
    >>> list(groupings(["firm", "year"]))
    ['firm', 'year', 'firm & year']
    """
    sets = (each for size in range(1, len(names) + 1) for each in combinations(names, size))
    return {TOGETHER.join(each): each for each in sets}


def joint(codes: Sequence[Any]) -> Any:
    """Give the combinations of several groupings, ``(n,)`` each, numbers from 0."""
    together, *others = codes
    for other in others:
        together = pd.factorize(together * (int(other.max()) + 1) + other)[0]
    return together


def cluster(curvature: Curvature, name: str, factor: float = 1.0) -> Numpy:
    r"""Estimate the covariance when rows of one cluster may move together.

    .. math:: \hat V = c\, H^{-1} \Big(\sum_g s_g s_g^\top\Big) H^{-1},
              \qquad s_g = \sum_{i \in g} s_i

    Parameters
    ----------
    curvature
        Hessian and cluster meat at the estimate.
    name
        The column of clusters.
    factor
        The small-sample factor ``c``.

    Returns
    -------
    Array ``(k, k)`` in squared units of the parameters; NaN for flat parameters.

    Raises
    ------
    InferenceError
        When the scores were not summed by this column.

    References
    ----------
    Liang and Zeger (1986), "Longitudinal data analysis using generalized linear models",
    Biometrika 73(1), theorem 2.
    """
    if name not in curvature.clusters:
        raise no_cluster_scores(name)
    bread = curvature.bread
    return curvature.natural(factor * bread @ curvature.clusters[name].meat @ bread)


def multiway_cluster(
    curvature: Curvature,
    names: Sequence[str],
    factor: float | Mapping[str, float] = 1.0,
    *,
    tolerate: bool = False,
) -> Numpy:
    r"""Estimate the covariance when rows that share any one cluster may move together.

    .. math:: \hat V = \sum_{S \subseteq \{1..m\}} (-1)^{|S|+1} \hat V_S

    with :math:`\hat V_S` clustered by the combinations of the columns in :math:`S`.  Negative
    eigenvalues of the sum are replaced by zero.

    Parameters
    ----------
    curvature
        Hessian and the meat of every grouping at the estimate.
    names
        The cluster columns.
    factor
        The small-sample factor, the same for every part or one for each grouping.
    tolerate
        Whether negative eigenvalues stay as long as every variance is positive.

    Returns
    -------
    Array ``(k, k)`` in squared units of the parameters; NaN for flat parameters.

    Raises
    ------
    InferenceError
        When the scores of a grouping were not summed.

    References
    ----------
    Cameron, Gelbach and Miller (2011), "Robust inference with multiway clustering", Journal of
    Business & Economic Statistics 29(2), equations 2.10 to 2.13.
    """
    total = np.zeros_like(curvature.information)
    for key, members in groupings(names).items():
        own = factor[key] if isinstance(factor, Mapping) else factor
        total += (-1) ** (len(members) + 1) * cluster(curvature, key, own)
    return total if len(names) == 1 else without_negative(total, tolerate=tolerate)


def cluster_factor(
    convention: str | None, family: EstimationMethod, n: float, k: int, groups: int
) -> Factor:
    """Return the factor on the clustered covariance with ``groups`` clusters.

    Raises
    ------
    OptionError
        When there is a single cluster.
    """
    name = checked(convention)
    if groups < 2:
        raise OptionError(
            "Clustered standard errors need at least two clusters; there is 1.",
            hint='another cluster column, or se="robust".',
            code="one-cluster",
            where="cluster",
        )
    if name == "none":
        return NO_FACTOR
    by_groups = groups / (groups - 1)
    if name in {"default", "stata"} and family == "likelihood":
        return Factor(by_groups, "g/(g−1)")
    return Factor(by_groups * (n - 1) / (n - k), "g/(g−1)·(n−1)/(n−k)")
