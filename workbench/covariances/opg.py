"""The outer product of gradients."""

from __future__ import annotations

import numpy as np

from workbench.covariances.base import Curvature
from workbench.errors import InferenceError
from workbench.protocols import Numpy


def opg(curvature: Curvature) -> Numpy:
    r"""Estimate the covariance from the scores alone.

    .. math:: \hat V = \Big(\sum_i s_i s_i^\top\Big)^{-1}

    Returns
    -------
    Array ``(k, k)`` in squared units of the parameters; NaN for flat parameters.

    Raises
    ------
    InferenceError
        When the scores were not kept.

    References
    ----------
    Berndt, Hall, Hall and Hausman (1974), "Estimation and inference in nonlinear structural
    models", Annals of Economic and Social Measurement 3(4).
    """
    kept = Curvature(
        information=scores_of(curvature),
        jacobian=curvature.jacobian,
        observations=curvature.observations,
        flat_below=curvature.flat_below,
    )
    covariance = kept.shown(kept.bread)
    withheld = list(curvature.withheld)
    covariance[withheld, :] = np.nan
    covariance[:, withheld] = np.nan
    return covariance


def scores_of(curvature: Curvature) -> Numpy:
    """Return the summed outer products of the scores, or say that they were not kept."""
    if curvature.opg is None:
        raise InferenceError(
            "The scores of this fit were not kept.",
            hint="run the model again in this session.",
            code="no-scores",
        )
    return curvature.opg
