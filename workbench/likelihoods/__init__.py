"""The likelihood templates, one file each."""

from __future__ import annotations

from workbench.likelihoods.base import Column, Equation, Likelihood, Observed, Start, Support
from workbench.likelihoods.counts.negative_binomial import NegativeBinomial
from workbench.likelihoods.counts.poisson import Poisson
from workbench.likelihoods.counts.zero_inflated import ZeroInflatedPoisson
from workbench.likelihoods.gaussian import Gaussian
from workbench.likelihoods.logit import Logit
from workbench.likelihoods.ordered_logit import OrderedLogit
from workbench.likelihoods.probit import Probit

TEMPLATES: dict[str, type[Likelihood]] = {
    kind.name: kind
    for kind in (
        Gaussian,
        Logit,
        Probit,
        Poisson,
        NegativeBinomial,
        ZeroInflatedPoisson,
        OrderedLogit,
    )
}

__all__ = [
    "TEMPLATES",
    "Column",
    "Equation",
    "Gaussian",
    "Likelihood",
    "Logit",
    "NegativeBinomial",
    "Observed",
    "OrderedLogit",
    "Poisson",
    "Probit",
    "Start",
    "Support",
    "ZeroInflatedPoisson",
]
