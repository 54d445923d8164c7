"""Second moments of a design, formed once for scaling, collinearity and the Gaussian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.kernels.linear.gram import cross_product, gram
from workbench.kernels.totals import FormsHessian, Totals
from workbench.protocols import Numpy, Order

_HALF_LOG_TWO_PI = 0.9189385332046727


@dataclass(frozen=True)
class Moments:
    """Weighted second moments of ``n`` rows.

    Attributes
    ----------
    gram
        ``X'WX``, shape ``(p, p)``.
    cross
        ``X'Wy``, shape ``(p,)``.
    outcome
        ``y'Wy``.
    count
        The sum of the weights, or the number of rows.
    """

    gram: Numpy
    cross: Numpy
    outcome: float
    count: float


def second_moments(x: Numpy, y: Numpy, weights: Numpy | None) -> Moments:
    """Sum the weighted outer products of the rows."""
    if weights is None:
        return Moments(gram(x), cross_product(x, y), float(y @ y), float(len(y)))
    weighted = weights * y
    root = np.sqrt(weights)
    return Moments(
        gram(x, root), cross_product(x, weighted), float(weighted @ y), float(weights.sum())
    )


class GaussianMoments(FormsHessian):
    r"""The Gaussian log-likelihood in Olsen's coordinates from second moments alone.

    With :math:`v = (-d, h)` and :math:`S` the moments of :math:`(x, y)`,

    .. math:: \sum_i \ell_i = N \log h - \tfrac12 v^\top S v - \tfrac N2 \log 2\pi,

    an identity, so every pass after the first costs ``k`` squared and not ``n k``.
    """

    def __init__(self, moments: Moments) -> None:
        self._moments = moments
        self.size = len(moments.cross) + 1

    def totals(self, theta: Numpy, order: Order = 0) -> Totals:
        """Sum the log-likelihood and its derivatives up to ``order`` at ``theta (k,)``."""
        slopes, precision = theta[:-1], theta[-1]
        if precision <= 0:
            return Totals(-np.inf, np.full(self.size, np.nan), np.full((self.size,) * 2, np.nan))
        m = self._moments
        of_slopes = precision * m.cross - m.gram @ slopes
        push = m.cross @ slopes - precision * m.outcome
        value = (
            m.count * (np.log(precision) - _HALF_LOG_TWO_PI)
            + (precision * push + slopes @ of_slopes) / 2
        )
        if order == 0:
            return Totals(float(value))
        gradient = np.append(of_slopes, m.count / precision + push)
        if order == 1:
            return Totals(float(value), gradient)
        corner = -m.count / precision**2 - m.outcome
        hessian = np.block([[-m.gram, m.cross[:, None]], [m.cross[None, :], np.array([[corner]])]])
        return Totals(float(value), gradient, hessian)
