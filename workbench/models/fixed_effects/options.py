"""Models that absorb fixed effects, and their options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from workbench.covariances.evidence import LINEAR_REGRESSION, Need
from workbench.estimation.model import NUMPY, Model
from workbench.models.linear.options import LEAST_SQUARES_NAMES, LEAST_SQUARES_WORDS


@dataclass(frozen=True, kw_only=True)
class FixedEffectsModel(Model):
    """What every model with fixed effects behind ``|`` declares."""

    roles: ClassVar[tuple[str, ...]] = ("fixed effects", *Model.roles)
    built_by: ClassVar[str] = "workbench.models.fixed_effects.build"
    absorbs: ClassVar[bool] = True
    computed_by: ClassVar[str] = NUMPY
    weight_kind: ClassVar[str] = "analytic"
    covariance_names: ClassVar[Mapping[str, str]] = LEAST_SQUARES_NAMES


@dataclass(frozen=True, kw_only=True)
class FEOLS(FixedEffectsModel):
    """Least squares with fixed effects, and with instruments behind a second bar."""

    name: ClassVar[str] = "feols"
    title: ClassVar[str] = "OLS, fixed effects"
    results: ClassVar[str] = "workbench.models.fixed_effects.results:FeolsFit"
    formula: ClassVar[str] = "min Σ (y − x′β − α − γ)²"
    textbook: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "lwage ~ expersq + married + union | nr + year": {},
        "y ~ x + sunab(first_treated, year) | unit + year": {},
    }
    solved: ClassVar[bool] = True
    uses_seed: ClassVar[bool] = True
    evidence: ClassVar[frozenset[Need]] = LINEAR_REGRESSION
    covariance_words: ClassVar[Mapping[str, str]] = LEAST_SQUARES_WORDS


@dataclass(frozen=True, kw_only=True)
class FEGLM(FixedEffectsModel):
    """A generalized linear model with fixed effects, estimated by Newton's method."""

    results: ClassVar[str] = "workbench.models.fixed_effects.results:FeglmFit"
    optimizers: ClassVar[tuple[str, ...] | None] = ("newton",)
    family: ClassVar[str] = ""
    """The class of the likelihood in `workbench.models.fixed_effects.families`."""


@dataclass(frozen=True, kw_only=True)
class FEPoisson(FEGLM):
    """Poisson with fixed effects, also as a quasi-likelihood (PPML)."""

    name: ClassVar[str] = "fepois"
    title: ClassVar[str] = "Poisson, fixed effects"
    formula: ClassVar[str] = "E(y | x) = exp(x′β + α + γ)"
    outcome: ClassVar[str] = "zero or more"
    family: ClassVar[str] = "PoissonFamily"


@dataclass(frozen=True, kw_only=True)
class FELogit(FEGLM):
    """Binary logit with the effects as parameters, not conditional."""

    name: ClassVar[str] = "felogit"
    title: ClassVar[str] = "Logit, fixed effects"
    formula: ClassVar[str] = "Pr(y = 1 | x) = 1 / (1 + exp(−x′β − α − γ))"
    outcome: ClassVar[str] = "0 or 1"
    family: ClassVar[str] = "LogitFamily"


@dataclass(frozen=True, kw_only=True)
class FENegativeBinomial(FEGLM):
    """Negative binomial of the second kind with fixed effects."""

    name: ClassVar[str] = "fenegbin"
    title: ClassVar[str] = "Negative binomial, fixed effects"
    formula: ClassVar[str] = "E(y | x) = μ = exp(x′β + α + γ), Var(y | x) = μ + alpha μ²"
    outcome: ClassVar[str] = "zero or more"
    family: ClassVar[str] = "NegativeBinomialFamily"
    further_parameters: ClassVar[tuple[str, ...]] = ("alpha",)
