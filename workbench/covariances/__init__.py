"""Estimators of the covariance of the estimates, one function a file."""

from __future__ import annotations

from workbench.covariances.base import (
    FLAT_IN_FLOAT32,
    FLAT_IN_FLOAT64,
    ClusterMeat,
    Curvature,
    meat_key,
)
from workbench.covariances.cluster import cluster
from workbench.covariances.conley import conley
from workbench.covariances.hessian import hessian
from workbench.covariances.jackknife import jackknife
from workbench.covariances.leverage import corrected_residuals
from workbench.covariances.multiway_cluster import TOGETHER, groupings, multiway_cluster
from workbench.covariances.opg import opg
from workbench.covariances.robust import robust, sandwich
from workbench.covariances.settings import SETTINGS, TITLES, Settings, settings_of
from workbench.covariances.small_sample import (
    Absorbed,
    Factor,
    Nested,
    cluster_factor,
    hessian_factor,
    jackknife_factor,
    leverage_factor,
    robust_factor,
    space_factor,
    time_factor,
    tolerates_negative,
)
from workbench.covariances.time_lags import default_lag, driscoll_kraay, newey_west

LINEAR = ("HC2", "HC3", "CRV3")
"""The kinds of linear regressions alone."""
BY_ROWS = (*LINEAR, "newey_west", "driscoll_kraay", "conley")
"""The kinds that are computed from rows, and kept as one sum."""
KINDS = ("hessian", "opg", "robust", "cluster", *BY_ROWS, "none")
ALIASES = {"iid": "hessian", "hetero": "robust", "HC1": "robust", "CRV1": "cluster"}
"""What the kinds are called for least squares."""

__all__ = [
    "ALIASES",
    "BY_ROWS",
    "FLAT_IN_FLOAT32",
    "FLAT_IN_FLOAT64",
    "KINDS",
    "LINEAR",
    "SETTINGS",
    "TITLES",
    "TOGETHER",
    "Absorbed",
    "ClusterMeat",
    "Curvature",
    "Factor",
    "Nested",
    "Settings",
    "cluster",
    "cluster_factor",
    "conley",
    "corrected_residuals",
    "default_lag",
    "driscoll_kraay",
    "groupings",
    "hessian",
    "hessian_factor",
    "jackknife",
    "jackknife_factor",
    "leverage_factor",
    "meat_key",
    "multiway_cluster",
    "newey_west",
    "opg",
    "robust",
    "robust_factor",
    "sandwich",
    "settings_of",
    "space_factor",
    "time_factor",
    "tolerates_negative",
]
