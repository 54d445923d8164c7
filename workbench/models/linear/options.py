"""Least squares and its options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from workbench.covariances.evidence import LINEAR_REGRESSION, Need
from workbench.estimation.model import NUMPY, Model

LEAST_SQUARES_WORDS: Mapping[str, str] = {"hessian": "iid", "robust": "HC1 (robust)", "opg": ""}
"""What menus call the errors of least squares."""
LEAST_SQUARES_NAMES: Mapping[str, str] = {
    "iid": "hessian",
    "hetero": "robust",
    "HC1": "robust",
    "CRV1": "cluster",
}
"""What the kinds of errors are called for least squares."""


@dataclass(frozen=True, kw_only=True)
class OLS(Model):
    """Ordinary least squares."""

    name: ClassVar[str] = "ols"
    title: ClassVar[str] = "OLS"
    formula: ClassVar[str] = "min Σ (y − x′β)²"
    outcome: ClassVar[str] = "a finite number"
    built_by: ClassVar[str] = "workbench.models.linear.build"
    results: ClassVar[str] = "workbench.models.linear.results:LinearFit"
    solved: ClassVar[bool] = True
    with_effects: ClassVar[str] = "feols"
    textbook: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "lwage ~ educ + exper + expersq + black + smsa + south": {},
    }
    computed_by: ClassVar[str] = NUMPY
    uses_seed: ClassVar[bool] = True
    on_host: ClassVar[bool] = True
    evidence: ClassVar[frozenset[Need]] = LINEAR_REGRESSION
    covariance_words: ClassVar[Mapping[str, str]] = LEAST_SQUARES_WORDS
    covariance_names: ClassVar[Mapping[str, str]] = LEAST_SQUARES_NAMES
