"""What standard errors across time share: periods, lags, their weights and factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.covariances.base import Facts, SumOfRows
from workbench.covariances.evidence import Evidence, Need, column_of
from workbench.covariances.small_sample import NO_FACTOR, EstimationMethod, Factor, checked
from workbench.data.columns import content
from workbench.errors import DataError
from workbench.options import Kind, option
from workbench.protocols import Numpy

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class AcrossTime(SumOfRows):
    """A sandwich with products of scores up to some lags apart.

    Periods are the values of ``time`` that occur among the rows used, in their order; lags count
    periods.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.ROW_SCORES})

    time: str = option(
        kind=Kind.COLUMN, help="column of time: numbers or dates, in their order", example="year"
    )
    lag: int | None = option(
        None,
        kind=Kind.COUNT,
        least=0,
        help="number of lags, by default the fourth root of the number of periods",
        label="Lags",
        example=2,
    )

    def check_evidence(self, evidence: Evidence) -> None:
        """Refuse columns with values that are not periods."""
        super().check_evidence(evidence)
        self.periods(evidence)

    def periods(self, evidence: Evidence) -> Codes:
        """Give the periods of the rows used, in their order, numbers from 0, ``(n,)``.

        Raises
        ------
        WorkbenchError
            When the column has no order in time, or there is one period.
        """
        times = column_of(evidence, self.time, "time")
        if content(times) not in {"number", "date"}:
            raise DataError(
                f'The column of time "{self.time}" holds text, such as {times.iloc[0]!r}, which '
                "has no order in time.",
                hint=f"numbers or dates: pd.to_datetime(df[{self.time!r}]).",
                code="time-is-text",
                where=self.time,
            )
        periods = pd.factorize(times, sort=True)[0]
        if not periods.any():
            raise DataError(
                f"Standard errors across time need at least two periods; {self.time} is "
                f"{times.iloc[0]} in every row.",
                hint='another column of time, or se="HC1".',
                code="one-period",
                where=self.time,
            )
        return periods

    def lags(self, periods: int) -> int:
        """Return the number of lags, of so many periods."""
        return default_lag(periods) if self.lag is None else self.lag

    def lags_in_words(self, facts: Facts) -> str:
        """Return ``"2 lags"``."""
        lags = self.lags(facts.fewest_groups)
        return f"{lags} lag{'s' * (lags != 1)}"

    def label(self, facts: Facts) -> str:
        """Return ``"Newey-West (2 lags)"``."""
        return f"{self.word} ({self.lags_in_words(facts)})"


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


def time_factor(
    convention: str | None,
    family: EstimationMethod,
    n: float,
    k: int,
    periods: int,
    over: Literal["series", "units", "sums"],
) -> Factor:
    """Return the factor on Newey-West and Driscoll-Kraay covariances over ``periods`` periods.

    ``over`` says whether lags connect the rows of one series or of several units, or the sums of
    periods.  Likelihoods have a factor only where a convention of fixest's is named.

    References
    ----------
    fixest 0.12, documentation of ``vcov_hac``; Stata 18 manual, [TS] newey, "Methods and
    formulas"; statsmodels 0.15, defaults of ``cov_type="HAC"``, ``"hac-panel"`` and
    ``"hac-groupsum"``.
    """
    name = checked(convention)
    plain = name in {"default", "stata", "statsmodels"} and family == "likelihood"
    if name == "none" or plain or (name == "statsmodels" and over == "series"):
        return NO_FACTOR
    if name in {"stata", "statsmodels"} and over != "sums":
        return Factor(n / (n - k), "n/(n−k)")
    return Factor(periods / (periods - 1) * (n - 1) / (n - k), "t/(t−1)·(n−1)/(n−k)")
