"""The sandwich of Hessian and scores."""

from __future__ import annotations

from workbench.covariances.base import Curvature, without_negative
from workbench.covariances.opg import scores_of
from workbench.protocols import Numpy


def robust(curvature: Curvature, factor: float = 1.0) -> Numpy:
    r"""Estimate the covariance without trusting the model's variance.

    .. math:: \hat V = c\, H^{-1} \Big(\sum_i s_i s_i^\top\Big) H^{-1}

    Parameters
    ----------
    curvature
        Hessian and scores at the estimate.
    factor
        The small-sample factor ``c``.

    Returns
    -------
    Array ``(k, k)`` in squared units of the parameters; NaN for flat parameters.

    Raises
    ------
    SingularHessianError
        When the log-likelihood curves upwards.
    InferenceError
        When the scores were not kept.

    References
    ----------
    White (1982), "Maximum likelihood estimation of misspecified models", theorem 3.2.
    """
    return sandwich(curvature, scores_of(curvature), factor)


def sandwich(
    curvature: Curvature, meat: Numpy, factor: float = 1.0, *, tolerate: bool = False
) -> Numpy:
    """Put a sum of products of scores ``(k, k)`` between two inverse Hessians.

    Negative eigenvalues, which sums across space may have, are replaced by zero; with ``tolerate``
    only where a variance is negative.
    """
    bread = curvature.bread
    return without_negative(curvature.shown(factor * bread @ meat @ bread), tolerate=tolerate)
