"""The leverages of absorbed factors: the diagonal of their projection, without its dummies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import lapack

from workbench.errors import DataError
from workbench.kernels.absorption.factors import Factor, Factors
from workbench.protocols import Numpy

MOST_LEVELS = 6_000
"""Levels other than of the largest factor; their dense inverse takes seconds and 0.6 GB."""
# The rounding error of a level determined by others, in the scaled Schur complement.
_COLLINEAR = 1e-10
_CELLS_AT_ONCE = 10_000_000


def absorbed_leverages(factors: Factors) -> Numpy:
    r"""Return :math:`d_i^\top (D^\top W D)^+ d_i` of each row, shape ``(n,)``.

    Times the row's weight it is the diagonal of the projection on the factors.  The largest
    factor is eliminated.  Of the others' Schur complement, pivoted Cholesky finds levels that are
    independent, on which the rest of each row is projected.  Exact for any number of factors,
    slopes and components.

    Raises
    ------
    DataError
        When the other factors have too many levels for a dense inverse.

    References
    ----------
    Golub and Van Loan (2013), "Matrix Computations", section 4.2.8 (pivoted Cholesky);
    Kline, Saggio and Soelvsten (2020), section 1, on exact leverages in two-way models.
    """
    first, *others = refuse_many(factors)
    weights = np.ones(factors.rows) if factors.weights is None else factors.weights
    values = first.values
    totals = np.bincount(first.codes, weights * values**2, minlength=first.levels)
    inverse = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0)
    leverages = values**2 * inverse[first.codes]
    if not others:
        return np.asarray(leverages)
    one = first.dummies()
    rest = sparse.hstack([each.dummies() for each in others], format="csr")
    weighted = sparse.diags_array(weights) @ rest
    shares = sparse.csr_array(sparse.diags_array(inverse) @ (one.T @ weighted))
    gram = (rest.T @ weighted).toarray()
    schur = gram - ((one.T @ weighted).T @ shares).toarray()
    independent = _inverse_of_independent(schur, np.diag(gram))
    return leverages + _squares(first, others, shares, independent)


def refuse_many(factors: Factors) -> list[Factor]:
    """Return the members, the largest first, unless the others have too many levels together.

    Raises
    ------
    DataError
        When they have more than `MOST_LEVELS`.
    """
    first, *others = sorted(factors.members, key=lambda member: -member.levels)
    size = sum(member.levels for member in others)
    if size > MOST_LEVELS:
        names = " + ".join(member.name for member in others)
        raise DataError(
            f"Exact leverages next to {first.name} need the dense inverse of {size:,} levels of "
            f"{names}; {MOST_LEVELS:,} are the most.",
            hint='se="HC1" or se="cluster".',
            code="too-many-levels",
            where="se",
        )
    return [first, *others]


def _inverse_of_independent(schur: Numpy, scale: Numpy) -> Numpy:
    """Invert the largest block of independent levels; the others' rows and columns are zero."""
    root = np.sqrt(np.where(scale > 0, scale, 1.0))
    scaled, inverse = schur / np.outer(root, root), np.zeros_like(schur)
    if np.diag(scaled).max(initial=0.0) <= _COLLINEAR:  # LAPACK takes the first pivot untested
        return inverse
    found = lapack.dpstrf(scaled, tol=_COLLINEAR, lower=1)
    lower, pivots, rank = found[0], found[1] - 1, int(found[2])
    block = lapack.dpotri(np.asfortranarray(np.tril(lower[:rank, :rank])), lower=1)[0]
    block = np.tril(block) + np.tril(block, -1).T
    kept = pivots[:rank]
    inverse[np.ix_(kept, kept)] = block / np.outer(root[kept], root[kept])
    return inverse


def _squares(
    first: Factor, others: list[Factor], shares: sparse.csr_array, inverse: Numpy
) -> Numpy:
    """Return the squared length, in the metric of ``inverse``, of each row outside ``first``."""
    values, order = first.values, np.argsort(first.codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(first.sizes)])
    begins = np.cumsum([0, *(each.levels for each in others)])
    places = np.column_stack([each.codes + b for each, b in zip(others, begins, strict=False)])
    amounts = np.column_stack([each.values for each in others])
    squares = np.empty(len(order))
    step = max(1, _CELLS_AT_ONCE // len(inverse))
    for low in range(0, first.levels, step):
        high = min(low + step, first.levels)
        some = shares[low:high]
        carried = some @ inverse
        own = np.asarray(some.multiply(carried).sum(axis=1)).ravel()
        rows = order[starts[low] : starts[high]]
        group = first.codes[rows] - low
        place, amount, value = places[rows], amounts[rows], values[rows]
        crossed = (carried[group[:, None], place] * amount).sum(axis=1)
        squares[rows] = _pairs(inverse, place, amount) - 2 * value * crossed + value**2 * own[group]
    return squares


def _pairs(inverse: Numpy, place: npt.NDArray[np.int64], amount: Numpy) -> Numpy:
    count = place.shape[1]
    total = np.zeros(len(place))
    for i in range(count):
        for j in range(count):
            total += inverse[place[:, i], place[:, j]] * amount[:, i] * amount[:, j]
    return total
