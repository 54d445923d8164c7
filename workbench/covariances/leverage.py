"""Sandwiches whose residuals are corrected by each row's leverage."""

from __future__ import annotations

import numpy as np

from workbench.errors import InferenceError
from workbench.protocols import Numpy

# A row whose residual is left with less than this share of itself is fitted by a parameter alone.
_FITTED_ALONE = 1e-9


def corrected_residuals(residuals: Numpy, leverages: Numpy, kind: str) -> Numpy:
    r"""Divide residuals by :math:`\sqrt{1-h_i}` for HC2, by :math:`1-h_i` for HC3.

    Parameters
    ----------
    residuals
        Of the least-squares fit, ``(n,)``.
    leverages
        The diagonal ``h`` of the projection on all regressors, absorbed effects included, ``(n,)``.
    kind
        ``"HC2"`` or ``"HC3"``.

    Raises
    ------
    InferenceError
        When a row has leverage one, so that it has no residual to correct.

    References
    ----------
    MacKinnon and White (1985), "Some heteroskedasticity-consistent covariance matrix estimators
    with improved finite sample properties", Journal of Econometrics 29(3), section 2.
    """
    left = 1 - leverages
    alone = np.flatnonzero(left < _FITTED_ALONE)
    if len(alone):
        rows = "1 row has" if len(alone) == 1 else f"{len(alone):,} rows have"
        raise InferenceError(
            f"{rows} leverage one (the first is row {int(alone[0])} of those used), so {kind} "
            "standard errors do not exist.",
            hint='se="HC1"; or leave out rows that are alone in a combination of fixed effects.',
            code="leverage-one",
        )
    return residuals / (np.sqrt(left) if kind == "HC2" else left)
