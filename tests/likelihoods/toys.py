"""Templates that no menu lists, which use what the contract offers beyond today's members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit

from workbench.likelihoods.base import Equation, Likelihood, Start, Support
from workbench.options import Kind, option


@dataclass(frozen=True, kw_only=True)
class Binomial(Likelihood):
    """Successes among a number of trials, which is a further column."""

    name: ClassVar[str] = "binomial"
    title: ClassVar[str] = "Binomial"
    formula: ClassVar[str] = "y ~ Binomial(trials, 1 / (1 + exp(-x'b)))"
    support: ClassVar[Support] = Support.WHOLE_COUNT
    columns: ClassVar[tuple[str, ...]] = ("trials",)

    trials: str = option(kind=Kind.COLUMN, help="number of trials", example="asked")

    def contributions(self, y, predictors, parameters, columns, xp):
        (index,), trials = predictors, columns["trials"]
        chosen = xp.lgamma(trials + 1) - xp.lgamma(y + 1) - xp.lgamma(trials - y + 1)
        return y * index - trials * xp.softplus(index) + chosen

    def start(self, data):
        return Start((np.zeros(data.x.shape[1]),))

    def mean(self, predictors, parameters):
        return expit(predictors[0])


@dataclass(frozen=True, kw_only=True)
class ConditionalPoisson(Likelihood):
    """Counts given their sum by group: the unit is a group of rows."""

    name: ClassVar[str] = "conditional_poisson"
    title: ClassVar[str] = "Conditional Poisson"
    formula: ClassVar[str] = "Pr(y | sum of y, x)"
    support: ClassVar[Support] = Support.WHOLE_COUNT
    equations: ClassVar[tuple[Equation, ...]] = (Equation("mean"),)
    unit: ClassVar[str] = "group"

    group: str = option(kind=Kind.COLUMN, help="groups of rows", example="person")

    def contributions(self, y, predictors, parameters, columns, xp):
        (index,), group = predictors, columns["group"]
        share = index - group.spread(xp.log(group.sum(xp.exp(index))))
        return xp.lgamma(group.sum(y) + 1) + group.sum(y * share - xp.lgamma(y + 1))

    def start(self, data):
        return Start((np.zeros(data.x.shape[1]),))


MODULE = "tests.likelihoods.toys"
