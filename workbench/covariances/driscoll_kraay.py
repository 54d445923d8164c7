"""Sums of outer products of scores across time, all rows of a period together: Driscoll-Kraay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.covariances.base import Facts
from workbench.covariances.curvature import ClusterMeat
from workbench.covariances.evidence import Evidence
from workbench.covariances.newey_west import newey_west
from workbench.covariances.small_sample import Factor
from workbench.covariances.time_lags import AcrossTime, Codes, time_factor
from workbench.protocols import Numpy


@dataclass(frozen=True, kw_only=True)
class DriscollKraay(AcrossTime):
    """The sandwich with products of the total scores of periods up to some lags apart."""

    name: ClassVar[str] = "driscoll_kraay"
    title: ClassVar[str] = "Driscoll-Kraay"

    def meat(self, evidence: Evidence) -> ClusterMeat:
        """Sum the products of the total scores of periods."""
        periods = self.periods(evidence)
        count, scores = int(periods.max(initial=-1)) + 1, evidence.score_rows()
        return ClusterMeat(driscoll_kraay(scores, periods, self.lags(count)), count)

    def factor(self, convention: str | None, facts: Facts) -> Factor:
        """Return the factor of sums of periods."""
        n, k, periods = facts.observations, facts.parameters, facts.fewest_groups
        return time_factor(convention, facts.family, n, k, periods, "sums")

    def note(self, facts: Facts) -> str:
        """Say what is summed up to how many lags."""
        lags = self.lags_in_words(facts)
        return f"Driscoll-Kraay: sums of scores by {self.time}, {lags}, Bartlett"


def driscoll_kraay(scores: Numpy, periods: Codes, lag: int) -> Numpy:
    r"""Sum products of the total scores of periods up to ``lag`` apart.

    .. math:: \sum_{|t-s| \le L} \Big(1 - \frac{|t-s|}{L+1}\Big) S_t S_s^\top,
              \qquad S_t = \sum_i s_{it}

    Parameters
    ----------
    scores
        One row per observation, ``(n, k)``.
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
