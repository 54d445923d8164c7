"""Estimators of the covariance of the estimates, one function a file."""

from __future__ import annotations

from workbench.covariances.base import (
    FLAT_IN_FLOAT32,
    FLAT_IN_FLOAT64,
    ClusterMeat,
    Curvature,
)
from workbench.covariances.cluster import cluster
from workbench.covariances.hessian import hessian
from workbench.covariances.multiway_cluster import TOGETHER, groupings, multiway_cluster
from workbench.covariances.opg import opg
from workbench.covariances.robust import robust
from workbench.covariances.small_sample import (
    Absorbed,
    Factor,
    Nested,
    cluster_factor,
    robust_factor,
)

KINDS = ("hessian", "opg", "robust", "cluster", "none")
ALIASES = {"iid": "hessian", "hetero": "robust", "HC1": "robust"}
"""What the kinds are called for least squares."""

__all__ = [
    "ALIASES",
    "FLAT_IN_FLOAT32",
    "FLAT_IN_FLOAT64",
    "KINDS",
    "TOGETHER",
    "Absorbed",
    "ClusterMeat",
    "Curvature",
    "Factor",
    "Nested",
    "cluster",
    "cluster_factor",
    "groupings",
    "hessian",
    "multiway_cluster",
    "opg",
    "robust",
    "robust_factor",
]
