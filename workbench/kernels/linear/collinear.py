"""Find the columns of a design that are linear combinations of earlier ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.protocols import Numpy

# A column whose part outside the span of earlier ones is below this share of its length is
# dependent; R's lm uses 1e-7 on columns that are not centred.
_DEPENDENT = 1e-9
# Pivots of a float64 moment matrix are trusted down to here; below, the columns are examined.
_TRUSTED_PIVOT = 1e-8
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
    length = np.sqrt(np.diag(gram)) if lengths is None else lengths
    safe = np.where(length > 0, length, 1.0)
    scaled = gram / np.outer(safe, safe)
    if (length > 0).all() and _well_apart(scaled):
        return []
    triangle: Numpy = np.linalg.qr(x / safe, mode="r")  # type: ignore[assignment]
    return _project(triangle, share)


def _well_apart(scaled: Numpy) -> bool:
    try:
        pivots = np.diag(np.linalg.cholesky(scaled)) ** 2
    except np.linalg.LinAlgError:
        return False
    return bool(pivots.min(initial=1.0) > _TRUSTED_PIVOT)


def _project(triangle: Numpy, share: float) -> list[Dependence]:
    """Project each column on the earlier independent ones, in the small triangle."""
    basis = np.empty((triangle.shape[0], 0))
    kept: list[int] = []
    found = []
    for j, column in enumerate(triangle.T):
        remainder = column - basis @ (basis.T @ column)
        remainder -= basis @ (basis.T @ remainder)
        size = float(np.linalg.norm(remainder))
        if size > share:
            basis = np.column_stack([basis, remainder / size])
            kept.append(j)
        else:
            found.append(Dependence(j, _partners(triangle, kept, column)))
    return found


def _partners(triangle: Numpy, kept: list[int], column: Numpy) -> tuple[int, ...]:
    if not kept or not np.any(column):
        return ()
    shares = np.linalg.lstsq(triangle[:, kept], column, rcond=None)[0]
    return tuple(j for j, share in zip(kept, shares, strict=True) if abs(share) > _TAKES_PART)
