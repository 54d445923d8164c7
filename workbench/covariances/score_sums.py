"""Sums of outer products of the scores of rows, and of clusters of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from workbench.covariances.curvature import ClusterMeat
from workbench.kernels.linear.gram import gram
from workbench.protocols import Numpy


def score_sums(x: Numpy, first: Sequence[Numpy], factor: Numpy | None, change: Numpy) -> Numpy:
    """Sum outer products of row scores ``(x_i d_i0, d_i1, ...)``, carried by ``change``."""
    root = None if factor is None else np.sqrt(factor)
    own, *others = [d if root is None else d * root for d in first]
    p, k = x.shape[1], len(change)
    sums = np.empty((k, k))
    sums[:p, :p] = gram(x, own)
    for i, other in enumerate(others, start=p):
        sums[:p, i] = sums[i, :p] = (own * other) @ x
        sums[i, p:] = sums[p:, i] = [other @ another for another in others]
    return np.asarray(change.T @ sums @ change)


def grouped_sums(
    x: Numpy, first: Sequence[Numpy], weights: Numpy | None, codes: Any, change: Numpy
) -> ClusterMeat:
    """Sum the row scores by cluster, and then their outer products."""
    rows = [d if weights is None else d * weights for d in first]
    groups = int(codes.max()) + 1
    member = sparse.csr_array(
        (np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(groups, len(codes))
    )
    sums = np.column_stack([member @ (x * rows[0][:, None]), *(member @ d for d in rows[1:])])
    sums = sums @ change
    return ClusterMeat(sums.T @ sums, groups)


def row_scores(x: Numpy, first: Sequence[Numpy], weights: Numpy | None, change: Numpy) -> Numpy:
    """Return the row scores ``(x_i d_i0, d_i1, ...)``, carried by ``change``, ``(n, k)``."""
    own, *others = [d if weights is None else d * weights for d in first]
    return np.asarray(np.column_stack([x * own[:, None], *others]) @ change)
