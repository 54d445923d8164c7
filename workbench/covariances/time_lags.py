"""Sums of outer products of scores across time: Newey-West and Driscoll-Kraay."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.protocols import Numpy

Codes = npt.NDArray[np.int64]


def default_lag(periods: int) -> int:
    """Return the fourth root of the number of periods, rounded down.

    The default of fixest 0.12 and pyfixest 0.60 for panels, here of every series.
    """
    return int(np.floor(periods**0.25 + 1e-12))


def bartlett(lag: int) -> Numpy:
    """Return the weights ``1 - l/(lag + 1)`` of the lags 0 to ``lag``.

    References
    ----------
    Newey and West (1987), "A simple, positive semi-definite, heteroskedasticity and
    autocorrelation consistent covariance matrix", Econometrica 55(3), equation 5.
    """
    return 1 - np.arange(lag + 1) / (lag + 1)


def newey_west(scores: Numpy, periods: Codes, units: Codes, lag: int) -> Numpy:
    r"""Sum products of the scores of one unit up to ``lag`` periods apart.

    .. math:: \sum_i \sum_{|t-s| \le L} \Big(1 - \frac{|t-s|}{L+1}\Big) s_{it} s_{is}^\top

    A unit without a row in a period has no product there.

    Parameters
    ----------
    scores
        One row a unit and period, ``(n, k)``.
    periods, units
        Numbers from 0, ``(n,)`` each; no combination comes twice.
    lag
        The number of lags ``L``.

    Returns
    -------
    Array ``(k, k)``, symmetric.

    References
    ----------
    Newey and West (1987), equation 5, summed over units.
    """
    span = int(periods.max(initial=0)) + 1
    place = units * span + periods
    order = np.argsort(place, kind="stable")
    place, sorted_scores, when = place[order], scores[order], periods[order]
    total = sorted_scores.T @ sorted_scores
    for distance, weight in enumerate(bartlett(lag)):
        if distance == 0 or distance >= span:
            continue
        late = np.flatnonzero(when >= distance)
        early = np.searchsorted(place, place[late] - distance)
        met = place[early] == place[late] - distance
        product = sorted_scores[late[met]].T @ sorted_scores[early[met]]
        total += weight * (product + product.T)
    return np.asarray(total)


def driscoll_kraay(scores: Numpy, periods: Codes, lag: int) -> Numpy:
    r"""Sum products of the total scores of periods up to ``lag`` apart.

    .. math:: \sum_{|t-s| \le L} \Big(1 - \frac{|t-s|}{L+1}\Big) S_t S_s^\top,
              \qquad S_t = \sum_i s_{it}

    Parameters
    ----------
    scores
        One row an observation, ``(n, k)``.
    periods
        Numbers from 0 without gaps, ``(n,)``.
    lag
        The number of lags ``L``.

    Returns
    -------
    Array ``(k, k)``, symmetric.

    References
    ----------
    Driscoll and Kraay (1998), "Consistent covariance matrix estimation with spatially dependent
    panel data", Review of Economics and Statistics 80(4), section II.
    """
    span = int(periods.max(initial=0)) + 1
    totals: Numpy = np.zeros((span, scores.shape[1]))
    np.add.at(totals, periods, scores)
    numbers = np.arange(span)
    return newey_west(totals, numbers, np.zeros_like(numbers), lag)
