"""Find the columns of a design that are linear combinations of earlier ones, or nearly so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from workbench.protocols import Numpy

# A column whose part outside the span of earlier ones is below this share of its length is
# dependent; R's lm uses 1e-7 on columns that are not centred.
_DEPENDENT = 1e-9
# Pivots of a float64 moment matrix are trusted down to here, and its inverse up to the inverse of
# the second; beyond, the columns are examined.
_TRUSTED_PIVOT, _TRUSTED_CONDITION = 1e-8, 1e-10
_TAKES_PART = 1e-6


@dataclass(frozen=True)
class Dependence:
    """A column that is collinear with earlier ones.

    Attributes
    ----------
    column
        Its position.
    partners
        Positions of the earlier columns in the combination.
    """

    column: int
    partners: tuple[int, ...]
    share: float = 0.0
    """The length of what earlier columns leave of it, in units of its own."""


def dependent_columns(
    x: Numpy, gram: Numpy, lengths: Numpy | None = None, share: float = _DEPENDENT
) -> list[Dependence]:
    """Find the columns that are combinations of earlier ones, in order.

    Parameters
    ----------
    x
        Design ``(n, p)``.
    gram
        Its second moments ``(p, p)``, which decide the common case without another pass.
    lengths
        What the remainder of each column is measured against, ``(p,)``; its length by default.
    share
        A remainder up to this share counts as zero.
    """
    return [each for each in examined(x, gram, lengths, share) if each.share <= share]


def examined(
    x: Numpy, gram: Numpy, lengths: Numpy | None = None, share: float = _DEPENDENT
) -> list[Dependence]:
    """Return the columns that are nearly combinations of earlier ones, in order.

    Those with a share up to ``share`` are exactly so.  Others are returned where the moments
    are not enough to compute with: all columns but the exact ones are then among the result.
    Parameters are those of `dependent_columns`.
    """
    length = np.sqrt(np.diag(gram)) if lengths is None else lengths
    safe = np.where(length > 0, length, 1.0)
    if (length > 0).all() and well_apart(gram / np.outer(safe, safe)):
        return []
    triangle: Numpy = np.linalg.qr(x / safe, mode="r")  # type: ignore[assignment]
    return _project(triangle, share)


def well_apart(scaled: Numpy) -> bool:
    """Tell whether a moment matrix of columns of length one can be solved with."""
    if not len(scaled):
        return True
    try:
        factor = np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError:
        return False
    if not np.diag(factor).min(initial=1.0) ** 2 > _TRUSTED_PIVOT:
        return False
    size = float(np.abs(scaled).sum(axis=0).max(initial=1.0))
    inverse_condition, _ = scipy.linalg.lapack.dpocon(factor, size, uplo="L")
    return bool(inverse_condition > _TRUSTED_CONDITION)


def _project(triangle: Numpy, share: float) -> list[Dependence]:
    """Project each column on the earlier independent ones, in the small triangle."""
    basis = np.empty((triangle.shape[0], 0))
    kept: list[int] = []
    found = []
    for j, column in enumerate(triangle.T):
        remainder = column - basis @ (basis.T @ column)
        remainder -= basis @ (basis.T @ remainder)
        size = float(np.linalg.norm(remainder))
        found.append(Dependence(j, _partners(triangle, kept, column), size))
        if size > share:
            basis = np.column_stack([basis, remainder / size])
            kept.append(j)
    return found


def _partners(triangle: Numpy, kept: list[int], column: Numpy) -> tuple[int, ...]:
    if not kept or not np.any(column):
        return ()
    shares = np.linalg.lstsq(triangle[:, kept], column, rcond=None)[0]
    return tuple(j for j, share in zip(kept, shares, strict=True) if abs(share) > _TAKES_PART)
