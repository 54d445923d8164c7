"""The sandwich with scores summed by cluster."""

from __future__ import annotations

from workbench.covariances.base import Curvature
from workbench.errors import InferenceError
from workbench.protocols import Numpy


def cluster(curvature: Curvature, name: str, factor: float = 1.0) -> Numpy:
    r"""Estimate the covariance when rows of one cluster may move together.

    .. math:: \hat V = c\, H^{-1} \Big(\sum_g s_g s_g^\top\Big) H^{-1},
              \qquad s_g = \sum_{i \in g} s_i

    Parameters
    ----------
    curvature
        Hessian and cluster meat at the estimate.
    name
        The column whose values are the clusters.
    factor
        The small-sample factor ``c``.

    Returns
    -------
    Array ``(k, k)`` in squared units of the parameters; NaN for flat parameters.

    Raises
    ------
    InferenceError
        When the scores were not summed by this column.

    References
    ----------
    Liang and Zeger (1986), "Longitudinal data analysis using generalized linear models",
    Biometrika 73(1), theorem 2.
    """
    if name not in curvature.clusters:
        raise InferenceError(
            f'The scores of this fit were not kept by "{name}".',
            hint=f'run the model again with se="cluster", cluster="{name}".',
            code="no-cluster-scores",
            where=name,
        )
    bread = curvature.bread
    return curvature.shown(factor * bread @ curvature.clusters[name].meat @ bread)
