"""What a run found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from workbench.covariances import (
    BY_ROWS,
    ClusterMeat,
    Curvature,
)
from workbench.covariances.small_sample import Family
from workbench.data.design import prediction_matrix
from workbench.data.table import as_table
from workbench.errors import DataError, InferenceError, OptionError
from workbench.estimation.code import magic_cell, python_call
from workbench.estimation.model import Model, model_of
from workbench.estimation.outcome import Outcome
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.estimation.trace import Trace
from workbench.likelihoods import TEMPLATES, Likelihood
from workbench.models.choice.options import MultinomialLogit
from workbench.models.choice.results import ChoiceEffects, level_chances
from workbench.models.event_study.aggregation import shares
from workbench.models.fixed_effects.demeaning import Demeaning
from workbench.models.fixed_effects.effects import Effects
from workbench.models.linear.ols import LeastSquares
from workbench.protocols import Numpy
from workbench.results import display as doors
from workbench.results.likelihood_ratio import LikelihoodRatio, likelihood_ratio
from workbench.results.standard_errors import Precision


@dataclass(frozen=True)
class Code:
    """The two texts that repeat a run."""

    python: str
    magic: str

    def __repr__(self) -> str:
        return f"{self.python}\n\n# or, as a cell:\n{self.magic}"


@dataclass(frozen=True)
class Fit(Precision):
    """The estimates of one run, their precision, and how they were found.

    Attributes
    ----------
    params
        Estimates by parameter name, natural scale, the intercept first.
    loglik, loglik_null
        Log-likelihood in nats, all constants included, here and with the constant alone.
    nobs
        Observations used: rows, or the sum of frequency weights.
    dropped
        Rows left out, by reason.
    left_out, notes
        Sentences on columns left out and on whatever else was done.
    outcome, message
        How the run ended, and the sentence with its figures.
    decrement
        The Newton decrement of the total log-likelihood, in nats, or None.
    trace, demeaning, timing, provenance
        Every step; every iteration over the columns; seconds by stage and in total; versions,
        device, seed.
    """

    specification: Specification
    outcome: Outcome
    message: str
    params: pd.Series
    loglik: float
    loglik_null: float | None
    nobs: float
    depvar: str
    model_title: str
    dropped: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    nuisance: tuple[str, ...] = ()
    family: Family = "likelihood"
    decrement: float | None = None
    curvature: Curvature | None = field(default=None, repr=False)
    trace: Trace = field(default_factory=Trace, repr=False)
    demeaning: Demeaning = field(default_factory=Demeaning, repr=False)
    timing: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict, repr=False)
    evidence: Mapping[str, Any] = field(default_factory=dict, repr=False)
    state: Mapping[str, Any] = field(default_factory=dict, repr=False)
    live: Problem | None = field(default=None, repr=False, compare=False)

    @cached_property
    def model(self) -> Model:
        """The model with its options.

        Raises
        ------
        LikelihoodError
            When it holds a function of the person's, which is not stored.
        """
        return model_of(self.specification.model)

    # Estimates and their precision --------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name the person gave the run, or the model's."""
        return self.specification.name or self.model_title

    @property
    def converged(self) -> bool:
        """Whether this is a maximum in the sense of the convergence test."""
        return self.outcome.converged

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        last = self.trace.last
        return 0 if last is None else last.number

    @property
    def estimated(self) -> pd.Series:
        """The estimates of all columns; those shown, but for cohorts that ``sunab()`` averages."""
        kept = self.state.get("aggregation")
        if kept is None:
            return self.params
        return pd.Series(kept["values"], pd.Index(kept["names"], dtype=object), name="estimate")

    @property
    def further_coefficients(self) -> tuple[str, ...]:
        """The coefficients of a likelihood's equations after the first."""
        return tuple(name for part in self.state.get("equations", ()) for name in part["names"])

    def aggregate(self, by: str = "period") -> Fit:
        """Return the fit with the effects of ``sunab(cohort, period)`` averaged in another way.

        Parameters
        ----------
        by
            ``"period"`` averages over cohorts in each relative period; ``"cohort"`` and ``"att"``
            average over the treated periods, by cohort or over all; ``"cells"`` shows each cohort
            in each period.

        Raises
        ------
        OptionError
            When the formula has no ``sunab()``, or there is no such average.
        """
        kept = self.state.get("aggregation")
        if kept is None:
            raise OptionError(
                f'The formula "{self.specification.formula}" has no cohorts to average.',
                hint='wb.fit("feols", "y ~ sunab(cohort, year) | unit + year", df).',
                code="no-cohorts",
                where="by",
            )
        names, weights = shares(kept, by)
        params = pd.Series(weights @ self.estimated.to_numpy(), pd.Index(names, dtype=object))
        state = {**self.state, "aggregation": {**kept, "by": by}}
        return replace(self, params=params.rename("estimate"), state=state)

    @property
    def aic(self) -> float:
        """Akaike's criterion: minus twice the log-likelihood plus twice the parameters."""
        return 2 * self._free - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's criterion: the log of the observations in place of the two."""
        return math.log(self.nobs) * self._free - 2 * self.loglik

    @property
    def _free(self) -> int:
        return len(self.estimated) + self._absorbed(()).rank

    @property
    def pseudo_r2(self) -> float | None:
        """McFadden's R squared, one minus the ratio of the log-likelihoods."""
        if self.loglik_null is None or self.loglik_null >= 0 or self.family == "least squares":
            return None
        return 1 - self.loglik / self.loglik_null

    @property
    def df_resid(self) -> float:
        """Observations minus coefficients for least squares; infinite for likelihoods.

        With clusters beside fixed effects, the smallest number of clusters minus one, and across
        time that of periods minus one.
        """
        if self.family != "least squares":
            return math.inf
        if "absorbed" in self.state and self._at_maximum:
            if self.se_kind == "cluster":
                meats = self._cluster_meats(self.specification.clusters)
                return min(meat.groups for meat in meats.values()) - 1
            if self.se_kind in BY_ROWS and (groups := self._row_meat(self._own).groups):
                return groups - 1
        return self.nobs - self._parameters()

    @property
    def r2(self) -> float | None:
        """The share of the outcome's variation explained, absorbed effects included."""
        return self.state.get("r2")

    @property
    def r2_within(self) -> float | None:
        """The share of the variation beside the fixed effects that the slopes explain."""
        return self.state.get("r2_within")

    @property
    def absorbed(self) -> tuple[str, ...]:
        """The fixed effects taken out, as the formula names them: ``"firm"``, ``"firm[trend]"``."""
        return tuple(self.state.get("fixed_effects", ()))

    @property
    def first_stage(self) -> pd.DataFrame:
        """The F test of the instruments, one row an endogenous regressor."""
        stages = self.state.get("first_stages", [])
        names = ["regressor", "statistic", "numerator", "denominator", "p"]
        return pd.DataFrame(stages, columns=names).set_index("regressor")

    def fixed_effects(self) -> dict[str, pd.Series]:
        """Return the effects of each absorbed factor, indexed by level.

        Only sums of effects are determined: the first factor keeps its level, and of each further
        one the first level is zero in every component that connects it with the first.

        Raises
        ------
        OptionError
            When the model has none.
        InferenceError
            When the fit was read from the record, or the effects cannot be told apart.
        """
        if not getattr(self._live_problem(), "factors", None):
            raise OptionError(
                f"The model {self.model_title} has no fixed effects.",
                hint='wb.fit("feols", "y ~ x | firm", df).',
                code="no-fixed-effects",
            )
        return self._effects.by_name()

    @cached_property
    def _effects(self) -> Effects:
        effects: Effects = self._live_problem().effects(self.estimated.to_numpy())
        return effects

    @property
    def eigenvalues(self) -> Numpy | None:
        """Eigenvalues of the Hessian scaled to a unit diagonal, ascending."""
        return None if self.curvature is None else self.curvature.eigenvalues

    @property
    def flat(self) -> tuple[str, ...]:
        """Parameters without standard errors, since the likelihood is flat along them."""
        if self.curvature is None:
            return ()
        return tuple(str(self.estimated.index[i]) for i in self.curvature.flat)

    # Prediction ---------------------------------------------------------------------------------

    def predict(self, data: Any = None) -> Any:
        """Return the expected outcome of each row, by the labels of the data's index.

        Parameters
        ----------
        data
            A table with the formula's columns; the run's own rows by default.

        Raises
        ------
        InferenceError
            When the model is a person's own, which states no mean.
        DataError
            When a column is missing, or a factor has a level that the fit has not seen.
        """
        if "choice" in self.state:
            found: pd.Series = self._chances(data)
            return found
        template = self._template()
        if data is None:
            return self._fitted()
        table = as_table(data)
        parts = [self.state["design"], self.state.get("endogenous")]
        columns = [prediction_matrix(part, table) for part in parts if part]
        matrix = np.column_stack(columns)[:, self.state["kept"]]
        p = matrix.shape[1]
        params = self.estimated.to_numpy()
        index = matrix @ params[:p] + self._offset(table)
        if self.state.get("absorbed", {}).get("levels"):
            index = index + self._effects.at(table)
        predictors = [index]
        for part in self.state.get("equations", ()):
            x = prediction_matrix(part["design"], table)[:, part["kept"]]
            predictors.append(x @ params[p : p + x.shape[1]])
            p += x.shape[1]
        return self._predicted(template, predictors, params[p:], table.index)

    def _predicted(
        self, template: Likelihood, predictors: list[Numpy], parameters: Numpy, index: pd.Index
    ) -> Any:
        """Return the mean of each row, or the probability of each level."""
        chances = template.probabilities(predictors, parameters)
        if chances is not None:
            return pd.DataFrame(chances, index, list(self.state["levels"]))
        mean = template.mean(predictors, parameters)
        return pd.Series(mean, index=index, name=f"E({self.depvar})")

    def _chances(self, data: Any) -> Any:
        """Return the probability of each alternative, or a column a level."""
        if self.state["choice"] == MultinomialLogit.name:
            return level_chances(self, data)
        return self.choice.predict(data)

    @property
    def choice(self) -> ChoiceEffects:
        """What a model of discrete choice says: shares, elasticities, willingness to pay.

        Raises
        ------
        OptionError
            When the model is none.
        """
        if "choice" not in self.state:
            raise OptionError(
                f"The model {self.model_title} is no model of discrete choice.",
                hint='wb.fit("conditional_logit", ..., situation="id", alternatives="mode").',
                code="no-choices",
            )
        return ChoiceEffects(self)

    def likelihood_ratio(self, restricted: Fit) -> LikelihoodRatio:
        """Test a smaller model of the same data against this one.

        Raises
        ------
        InferenceError
            When a fit is not at a maximum, the data differ, or the other one is no smaller.
        """
        return likelihood_ratio(restricted, self)

    def _fitted(self) -> Any:
        problem = self._live_problem()
        chances = getattr(problem, "probabilities", lambda _: None)(self.estimated.to_numpy())
        if chances is not None:
            return pd.DataFrame(chances, _labels(problem), list(self.state["levels"]))
        outcome = problem.design.outcome
        fitted = outcome - problem.residuals(self.estimated.to_numpy())
        return pd.Series(fitted, index=_labels(problem), name=f"E({self.depvar})")

    @property
    def residuals(self) -> pd.Series:
        """Outcome minus fitted mean of each row used, by the labels of the data's index."""
        problem = self._live_problem()
        values = problem.residuals(self.estimated.to_numpy())
        return pd.Series(values, index=_labels(problem), name="residual")

    def _live_problem(self) -> Any:
        if self.live is None:
            raise InferenceError(
                "This fit was read from the record, which does not keep the data.",
                hint="fit.predict(data), or run the model again.",
                code="no-data",
            )
        return self.live

    def _template(self) -> Likelihood:
        name = self.state.get("template")
        if name == LeastSquares.name:
            return LeastSquares()
        if name not in TEMPLATES:
            raise InferenceError(
                f"The model {self.model_title} states no mean, so it cannot predict.",
                hint="compute what you need from fit.params.",
                code="no-mean",
            )
        return TEMPLATES[name]()

    def _offset(self, table: Any) -> Numpy | float:
        name = self.state.get("offset")
        if name is None:
            return 0.0
        if name not in table.names:
            raise DataError(
                f'The table has no column "{name}", the offset of this fit.',
                hint="add the column.",
                code="no-such-column",
                where=name,
            )
        offset: Numpy = table.column(name).to_numpy(dtype=np.float64)
        return offset

    # To keep and to read ------------------------------------------------------------------------

    def code(self) -> Code:
        """Return the Python call and the ``%%mle`` cell that repeat this run."""
        return Code(python_call(self.specification), magic_cell(self.specification))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types, except that figures may be NaN or infinite."""
        curvature = self._whole_curvature
        return {
            "specification": self.specification.to_dict(),
            "outcome": self.outcome.name,
            "message": self.message,
            "params": {str(name): float(value) for name, value in self.params.items()},
            **{name: getattr(self, name) for name in _PLAIN},
            "left_out": list(self.left_out),
            "notes": list(self.notes),
            "nuisance": list(self.nuisance),
            "curvature": None if curvature is None else _curvature_to_dict(curvature),
            "trace": self.trace.rows().tolist(),
            "trace_parameters": list(self.trace.parameter_names),
            "demeaning": self.demeaning.to_dict(),
        }

    @classmethod
    def from_dict(
        cls,
        stored: Mapping[str, Any],
        trace: Trace | None = None,
        demeaning: Demeaning | None = None,
    ) -> Fit:
        """Rebuild a fit from `to_dict`; covariances that were not kept need the data again."""
        values = {name: stored[name] for name in _PLAIN}
        curvature = stored["curvature"]
        return cls(
            specification=Specification.from_dict(stored["specification"]),
            outcome=Outcome[stored["outcome"]],
            message=stored["message"],
            params=pd.Series(stored["params"], dtype=np.float64, name="estimate"),
            left_out=tuple(stored["left_out"]),
            notes=tuple(stored["notes"]),
            nuisance=tuple(stored["nuisance"]),
            curvature=None if curvature is None else _curvature_from_dict(curvature),
            trace=Trace.from_rows(stored["trace_parameters"], stored["trace"])
            if trace is None
            else trace,
            demeaning=Demeaning.from_dict(stored["demeaning"]) if demeaning is None else demeaning,
            **values,
        )

    def summary(self) -> Any:
        """Return the table of this fit, as text and as HTML."""
        return doors.summary(self)

    def plot(self, level: float = 0.95) -> Any:
        """Return a picture of the estimates with their intervals, by period in an event study.

        It shows itself in a notebook; ``plot.png(theme)``, ``plot.svg(theme)`` and
        ``plot.save(path)`` draw it, with the theme ``"light"``, ``"dark"`` or ``"both"``.
        """
        return doors.plot(self, level)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return doors.fit_bundle(self)

    def __repr__(self) -> str:
        return doors.fit_bundle(self)["text/plain"]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "curvature": self._whole_curvature, "live": None}

    # The plug-in protocol of maketables ----------------------------------------------------------

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        return doors.maketables_table(self)

    @property
    def __maketables_depvar__(self) -> str:
        return self.depvar

    def __maketables_stat__(self, key: str) -> Any:
        return doors.maketables_stat(self, key)


def _labels(problem: Problem) -> pd.Index:
    """Return the index labels of the rows used."""
    assert problem.table is not None
    return problem.table.index[problem.design.rows]


_PLAIN = (
    "loglik",
    "loglik_null",
    "nobs",
    "depvar",
    "model_title",
    "dropped",
    "family",
    "decrement",
    "timing",
    "provenance",
    "evidence",
    "state",
)


def _curvature_to_dict(curvature: Curvature) -> dict[str, Any]:
    stored = asdict(curvature)
    for name in ("information", "jacobian", "opg"):
        if stored[name] is not None:
            stored[name] = stored[name].tolist()
    stored["clusters"] = {
        name: {"meat": meat.meat.tolist(), "groups": meat.groups}
        for name, meat in curvature.clusters.items()
    }
    stored["kept"] = {
        name: {"meat": meat.meat.tolist(), "groups": meat.groups}
        for name, meat in curvature.kept.items()
    }
    return stored


def _curvature_from_dict(stored: Mapping[str, Any]) -> Curvature:
    clusters = {
        name: ClusterMeat(np.array(meat["meat"]), meat["groups"])
        for name, meat in stored["clusters"].items()
    }
    kept = {
        name: ClusterMeat(np.array(meat["meat"]), meat["groups"])
        for name, meat in stored.get("kept", {}).items()
    }
    return Curvature(
        information=np.array(stored["information"]),
        jacobian=np.array(stored["jacobian"]),
        opg=None if stored["opg"] is None else np.array(stored["opg"]),
        observations=stored["observations"],
        flat_below=stored["flat_below"],
        clusters=clusters,
        kept=kept,
    )
