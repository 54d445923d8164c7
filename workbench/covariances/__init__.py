"""Covariances of the estimates: one kind per file, listed in `workbench.covariances.kinds`."""

from __future__ import annotations

from workbench.covariances.cluster import TOGETHER, groupings, joint
from workbench.covariances.curvature import (
    FLAT_IN_FLOAT32,
    FLAT_IN_FLOAT64,
    ClusterMeat,
    Curvature,
)
from workbench.covariances.small_sample import Absorbed, EstimationMethod, Nested

__all__ = [
    "FLAT_IN_FLOAT32",
    "FLAT_IN_FLOAT64",
    "TOGETHER",
    "Absorbed",
    "ClusterMeat",
    "Curvature",
    "EstimationMethod",
    "Nested",
    "groupings",
    "joint",
]
