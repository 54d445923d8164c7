"""Sums of outer products of scores across time, unit by unit: Newey-West."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.covariances.base import Facts
from workbench.covariances.curvature import ClusterMeat
from workbench.covariances.evidence import Evidence, column_of
from workbench.covariances.small_sample import Factor
from workbench.covariances.time_lags import AcrossTime, Codes, bartlett, time_factor
from workbench.data.columns import groups
from workbench.errors import DataError
from workbench.options import Kind, option
from workbench.protocols import Numpy


@dataclass(frozen=True, kw_only=True)
class NeweyWest(AcrossTime):
    """The sandwich with products of the scores of one unit up to some lags apart."""

    name: ClassVar[str] = "newey_west"
    title: ClassVar[str] = "Newey-West"

    unit: str | None = option(
        None,
        kind=Kind.COLUMN,
        help="column of the units of a panel; one series without it",
        example="firm",
    )

    def check_evidence(self, evidence: Evidence) -> None:
        """Refuse two rows of a unit in one period."""
        super().check_evidence(evidence)
        self._units(evidence, self.periods(evidence))

    def meat(self, evidence: Evidence) -> ClusterMeat:
        """Sum the products of the scores of one unit."""
        periods = self.periods(evidence)
        units, count = self._units(evidence, periods), int(periods.max(initial=-1)) + 1
        scores = evidence.score_rows()
        return ClusterMeat(newey_west(scores, periods, units, self.lags(count)), count)

    def _units(self, evidence: Evidence, periods: Codes) -> Codes:
        """Give the unit of each row used, numbers from 0, ``(n,)``."""
        units = np.zeros_like(periods)
        if self.unit is not None:
            units = groups(column_of(evidence, self.unit, "unit"), self.unit)
        place = units * (int(periods.max(initial=0)) + 1) + periods
        twice = pd.Series(place).duplicated().to_numpy()
        if twice.any():
            raise self._repeated(evidence, twice)
        return units

    def _repeated(self, evidence: Evidence, twice: npt.NDArray[Any]) -> DataError:
        first = column_of(evidence, self.time, "time").iloc[int(np.flatnonzero(twice)[0])]
        what = f"{self.unit} and {self.time}" if self.unit else self.time
        return DataError(
            f"{int(twice.sum()):,} rows repeat the {what} of an earlier one, first at "
            f"{self.time} = {first}.",
            hint='name the unit, as in unit="firm", or use se="driscoll_kraay".'
            if self.unit is None
            else 'one row per unit and period, or se="driscoll_kraay".',
            code="repeated-periods",
            where=self.time,
        )

    def factor(self, convention: str | None, facts: Facts) -> Factor:
        """Return the factor of one series or of several units."""
        n, k, periods = facts.observations, facts.parameters, facts.fewest_groups
        over: Literal["series", "units"] = "series" if self.unit is None else "units"
        return time_factor(convention, facts.family, n, k, periods, over)

    def note(self, facts: Facts) -> str:
        """Say what is summed up to how many lags."""
        unit = f" of one {self.unit}" if self.unit else ""
        lags = f"up to {self.lags_in_words(facts)} of {self.time} apart"
        return f"Newey-West: scores{unit} {lags}, Bartlett"


def newey_west(scores: Numpy, periods: Codes, units: Codes, lag: int) -> Numpy:
    r"""Sum products of the scores of one unit up to ``lag`` periods apart.

    .. math:: \sum_i \sum_{|t-s| \le L} \Big(1 - \frac{|t-s|}{L+1}\Big) s_{it} s_{is}^\top

    A unit without a row in a period has no product there.

    Parameters
    ----------
    scores
        One row per unit and period, ``(n, k)``.
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
