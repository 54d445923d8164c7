"""What a run found."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from workbench.covariances import ClusterMeat, Curvature, EstimationMethod
from workbench.errors import InferenceError, NotOfferedError
from workbench.estimation.code import magic_cell, python_call
from workbench.estimation.inner_trace import Demeaning
from workbench.estimation.model import Model, model_of
from workbench.estimation.outcome import Outcome
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.estimation.trace import Trace
from workbench.protocols import Numpy
from workbench.results import display
from workbench.results.likelihood_ratio import LikelihoodRatio, likelihood_ratio
from workbench.results.standard_errors import StandardErrors
from workbench.results.state import State


@dataclass(frozen=True)
class Code:
    """The two texts that repeat a run."""

    python: str
    magic: str

    def __repr__(self) -> str:
        return f"{self.python}\n\n# or, as a cell:\n{self.magic}"


@dataclass(frozen=True)
class Availability:
    """A method that fits of one family have, and the text of the error for other fits.

    Attributes
    ----------
    lack
        Completes "The model OLS ..." for a fit without it: ``"has no fixed effects"``.
    example
        A call that returns a fit with the method.
    code
        The stable short name of the error.
    who
        The fits that have it, where a list of models would not be exact.
    """

    lack: str
    example: str
    code: str
    who: str = ""


@dataclass(frozen=True)
class Fit(StandardErrors):
    """The estimates of one run, their standard errors, and how they were computed.

    What the model's family adds (predictions, fixed effects, effects of choices) stands on the
    family's own class, ``workbench.models.<family>.results``; on another fit it raises an error
    that names the models that have it.

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
        Sentences on columns left out and on other steps taken.
    further_parameters
        The parameters that are not coefficients, such as the dispersion of a negative binomial.
    outcome, message
        How the run ended, and the sentence with its figures.
    decrement
        The Newton decrement of the total log-likelihood, in nats, or None.
    trace, demeaning, timing, provenance
        Every step; every iteration over the columns; seconds by stage and in total; versions,
        device, seed.
    state
        What the family stores for predictions and tests.
    """

    availability: ClassVar[Mapping[str, Availability]] = {}
    """The public names of this class that have a specific error on fits without them."""
    drawn_by: ClassVar[str] = display.TABLE["plot"]
    """The function of a fit and a level that `plot` calls, as ``"module:function"``."""

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
    further_parameters: tuple[str, ...] = ()
    family: EstimationMethod = "likelihood"
    decrement: float | None = None
    curvature: Curvature | None = field(default=None, repr=False)
    trace: Trace = field(default_factory=Trace, repr=False)
    demeaning: Demeaning = field(default_factory=Demeaning, repr=False)
    timing: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict, repr=False)
    evidence: Mapping[str, Any] = field(default_factory=dict, repr=False)
    state: State = field(default_factory=State, repr=False)
    live: Problem | None = field(default=None, repr=False, compare=False)

    @cached_property
    def model(self) -> Model:
        """The model with its options.

        Raises
        ------
        LikelihoodError
            When it holds a user's function, which is not stored.
        """
        return model_of(self.specification.model)

    # Estimates and standard errors --------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name given to the run, or the model's."""
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
        """The estimates of all columns, before ``sunab()`` averages over cohorts."""
        return self.params

    @property
    def nuisance(self) -> tuple[str, ...]:
        """The former name of `further_parameters`."""
        warnings.warn("nuisance is called further_parameters now.", FutureWarning, stacklevel=2)
        return self.further_parameters

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
        """Degrees of freedom of Student's t, infinite where tests are normal."""
        return math.inf

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

    # For reports -------------------------------------------------------------------------------

    @property
    def outcome_label(self) -> str:
        """The dependent variable, with its level that counts as 1 or as the base."""
        return self.depvar

    @property
    def further_coefficients(self) -> tuple[str, ...]:
        """The coefficients of a likelihood's equations after the first."""
        return ()

    @property
    def column_sd(self) -> Mapping[str, float]:
        """The standard deviation of each regressor, where it is known."""
        return self.state.column_sd

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        """The terms of the formula that have one estimate for each period or level."""
        return ()

    @property
    def further_figures(self) -> Mapping[str, float]:
        """Further figures of the family that a summary lists, by their label."""
        return {}

    @property
    def latent_scale(self) -> str:
        """The distribution whose scale the coefficients have, as in ``"logit"``, or nothing."""
        return ""

    def ratio_note(self, restricted: Fit) -> str:
        """Return what to keep in mind when a smaller model is tested against this one."""
        kinds = {fit.specification.weight_kind for fit in (restricted, self)}
        if "probability" in kinds and self.specification.weights is not None:
            return "With probability weights the statistic is not chi-squared"
        return ""

    # Tests and data -----------------------------------------------------------------------------

    def likelihood_ratio(self, restricted: Fit) -> LikelihoodRatio:
        """Test a smaller model of the same data against this one.

        Raises
        ------
        InferenceError
            When a fit is not at a maximum, the data differ, or the other model is not smaller.
        """
        return likelihood_ratio(restricted, self)

    def _live_problem(self) -> Any:
        if self.live is None:
            raise InferenceError(
                "This fit was read from the record, which does not keep the data.",
                hint="fit.predict(data), or run the model again.",
                code="no-data",
            )
        return self.live

    def presented(self) -> Self:
        """Return the fit as its run reports it; a family may show averages of the estimates."""
        return self

    def __getattr__(self, name: str) -> Any:
        """Raise an error that names the models with a method or property that this fit lacks."""
        if hasattr(type(self), name):  # a property of this class that raised AttributeError
            return object.__getattribute__(self, name)
        found = None if name.startswith("_") else display.call("models_with", name)
        if found is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        models, availability = found
        listed = " and ".join(filter(None, [", ".join(models[:-1]), models[-1]]))
        raise NotOfferedError(
            f"The model {self.model_title} {availability.lack}; {availability.who or listed} "
            f"ha{'s' if len(models) == 1 and not availability.who else 've'} {name}.",
            hint=availability.example,
            code=availability.code,
            where=name,
        )

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
            "state": self.state.to_dict(),
            "left_out": list(self.left_out),
            "notes": list(self.notes),
            "further_parameters": list(self.further_parameters),
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
        """Rebuild a fit of the model's own class from `to_dict`.

        Covariances that were not kept need the data again.
        """
        kind = display.call("class_of_stored", stored)
        found: Fit = kind(**kind._read(stored, trace, demeaning))
        return found

    @classmethod
    def _read(
        cls, stored: Mapping[str, Any], trace: Trace | None, demeaning: Demeaning | None
    ) -> dict[str, Any]:
        """Return what this class is made of, from what was stored."""
        stored = {_OLD_WORDS.get(name, name): value for name, value in stored.items()}
        curvature = stored["curvature"]
        if trace is None:
            trace = Trace.from_rows(stored["trace_parameters"], stored["trace"])
        if demeaning is None:
            demeaning = Demeaning.from_dict(stored["demeaning"])
        return {
            **{name: stored[name] for name in _PLAIN},
            "specification": Specification.from_dict(stored["specification"]),
            "outcome": Outcome[stored["outcome"]],
            "message": stored["message"],
            "params": pd.Series(stored["params"], dtype=np.float64, name="estimate"),
            "left_out": tuple(stored["left_out"]),
            "notes": tuple(stored["notes"]),
            "further_parameters": tuple(stored["further_parameters"]),
            "curvature": None if curvature is None else _curvature_from_dict(curvature),
            "trace": trace,
            "demeaning": demeaning,
            "state": cls._state_class().from_dict(stored["state"]),
        }

    @classmethod
    def _state_class(cls) -> type[State]:
        """Return the class of this family's state, which is that of the field's default."""
        made: Any = cls.__dataclass_fields__["state"].default_factory
        kind: type[State] = made
        return kind

    def summary(self) -> Any:
        """Return the table of this fit, as text and as HTML."""
        return display.call("summary", self)

    def plot(self, level: float = 0.95) -> Any:
        """Return a picture of the estimates with their intervals, by period in an event study.

        It shows itself in a notebook; ``plot.png(theme)``, ``plot.svg(theme)`` and
        ``plot.save(path)`` draw it, with the theme ``"light"``, ``"dark"`` or ``"both"``.
        """
        return display.imported(self.drawn_by)(self, level)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle: dict[str, str] = self.summary()._repr_mimebundle_()
        return bundle

    def __repr__(self) -> str:
        return self._repr_mimebundle_()["text/plain"]

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in self.__dict__.items() if name != "model"}
        return {**kept, "curvature": self._whole_curvature, "live": None}

    # The plug-in protocol of maketables ----------------------------------------------------------

    @property
    def __maketables_coef_table__(self) -> pd.DataFrame:
        table: pd.DataFrame = display.call("maketables_table", self)
        return table

    @property
    def __maketables_depvar__(self) -> str:
        return self.depvar

    def __maketables_stat__(self, key: str) -> Any:
        return display.call("maketables_stat", self, key)


_OLD_WORDS = {"nuisance": "further_parameters"}
"""Keys of older records, by their former name."""

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
    opg = stored["opg"]
    return Curvature(
        information=np.array(stored["information"]),
        jacobian=np.array(stored["jacobian"]),
        opg=None if opg is None else np.array(opg),
        observations=stored["observations"],
        flat_below=stored["flat_below"],
        clusters=clusters,
        kept=kept,
    )
