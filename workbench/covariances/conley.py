"""Sums of outer products of scores across space: Conley."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from workbench.covariances.base import Facts, SumOfRows
from workbench.covariances.curvature import ClusterMeat
from workbench.covariances.evidence import Evidence, Need, column_of
from workbench.covariances.small_sample import NO_FACTOR, EstimationMethod, Factor, checked
from workbench.data.columns import numbers
from workbench.errors import DataError, InferenceError
from workbench.options import Kind, option
from workbench.protocols import Numpy

EARTH_RADIUS = 6371.0088
"""Mean radius of the earth, in km (IUGG 1980)."""
# The most pairs of places at once, and altogether; the latter take some minutes.
_AT_ONCE = 5_000_000
MOST_PAIRS = 5_000_000_000
# Rounding must not lose a pair before its distance is computed.
_A_LITTLE_MORE = 1 + 1e-9


@dataclass(frozen=True, kw_only=True)
class Conley(SumOfRows):
    """The sandwich with products of the scores of rows that lie near each other.

    The distance is that on a sphere of mean radius 6371.0088 km, or ``"planar"``: longitudes
    shrunk by the cosine of the mean latitude of the pair.
    """

    name: ClassVar[str] = "conley"
    title: ClassVar[str] = "Conley"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.ROW_SCORES})

    lat: str = option(
        kind=Kind.COLUMN, help="column of latitude, in degrees", label="Latitude", example="lat"
    )
    lon: str = option(
        kind=Kind.COLUMN, help="column of longitude, in degrees", label="Longitude", example="lon"
    )
    cutoff: float = option(
        kind=Kind.NUMBER,
        above=0.0,
        help="distance beyond which errors are unrelated, in km",
        label="Cutoff (km)",
        example=100,
    )
    kernel: str = option(
        "uniform",
        kind=Kind.CHOICE,
        choices=("uniform", "bartlett"),
        help="weights of pairs: 1 up to the cutoff, or falling to 0 there",
    )
    distance: str = option(
        "great_circle",
        kind=Kind.CHOICE,
        choices=("great_circle", "planar"),
        help="distance on the sphere, or in the plane",
    )

    def check_evidence(self, evidence: Evidence) -> None:
        """Refuse columns with values that are not degrees."""
        super().check_evidence(evidence)
        self._places(evidence)

    def meat(self, evidence: Evidence) -> ClusterMeat:
        """Sum the products of scores of rows up to the cutoff from each other."""
        latitudes, longitudes = self._places(evidence)
        scores, how = evidence.score_rows(), {"kernel": self.kernel, "distance": self.distance}
        return ClusterMeat(conley(scores, latitudes, longitudes, self.cutoff, **how), 0)

    def _places(self, evidence: Evidence) -> tuple[Numpy, Numpy]:
        """Return latitudes and longitudes over the rows used, in degrees, ``(n,)`` each."""
        return (
            _degrees(evidence, self.lat, "lat", 90),
            _degrees(evidence, self.lon, "lon", 360),
        )

    def factor(self, convention: str | None, facts: Facts) -> Factor:
        """Return the factor of a convention."""
        return space_factor(convention, facts.family, facts.observations, facts.parameters)

    def label(self, facts: Facts) -> str:
        """Return ``"Conley (100 km)"``."""
        return f"{self.word} ({self.cutoff:g} km)"

    def note(self, facts: Facts) -> str:
        """Name the cutoff, the weights and the distance."""
        how = f"{self.kernel}, {self.distance.replace('_', ' ')}"
        return f"Conley: scores within {self.cutoff:g} km, {how}"


def _degrees(evidence: Evidence, name: str, option_name: str, most: int) -> Numpy:
    """Return a column of degrees, or refuse the first value beyond ``most``."""
    degrees = numbers(column_of(evidence, name, option_name), name)
    if len(beyond := np.flatnonzero(~(np.abs(degrees) <= most))):
        raise DataError(
            f"{name} is {degrees[beyond[0]]:g} in row {int(evidence.rows[beyond[0]])}, "
            f"beyond {most} degrees.",
            hint=f"degrees from -{most} to {most}.",
            code="bad-degrees",
            where=name,
        )
    return degrees


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
        One row per observation, ``(n, k)``.
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

    Raises
    ------
    InferenceError
        When there are more pairs than can be summed.

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
    for begin, end in _blocks(tree, points, reach):
        here = slice(begin, end)
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


def _blocks(tree: Any, points: Numpy, reach: float) -> list[tuple[int, int]]:
    """Cut the places into runs with about as many neighbours each."""
    pairs = np.cumsum(tree.query_ball_point(points, reach, return_length=True))
    if pairs[-1] > MOST_PAIRS:
        raise InferenceError(
            f"The cutoff relates {int(pairs[-1]):,} pairs of places; {MOST_PAIRS:,} are the most.",
            hint="a smaller cutoff, or coordinates rounded to fewer places.",
            code="too-many-pairs",
            where="cutoff",
        )
    marks = np.searchsorted(pairs, np.arange(_AT_ONCE, pairs[-1], _AT_ONCE), side="right")
    ends = [*dict.fromkeys(int(mark) for mark in marks if 0 < mark < len(points)), len(points)]
    return list(pairwise([0, *ends]))


def _on_the_sphere(places: Numpy) -> Numpy:
    """Return points of the unit sphere, ``(p, 3)``."""
    latitude, longitude = places.T
    across = np.cos(latitude)
    flat = [across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)]
    return np.column_stack(flat)


def _chord(cutoff: float) -> float:
    r"""Return the straight line through the unit sphere under which no near pair is missed.

    The chord is shorter than the arc, and also than the planar distance: its shrunk longitudes
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


def space_factor(convention: str | None, family: EstimationMethod, n: float, k: int) -> Factor:
    """Return the factor on Conley's covariance: fixest's ``(n-1)/(n-k)`` for least squares."""
    name = checked(convention)
    if name in {"fixest", "pyfixest"} or (name == "default" and family == "least squares"):
        return Factor((n - 1) / (n - k), "(n−1)/(n−k)")
    return NO_FACTOR
