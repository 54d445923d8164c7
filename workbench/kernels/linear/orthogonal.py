"""Orthogonal columns with the span of a design that is nearly collinear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from workbench.protocols import Numpy


@dataclass(frozen=True)
class Orthogonal:
    r"""Columns :math:`Q = X T` with :math:`Q^\top W Q = n I`.

    Attributes
    ----------
    columns
        ``Q``, shape ``(n, p)``, in C order.
    mixing
        ``T``, upper triangular ``(p, p)``: a coefficient vector ``g`` of ``Q`` is ``T g`` of ``X``.
    """

    columns: Numpy
    mixing: Numpy


def orthogonal(x: Numpy, weights: Numpy | None = None) -> Orthogonal:
    """Orthogonalize independent columns ``(n, p)`` under positive weights ``(n,)``.

    The error of coefficients then grows with the condition number of ``X``, and not with its
    square as from normal equations.

    References
    ----------
    Golub and Van Loan (2013), "Matrix Computations", section 5.3 (Householder QR).
    """
    n, p = x.shape
    root = None if weights is None else np.sqrt(weights)[:, None]
    lengths = np.linalg.norm(x if root is None else x * root, axis=0)
    lengths[lengths == 0] = 1.0
    scaled = x / lengths
    q, triangle = np.linalg.qr(scaled if root is None else scaled * root)
    size = np.sqrt(n)
    inverse = scipy.linalg.solve_triangular(triangle, np.eye(p)) * size
    columns = q * size if root is None else q * size / root
    return Orthogonal(np.ascontiguousarray(columns), inverse / lengths[:, None])
