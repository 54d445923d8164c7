"""The likelihood templates, one file each."""

from __future__ import annotations

from workbench.likelihoods.base import LinearIndex, Start, Support
from workbench.likelihoods.counts.poisson import Poisson
from workbench.likelihoods.gaussian import Gaussian
from workbench.likelihoods.logit import Logit
from workbench.likelihoods.probit import Probit

TEMPLATES: dict[str, type[LinearIndex]] = {
    kind.name: kind for kind in (Gaussian, Logit, Probit, Poisson)
}

__all__ = [
    "TEMPLATES",
    "Gaussian",
    "LinearIndex",
    "Logit",
    "Poisson",
    "Probit",
    "Start",
    "Support",
]
