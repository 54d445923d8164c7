"""The likelihood-ratio test of a model within a larger one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy import stats

from workbench.errors import InferenceError

if TYPE_CHECKING:
    from workbench.results.fit import Fit

_SLACK = 1e-6


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
        What to keep in mind, or nothing.
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


def likelihood_ratio(restricted: Fit, full: Fit) -> LikelihoodRatio:
    """Test a model within a larger one, of the same data.

    Raises
    ------
    InferenceError
        When a fit is not at a maximum, the data differ, or neither model is the larger one.

    References
    ----------
    Wilks (1938), "The large-sample distribution of the likelihood ratio for testing composite
    hypotheses"; Self and Liang (1987), JASA 82(398), case 5, on parameters at a bound; McLachlan
    and Peel (2000), "Finite Mixture Models", section 6.4, on the number of classes.
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
    return LikelihoodRatio(restricted.name, full.name, statistic, df, p, _note(restricted, full))


def _varying(fit: Fit) -> set[str]:
    """Return the random coefficients of a model."""
    return set(fit.specification.model.settings.get("random", ()))


def _note(restricted: Fit, full: Fit) -> str:
    fresh = [str(n) for n in full.params.index if n not in restricted.params.index]
    varying = [_varying(fit) for fit in (restricted, full)]
    if any(name.startswith("sd.") for name in fresh) or varying[0] < varying[1]:
        return "A standard deviation of zero is at the bound, so p is an upper limit"
    classes = [fit.specification.model.settings.get("classes", 2) for fit in (restricted, full)]
    mixtures = [fit.specification.model.name == "latent_class" for fit in (restricted, full)]
    if mixtures[1] and (not mixtures[0] or classes[0] < classes[1]):
        return (
            "A class that is empty has no coefficients to speak of, so the statistic is not "
            "chi-squared; compare AIC or BIC"
        )
    weighted = "probability" in {f.specification.weight_kind for f in (restricted, full)}
    if weighted and full.specification.weights is not None:
        return "With probability weights the statistic is not chi-squared"
    return ""
