"""Sums of outer products of scores across space: Conley."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from workbench.protocols import Numpy

EARTH_RADIUS = 6371.0088
"""Mean radius of the earth, in km (IUGG 1980)."""
# About as many places are compared with all others at once.
_AT_ONCE = 2_000
# Rounding must not lose a pair before its distance is computed.
_A_LITTLE_MORE = 1 + 1e-9


def conley(
    scores: Numpy,
    latitudes: Numpy,
    longitudes: Numpy,
    cutoff: float,
    *,
    kernel: str = "uniform",
    distance: str = "great_circle",
) -> Numpy:
    r"""Sum products of the scores of rows that lie near each other.

    .. math:: \sum_i \sum_j K(d_{ij}/c)\, s_i s_j^\top

    Parameters
    ----------
    scores
        One row an observation, ``(n, k)``.
    latitudes, longitudes
        In degrees, ``(n,)`` each.
    cutoff
        The distance ``c`` beyond which errors are unrelated, in km.
    kernel
        ``"uniform"``, :math:`K(u) = 1\{u \le 1\}`, or ``"bartlett"``, :math:`(1-u)^+`.
    distance
        ``"great_circle"`` (haversine) or ``"planar"`` (equirectangular at the mean latitude).

    Returns
    -------
    Array ``(k, k)``, symmetric; with either kernel it may have negative eigenvalues.

    References
    ----------
    Conley (1999), "GMM estimation with cross sectional dependence", Journal of Econometrics
    92(1), section 3.
    """
    angles = np.radians(np.column_stack([latitudes, longitudes]))
    places, where = np.unique(angles, axis=0, return_inverse=True)
    count = len(places)
    member = sparse.csr_array(
        (np.ones(len(scores)), (where.ravel(), np.arange(len(scores)))), shape=(count, len(scores))
    )
    sums: Numpy = np.asarray(member @ scores)
    points = _on_the_sphere(places)
    tree, reach = cKDTree(points), _chord(cutoff) * _A_LITTLE_MORE
    total = np.zeros((scores.shape[1], scores.shape[1]))
    for begin in range(0, count, _AT_ONCE):
        here = slice(begin, min(begin + _AT_ONCE, count))
        around = cKDTree(points[here])
        pairs: Any = around.sparse_distance_matrix(tree, reach, output_type="ndarray")
        first, second = pairs["i"] + begin, pairs["j"]
        apart = _planar(places[first], places[second])
        if distance == "great_circle":
            apart = _great_circle(pairs["v"])
        near = apart <= cutoff
        share = apart[near] / cutoff
        weights = np.ones_like(share) if kernel == "uniform" else 1 - share
        shape = (len(points[here]), count)
        related = sparse.csr_array((weights, (first[near] - begin, second[near])), shape=shape)
        total += sums[here].T @ (related @ sums)
    return np.asarray((total + total.T) / 2)


def _on_the_sphere(places: Numpy) -> Numpy:
    """Return points of the unit sphere, ``(p, 3)``."""
    latitude, longitude = places.T
    across = np.cos(latitude)
    flat = [across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)]
    return np.column_stack(flat)


def _chord(cutoff: float) -> float:
    r"""Return the straight line through the unit sphere under which no near pair is missed.

    The chord is shorter than the arc, and also than the planar distance, whose shrunk longitudes
    are :math:`\cos^2 m = \cos a \cos b + \sin^2((a-b)/2)`.
    """
    return min(cutoff / EARTH_RADIUS, 2.0)


def _great_circle(chords: Numpy) -> Numpy:
    return np.asarray(2 * EARTH_RADIUS * np.arcsin(np.minimum(chords / 2, 1.0)))


def _planar(one: Numpy, other: Numpy) -> Numpy:
    north, east = (one - other).T
    east = np.abs(east) % (2 * np.pi)
    east = np.minimum(east, 2 * np.pi - east)
    shrunk = np.cos((one[:, 0] + other[:, 0]) / 2)
    return np.asarray(EARTH_RADIUS * np.hypot(north, shrunk * east))
