"""Whether the residuals of least squares are rounding."""

from __future__ import annotations

import numpy as np

from workbench.kernels.absorption.factors import ROUNDING
from workbench.protocols import Numpy

# With a residual of this share of the outcome, rounding of the score is far below any tolerance.
_CLOSELY = 1e-6


def nothing_left(squares: float, total: float) -> bool:
    """Return whether squared residuals are rounding of the outcome's own squares, ``total``."""
    return squares <= ROUNDING**2 * total


def solved_to_rounding(normal: Numpy, lengths: Numpy, squares: float, total: float) -> bool:
    """Return whether the normal equations of a close fit hold to the rounding of their terms.

    The residual variance, by which the score is measured, is then so small that rounding alone
    looks like a step to be taken.

    Parameters
    ----------
    normal
        Regressors times residuals, ``(k,)``.
    lengths
        The lengths of the regressors, ``(k,)``.
    squares, total
        Squared residuals, and the squares of the outcome.
    """
    close = squares <= _CLOSELY**2 * total
    return bool(close and (np.abs(normal) <= ROUNDING * lengths * np.sqrt(total)).all())
