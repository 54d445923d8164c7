r"""Distributions of coefficients: :math:`\beta_k = T_k(\mu_k + \sum_l L_{kl} z_l)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NORMAL, LOGNORMAL, NEGATIVE_LOGNORMAL, TRUNCATED_NORMAL, TRIANGULAR, UNIFORM = KINDS = (
    "normal",
    "lognormal",
    "negative_lognormal",
    "truncated_normal",
    "triangular",
    "uniform",
)
"""The distributions of a coefficient.

``lognormal`` is :math:`e^u`, ``negative_lognormal`` :math:`-e^u` and ``truncated_normal``
:math:`\\max(u, 0)` (as xlogit has it) of a normal :math:`u`; ``triangular`` and ``uniform`` have
variates on (-1, 1), so that their scale parameter is half of their width.
"""

LINEAR, EXPONENTIAL, MINUS_EXPONENTIAL, POSITIVE = range(4)
_SHAPES = {
    LOGNORMAL: EXPONENTIAL,
    NEGATIVE_LOGNORMAL: MINUS_EXPONENTIAL,
    TRUNCATED_NORMAL: POSITIVE,
}
_VARIATES = {TRIANGULAR: "triangular", UNIFORM: "uniform"}


@dataclass(frozen=True)
class RandomCoefficient:
    """A random coefficient: its column, and its distribution, one of ``KINDS``."""

    column: int
    kind: str = NORMAL

    @property
    def shape(self) -> int:
        """The transform from the underlying variate to the coefficient."""
        return _SHAPES.get(self.kind, LINEAR)

    @property
    def variate(self) -> str:
        """The distribution of its draws: ``"normal"``, ``"triangular"`` or ``"uniform"``."""
        return _VARIATES.get(self.kind, "normal")


def factor_pairs(q: int, correlated: bool) -> npt.NDArray[np.int64]:
    """List the elements of the Cholesky factor, ``(s, 2)``, in the order of theta.

    Each is a pair (coefficient, variate).  Without correlation these are the standard deviations,
    ``s = q``; with it, the rows of the lower triangle, ``s = q (q + 1) / 2``.
    """
    pairs: Sequence[tuple[int, int]] = (
        [(k, j) for k in range(q) for j in range(k + 1)]
        if correlated
        else [(k, k) for k in range(q)]
    )
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
