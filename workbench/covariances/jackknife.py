"""The jackknife over clusters, CRV3."""

from __future__ import annotations

import numpy as np

from workbench.protocols import Numpy


def jackknife(without: Numpy, estimate: Numpy, centre: str = "estimate") -> Numpy:
    r"""Sum the outer products of what leaving out each cluster changes.

    .. math:: \sum_g (\hat\beta^{(g)} - \bar\beta)(\hat\beta^{(g)} - \bar\beta)^\top

    Parameters
    ----------
    without
        The estimates without each cluster, ``(g, k)``.
    estimate
        The estimate from all rows, ``(k,)``.
    centre
        ``"estimate"`` or ``"mean"``, that of the estimates without each cluster.

    Returns
    -------
    Array ``(k, k)``, symmetric, before the factor ``(g-1)/g``.

    References
    ----------
    MacKinnon, Nielsen and Webb (2023), "Leverage, influence, and the jackknife in clustered
    regression models", Stata Journal 23(4), equations 10 and 11.
    """
    around = estimate if centre == "estimate" else without.mean(axis=0)
    changes = without - around
    return np.asarray(changes.T @ changes)
