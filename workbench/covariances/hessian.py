"""The inverse Hessian."""

from __future__ import annotations

from workbench.covariances.base import Curvature
from workbench.protocols import Numpy


def hessian(curvature: Curvature) -> Numpy:
    r"""Estimate the covariance from the curvature alone, trusting the model.

    .. math:: \hat V = \Big(-\sum_i \nabla^2 \ell_i\Big)^{-1}

    Returns
    -------
    Array ``(k, k)`` in squared units of the parameters; NaN for flat parameters.

    Raises
    ------
    SingularHessianError
        When the log-likelihood curves upwards.

    References
    ----------
    Fisher (1922), "On the mathematical foundations of theoretical statistics", section 12.
    """
    return curvature.shown(curvature.bread)
