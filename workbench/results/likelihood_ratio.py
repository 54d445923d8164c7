"""The likelihood-ratio test of a model within a larger one."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from typing import Any, Protocol

from scipy import stats

from workbench.errors import InferenceError
from workbench.estimation.outcome import Outcome

_SLACK = 1e-6


class Tested(Protocol):
    """What the test reads of a fit; see `workbench.results.fit.Fit`."""

    @property
    def name(self) -> str: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def family(self) -> str: ...
    @property
    def depvar(self) -> str: ...
    @property
    def nobs(self) -> float: ...
    @property
    def loglik(self) -> float: ...
    @property
    def estimated(self) -> Sized: ...
    def ratio_note(self, restricted: Any) -> str: ...


@dataclass(frozen=True)
class LikelihoodRatio:
    """A likelihood-ratio test.

    Attributes
    ----------
    restricted, full
        Names of the two fits.
    statistic
        Twice the difference of the log-likelihoods.
    df
        The difference of the numbers of parameters.
    pvalue
        The chance of a larger statistic under chi-squared, if the smaller model holds.
    note
        A caveat, or nothing.
    """

    restricted: str
    full: str
    statistic: float
    df: int
    pvalue: float
    note: str = ""

    def __repr__(self) -> str:
        shown = "< 0.001" if self.pvalue < 0.001 else f"= {self.pvalue:.3f}"
        said = f". {self.note}" if self.note else ""
        test = f"chi2({self.df}) = {self.statistic:.3f}, p {shown}"
        return f"Likelihood ratio of {self.restricted} in {self.full}: {test}{said}"


def likelihood_ratio(restricted: Tested, full: Tested) -> LikelihoodRatio:
    """Test a model within a larger one, of the same data.

    Raises
    ------
    InferenceError
        When a fit is not at a maximum, the data differ, or neither model is the larger one.

    References
    ----------
    Wilks (1938), "The large-sample distribution of the likelihood ratio for testing composite
    hypotheses", Annals of Mathematical Statistics 9(1).
    """
    for fit in (restricted, full):
        if not fit.outcome.at_maximum or fit.family != "likelihood":
            raise InferenceError(
                f"{fit.name} has no maximum of a likelihood to compare.",
                hint="fits of likelihoods that converged.",
                code="not-at-a-maximum",
            )
    if (restricted.depvar, restricted.nobs) != (full.depvar, full.nobs):
        raise InferenceError(
            f"{restricted.name} and {full.name} are not of the same data: {restricted.nobs:g} and "
            f"{full.nobs:g} observations of {restricted.depvar} and {full.depvar}.",
            hint="fit both models on the same rows.",
            code="other-data",
        )
    df = len(full.estimated) - len(restricted.estimated)
    statistic = 2 * (full.loglik - restricted.loglik)
    if df < 1 or statistic < -_SLACK * abs(full.loglik):
        raise InferenceError(
            f"{restricted.name} is not a smaller model within {full.name}.",
            hint="the smaller model first, whose log-likelihood is not above the other's.",
            code="not-nested",
        )
    p = float(stats.chi2.sf(statistic, df))
    note = full.ratio_note(restricted)
    return LikelihoodRatio(restricted.name, full.name, statistic, df, p, note)
