"""The sandwich with scores summed by cluster, in several directions at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from workbench.covariances.base import Curvature, without_negative
from workbench.covariances.cluster import cluster
from workbench.protocols import Numpy

TOGETHER = " & "
"""Joins the columns of a grouping by their combinations."""


def groupings(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return every combination of the cluster columns by the name of its grouping.

    Examples
    --------
    >>> list(groupings(["firm", "year"]))
    ['firm', 'year', 'firm & year']
    """
    sets = (each for size in range(1, len(names) + 1) for each in combinations(names, size))
    return {TOGETHER.join(each): each for each in sets}


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
