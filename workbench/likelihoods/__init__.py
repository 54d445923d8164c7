"""The likelihood templates, one file each."""

from __future__ import annotations

from workbench.likelihoods.base import LinearIndex, Start, Support
from workbench.likelihoods.custom import Custom, custom
from workbench.likelihoods.gaussian import Gaussian
from workbench.likelihoods.logit import Logit
from workbench.likelihoods.parameters import Parameter, bounded, positive
from workbench.likelihoods.poisson import Poisson
from workbench.likelihoods.probit import Probit

TEMPLATES: dict[str, type[LinearIndex]] = {
    kind.name: kind for kind in (Gaussian, Logit, Probit, Poisson)
}

__all__ = [
    "TEMPLATES",
    "Custom",
    "Gaussian",
    "LinearIndex",
    "Logit",
    "Parameter",
    "Poisson",
    "Probit",
    "Start",
    "Support",
    "bounded",
    "custom",
    "positive",
]
