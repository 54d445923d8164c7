"""The likelihood templates, one file each."""

from __future__ import annotations

from workbench.likelihoods.base import LinearIndex, Start, Support
from workbench.likelihoods.counts.poisson import Poisson
from workbench.likelihoods.gaussian import Gaussian
from workbench.likelihoods.logit import Logit
from workbench.likelihoods.probit import Probit
from workbench.models.custom.function import Custom, custom
from workbench.models.custom.parameters import Parameter, bounded, positive

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
