"""Fits whose figures come from statsmodels, for tests that must not trust our own estimation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf

from workbench.errors import InferenceError
from workbench.estimation.inner_trace import Demeaning
from workbench.estimation.outcome import Outcome
from workbench.estimation.specification import DataReference, Specification
from workbench.estimation.trace import Trace
from workbench.literals import Choice
from workbench.protocols import Iterate

FORMULA = "inlf ~ nwifeinc + educ + exper + expersq + age + kidslt6 + kidsge6"


@dataclass(frozen=True)
class StandIn:
    """What the report reads of a fit, with figures somebody else computed."""

    name: str
    params: pd.Series
    se: pd.Series
    loglik: float
    specification: Specification
    loglik_null: float | None = None
    nobs: float = 753.0
    depvar: str = "inlf"
    model_title: str = "Binary logit"
    se_label: str = "Hessian"
    ssc_label: str = ""
    outcome: Outcome = Outcome.CONVERGED
    message: str = "Converged after 5 steps."
    flat: tuple[str, ...] = ()
    further_coefficients: tuple[str, ...] = ()
    further_parameters: tuple[str, ...] = ()
    family: str = "likelihood"
    column_sd: Mapping[str, float] = field(default_factory=dict)
    levels: tuple[str, ...] | None = None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    steps: int = 5
    timing: Mapping[str, float] = field(default_factory=lambda: {"total": 0.02})
    provenance: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    trace: Trace = field(default_factory=Trace)
    demeaning: Demeaning = field(default_factory=Demeaning)
    decrement: float | None = 1.7e-24
    r2: float | None = None
    r2_within: float | None = None
    absorbed: tuple[str, ...] = ()
    curvature: Any = None
    eigenvalues: np.ndarray | None = None
    kinds: Mapping[str, pd.Series] = field(default_factory=dict)

    score_unit = ""
    further_figures: ClassVar[dict[str, float]] = {}

    @property
    def outcome_label(self) -> str:
        return self.depvar if self.levels is None else f"{self.depvar} (1 = {self.levels[1]})"

    @property
    def latent_scale(self) -> str:
        return self.specification.model.name

    @property
    def converged(self) -> bool:
        return self.outcome.converged

    @property
    def se_note(self) -> str:
        """The sentence on how the errors were computed, without its end."""
        kind, _, within = self.se_label.partition(" ")
        return {
            "robust": "Robust: sandwich of Hessian and scores",
            "cluster": f"Clustered: scores summed within {within} before the sandwich",
        }.get(kind, "")

    @property
    def aic(self) -> float:
        return 2 * len(self.params) - 2 * self.loglik

    @property
    def bic(self) -> float:
        return float(np.log(self.nobs)) * len(self.params) - 2 * self.loglik

    @property
    def pseudo_r2(self) -> float | None:
        return None if self.loglik_null is None else 1 - self.loglik / self.loglik_null

    @cached_property
    def tvalues(self) -> pd.Series:
        return self.params / self.se

    @cached_property
    def pvalues(self) -> pd.Series:
        from scipy.stats import norm

        return pd.Series(2 * norm.sf(np.abs(self.tvalues)), self.params.index)

    def conf_int(self, level: float = 0.95) -> pd.DataFrame:
        from scipy.stats import norm

        reach = norm.ppf(0.5 + level / 2) * self.se
        return pd.DataFrame({"lower": self.params - reach, "upper": self.params + reach})

    def standard_errors(self, kind: str | None = None) -> pd.Series:
        if kind is None:
            return self.se
        if kind not in self.kinds:
            raise InferenceError(f"No {kind} errors here.", code="not-kept")
        return self.kinds[kind]

    def but(self, **changes: Any) -> StandIn:
        """Return a copy with some attributes changed."""
        return replace(self, **changes)


def fitted(model: str, data: pd.DataFrame, **changes: Any) -> StandIn:
    """Fit ``model`` by statsmodels on mroz and dress the figures as a fit."""
    method = {"logit": smf.logit, "probit": smf.probit}[model]
    result = method(FORMULA, data).fit(disp=0)
    robust = method(FORMULA, data).fit(disp=0, cov_type="HC0")
    scaled = result.normalized_cov_params.to_numpy()
    spread = np.sqrt(np.diag(scaled))
    stand_in = StandIn(
        name=model,
        params=result.params,
        se=result.bse,
        loglik=float(result.llf),
        loglik_null=float(result.llnull),
        model_title=f"Binary {model}",
        specification=Specification(
            model=Choice(model),
            data=DataReference("sample", "mroz", "abc", 753, 22),
            formula=FORMULA,
            name=model,
            backend="torch",
        ),
        trace=newton_trace(tuple(result.params.index), float(result.llf)),
        eigenvalues=np.sort(1 / np.linalg.eigvalsh(scaled / np.outer(spread, spread))),
        kinds={"hessian": result.bse, "robust": robust.bse},
        column_sd=_spreads(data, result.params.index),
    )
    return stand_in.but(**changes)


def _spreads(data: pd.DataFrame, names: pd.Index) -> dict[str, float]:
    return {name: float(data[name].std()) for name in names if name in data}


def newton_trace(
    names: tuple[str, ...], loglik: float, steps: int = 5, rows: float = 753.0
) -> Trace:
    """Return the steps of a made-up run that converges quadratically to ``loglik``."""
    trace = Trace(names)
    for number in range(steps + 1):
        gap = 0.15 * 10.0 ** (-(2.0**number) + 1) + 1e-18
        trace.record(
            Iterate(
                number=number,
                params=np.full(len(names), float(number)),
                objective=-loglik / rows + gap,
                gradient_norm=np.sqrt(gap),
                step_length=1.0,
                decrement=2 * gap * rows,
                seconds=0.004 * number,
                evaluations=number + 1,
            )
        )
    return trace
