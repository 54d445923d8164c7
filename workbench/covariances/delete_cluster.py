"""The estimates of a linear regression without each cluster in turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.linalg

from workbench.covariances.regression_rows import Codes, RegressionRows
from workbench.errors import InferenceError
from workbench.kernels.absorption.factors import Factor, Factors
from workbench.protocols import Numpy

MOST_ROWS = 2_000_000_000
"""Rows times clusters that are demeaned again, which takes some minutes."""
_MOST_DUMMIES = 300
_CELLS = 30_000_000
# Scaled eigenvalues up to this are directions that the rows left do not determine.
_UNDETERMINED = 1e-10


def estimates_without(rows: RegressionRows, codes: Codes, name: str) -> Numpy:
    r"""Estimate again without the rows of each cluster, ``(g, k)``.

    Fixed effects with levels inside clusters stay orthogonal to the rows left, so that cross
    products are subtracted.  Others with few levels are written out as dummies.  With many
    levels, the remaining rows are demeaned again for each cluster.

    Raises
    ------
    InferenceError
        When a regressor is not determined without one cluster, or there is too much to demean.
    """
    columns = np.column_stack([rows.y, rows.x, *_instruments(rows)])
    members = () if rows.factors is None else rows.factors.members
    inside = tuple(member for member in members if lies_within(member, codes))
    across = tuple(member for member in members if not lies_within(member, codes))
    dummies = sum(member.levels for member in across)
    if dummies <= _MOST_DUMMIES and len(columns) * dummies <= _CELLS:
        written = _written_out(rows, across, inside)
        moments = _subtracted(rows, columns, written, codes)
    else:
        moments = _demeaned_anew(rows, columns, codes)
    sizes = np.sqrt((rows.weighted(rows.x) * rows.x).sum(axis=0))
    return np.array([_solved(each, sizes, rows.names, name) for each in moments])


def _instruments(rows: RegressionRows) -> list[Numpy]:
    return [] if rows.instruments is None else [rows.instruments]


def lies_within(member: Factor, codes: Codes) -> bool:
    """Return whether every level of a factor lies within one group."""
    holder = np.empty(member.levels, dtype=np.int64)
    holder[member.codes] = codes
    return bool((holder[member.codes] == codes).all())


def _written_out(
    rows: RegressionRows, across: tuple[Factor, ...], inside: tuple[Factor, ...]
) -> Numpy:
    """Return dummies ``(n, d)`` of factors across clusters, without those within clusters."""
    n = len(rows.y)
    parts = [np.empty((n, 0))]
    for member in across:
        part = np.zeros((n, member.levels))
        part[np.arange(n), member.codes] = 1.0 if member.slope is None else member.slope
        parts.append(part)
    dummies = np.column_stack(parts)
    if not inside or not across:
        return dummies
    return rows.demeaned(dummies, Factors(inside, n, rows.weights))


def _subtracted(rows: RegressionRows, columns: Numpy, dummies: Numpy, codes: Codes) -> list[Numpy]:
    """Return the cross products of the columns other than the dummies, without each cluster."""
    together = np.column_stack([columns, dummies])
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes))
    together, weighted = together[order], rows.weighted(together)[order]
    blocks = list(zip([0, *ends[:-1]], ends, strict=True))
    parts = [weighted[low:high].T @ together[low:high] for low, high in blocks]
    total, k = np.sum(parts, axis=0), columns.shape[1]
    total[:k, k:], total[k:, :k] = 0.0, 0.0  # the columns are demeaned
    return [_beside(total - part, k) for part in parts]


def _beside(moments: Numpy, k: int) -> Numpy:
    """Take the last columns out of the first ``k``."""
    if len(moments) == k:
        return moments
    crossed, own = moments[:k, k:], moments[k:, k:]
    return np.asarray(moments[:k, :k] - crossed @ _pseudo_inverse(own) @ crossed.T)


def _pseudo_inverse(matrix: Numpy) -> Numpy:
    scale = np.sqrt(np.where(np.diag(matrix) > 0, np.diag(matrix), 1.0))
    values, vectors = scipy.linalg.eigh(matrix / np.outer(scale, scale))
    kept = values > _UNDETERMINED * max(float(values.max(initial=0.0)), 1.0)
    inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    return np.asarray(inverse / np.outer(scale, scale))


def _demeaned_anew(rows: RegressionRows, columns: Numpy, codes: Codes) -> list[Numpy]:
    groups = int(codes.max()) + 1
    if len(codes) * groups > MOST_ROWS:
        raise InferenceError(
            f"CRV3 would demean {len(codes):,} rows {groups:,} times.",
            hint='se="cluster", or fit.wild_bootstrap.',
            code="too-much-to-demean",
        )
    assert rows.factors is not None
    found = []
    for group in range(groups):
        left = codes != group
        weights = None if rows.weights is None else rows.weights[left]
        members = tuple(_over(member, left) for member in rows.factors.members)
        factors = Factors(members, int(left.sum()), weights)
        demeaned = rows.demeaned(columns[left], factors)
        heavy = demeaned if weights is None else demeaned * weights[:, None]
        found.append(np.asarray(heavy.T @ demeaned))
    return found


def _over(member: Factor, left: np.ndarray) -> Factor:
    """Restrict a factor to some rows, its levels numbered without gaps."""
    codes = np.unique(member.codes[left], return_inverse=True)[1].astype(np.int32)
    slope = None if member.slope is None else member.slope[left]
    return replace(member, codes=codes, levels=int(codes.max()) + 1, slope=slope)


def _solved(moments: Numpy, sizes: Numpy, names: tuple[str, ...], cluster: str) -> Numpy:
    """Solve (two-stage) least squares from cross products of outcome, regressors, instruments.

    ``sizes (k,)`` are the lengths of the regressors over all rows.
    """
    k = len(sizes)
    if len(moments) == k + 1:
        normal, right = moments[1:, 1:], moments[1:, 0]
    else:
        crossed = moments[1 : k + 1, k + 1 :] @ _pseudo_inverse(moments[k + 1 :, k + 1 :])
        normal, right = crossed @ moments[k + 1 :, 1 : k + 1], crossed @ moments[k + 1 :, 0]
    values, vectors = scipy.linalg.eigh((normal + normal.T) / 2 / np.outer(sizes, sizes))
    if values.min(initial=1.0) <= _UNDETERMINED:
        worst = names[int(np.argmax(np.abs(vectors[:, 0])))]
        raise InferenceError(
            f"Without one of the clusters of {cluster}, {worst} is not determined, so CRV3 "
            "standard errors do not exist.",
            hint='se="cluster".',
            code="undetermined-without-a-cluster",
            where=worst,
        )
    return np.asarray(vectors @ ((vectors.T @ (right / sizes)) / values) / sizes)
