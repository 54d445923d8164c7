"""Checks and notes on the clusters of a run."""

from __future__ import annotations

from typing import Any

from workbench.errors import DataError

# Below this many clusters the clustered covariance is usually too small.
_FEW_CLUSTERS = 20


def notes_on_clusters(codes: Any, name: str) -> tuple[str, ...]:
    """Refuse a single cluster, and warn of few.

    Raises
    ------
    DataError
        When all rows are in one cluster.
    """
    groups = int(codes.max()) + 1
    if groups < 2:
        raise DataError(
            f"Clustering by {name} needs at least two clusters; there is 1.",
            hint='another cluster column, or se="robust".',
            code="one-cluster",
            where=name,
        )
    if groups >= _FEW_CLUSTERS:
        return ()
    return (
        f"Clustering by {name} uses {groups} groups; with so few, clustered errors are usually "
        "too small.",
    )
