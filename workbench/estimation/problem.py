"""A specification joined with its data on its device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from workbench.covariances import (
    FLAT_IN_FLOAT32,
    FLAT_IN_FLOAT64,
    Absorbed,
    ClusterMeat,
    Curvature,
    EstimationMethod,
    groupings,
    joint,
)
from workbench.covariances.evidence import BY_ROW, Need, missing_need
from workbench.covariances.regression_rows import RegressionRows
from workbench.data.columns import sorted_codes
from workbench.data.design import Design
from workbench.data.table import Table
from workbench.errors import InferenceError, OptionError
from workbench.estimation.control import Control
from workbench.estimation.inner_trace import Demeaning
from workbench.estimation.procedure import Procedure
from workbench.estimation.separation_evidence import SeparationEvidence
from workbench.estimation.specification import Specification
from workbench.estimation.start_values import with_start_values
from workbench.protocols import Numpy


@dataclass
class Problem(ABC):
    """What a run works on: an objective, a start, and the facts at any point.

    ``theta`` are unconstrained parameters, in which it is optimized; ``params`` are natural ones.
    """

    specification: Specification
    design: Design
    table: Table | None = None
    model: Any = None
    """The model with its options, see `workbench.estimation.model`."""
    parameter_names: tuple[str, ...] = ()
    observations: float = 0.0
    depvar: str = ""
    dropped: dict[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    clusters: dict[str, Any] = field(default_factory=dict)

    title: ClassVar[str]
    family: ClassVar[EstimationMethod] = "likelihood"
    further_parameters: tuple[str, ...] = ()
    record: str = ""
    """What was done before the optimization, as a sentence without its end."""
    tolerance: float = 1e-8
    """Of the Newton decrement of the total log-likelihood, in nats: twice the gain expected."""
    rejected_modes: Mapping[str, float] = field(default_factory=dict)
    """The log-likelihoods, in nats, at the maxima that were rejected, by name."""
    unbounded: ClassVar[bool] = False
    """Whether the bounds of parameters lie at infinity."""
    library: ClassVar[str] = ""
    """What computes, where that is not the library of the option backend."""

    @property
    @abstractmethod
    def procedure(self) -> Procedure:
        """How the estimates are found."""

    @property
    def demeans(self) -> bool:
        """Whether fixed effects are taken out of the columns first; see `demean`."""
        return False

    @property
    def precision(self) -> str:
        """What the objective is computed in, ``"float64"`` or ``"float32"``."""
        return self.specification.dtype

    @property
    def formulas(self) -> tuple[str, ...]:
        """The formulas that name the columns read."""
        return () if self.specification.formula is None else (self.specification.formula,)

    @property
    def estimated(self) -> tuple[str, ...]:
        """Names of the parameters that have estimates: those that were not left out."""
        return self.parameter_names

    @property
    def column_sd(self) -> Mapping[str, float]:
        """Standard deviations, by name, of the columns that were scaled before the fit."""
        return {}

    @property
    @abstractmethod
    def start(self) -> Numpy:
        """Start values in unconstrained parameters, shape ``(k,)``."""

    def demean(self, control: Control, into: Demeaning, clock: float) -> None:
        """Take the fixed effects out of the columns; the first part of a run.

        Parameters
        ----------
        control
            What pauses and stops the run, checked before each iteration.
        into
            Takes each iteration, with the relative residual of each column.
        clock
            The reading of ``time.perf_counter`` that counts as zero seconds.

        Raises
        ------
        Interrupted
            When the run is to end.
        """

    def shortfall(self) -> str:
        """Return what the stage before the optimization did not reach; empty without shortfall."""
        return ""

    @abstractmethod
    def natural(self, theta: Numpy) -> Numpy:
        """Return natural parameters, shape ``(k,)``."""

    @abstractmethod
    def unconstrained(self, params: Numpy) -> Numpy:
        """Return unconstrained parameters from natural parameters."""

    @abstractmethod
    def score(self, theta: Numpy) -> Numpy:
        """Return the total score, summed row by row, shape ``(k,)``, in nats."""

    @abstractmethod
    def curvature(self, theta: Numpy, *, scores: bool = True) -> Curvature:
        """Return Hessian and sums of scores at ``theta``; without ``scores`` the Hessian alone."""

    def curved(
        self, theta: Numpy, hessian: Numpy, jacobian: Numpy, opg: Numpy | None, *, scores: bool
    ) -> Curvature:
        """Return the curvature of the log-likelihood from its Hessian ``(k, k)`` at ``theta``.

        Parameters
        ----------
        jacobian
            Of natural by unconstrained parameters, ``(k, k)``.
        opg
            The outer products of the scores, ``(k, k)``, as far as they are known.
        scores
            Whether sums over clusters are needed.
        """
        codes = self.clusters.items() if scores else ()
        return Curvature(
            -(hessian + hessian.T) / 2,
            jacobian,
            self.observations,
            opg,
            {name: self.cluster_meat(theta, each) for name, each in codes},
            FLAT_IN_FLOAT64 if self.precision == "float64" else FLAT_IN_FLOAT32,
        )

    @abstractmethod
    def loglik(self, theta: Numpy) -> float:
        """Return the log-likelihood, in nats, every constant included."""

    @abstractmethod
    def cluster_meat(self, theta: Numpy, codes: Any) -> ClusterMeat:
        """Return the outer products of the scores summed by cluster."""

    @property
    def scores_needed(self) -> bool:
        """Whether the run's standard errors need sums of scores; others form them when used."""
        specification = self.specification
        sandwich = specification.weights is not None and specification.weight_kind == "probability"
        return sandwich or specification.covariance.uses_scores() or bool(self.clusters)

    @property
    def has(self) -> frozenset[Need]:
        """What standard errors can be computed from."""
        return BY_ROW if self.model is None else self.model.evidence

    def score_rows(self, theta: Numpy) -> Numpy:
        """Return the score of each row in unconstrained parameters, times its weight, ``(n, k)``.

        Raises
        ------
        OptionError
            When the scores are not those of rows.
        """
        raise missing_need(Need.ROW_SCORES, self.title, "these standard errors")

    def regression_rows(self) -> RegressionRows:
        """Return the rows of a linear regression.

        Raises
        ------
        OptionError
            When the model is not a linear regression.
        """
        raise missing_need(Need.REGRESSION_ROWS, self.title, "these standard errors")

    def check_leverages(self) -> None:
        """Refuse a regression with leverages that do not exist or are too many to compute."""

    @property
    def objective_shift(self) -> float:
        """What the objective lacks to the log-likelihood in the outcome's own units, per row."""
        return 0.0

    def residual_variance(self, theta: Numpy) -> float:
        """Return the variance by which the scores of a linear regression are divided."""
        return 1.0

    def loglik_null(self) -> float | None:
        """Return the log-likelihood of the constant alone, where that is defined."""
        return None

    def warm_starts(self) -> Sequence[Problem]:
        """Return approximate problems in the same parameters to solve first, the cheapest first.

        Each one's `record` names it in the trace.
        """
        return ()

    def other_modes(self, theta: Numpy) -> Mapping[str, Numpy]:
        """Return, by their names in the trace, points near other maxima than the one at theta."""
        return {}

    def normalize(self, theta: Numpy) -> Numpy:
        """Return the one point that is reported, of those that are the same model."""
        return theta

    def notes_at(self, theta: Numpy, curvature: Curvature | None) -> tuple[str, ...]:
        """Return sentences on what only the estimate shows."""
        return ()

    def check_start(self, theta: Numpy) -> None:
        """Refuse a start at which the log-likelihood is not finite, naming row and parameter."""

    def separation(self, theta: Numpy) -> SeparationEvidence | None:
        """Return why no maximum exists, once fitted probabilities saturate."""
        return None

    def decrement(self, curvature: Curvature, theta: Numpy) -> float | None:
        """Return the Newton decrement of the total log-likelihood; None where it curves upwards."""
        return None if curvature.negative else curvature.decrement(self.score(theta))

    def start_from(self, params: Mapping[str, float]) -> dict[str, float]:
        """Return start values from which another problem of these data goes on at estimates."""
        return dict(params)

    def has_converged(self, theta: Numpy) -> bool:
        """Return whether nothing moves on that the decrement does not show."""
        return True

    def at_bound(self, newton_step: Numpy) -> tuple[int, ...]:
        """Return the positions of the parameters that lie at a bound of theirs."""
        return ()

    def bound_message(self, names: Sequence[str]) -> str:
        """Say what it means that parameters lie at a bound; empty where nothing special."""
        return ""

    def residuals(self, params: Numpy) -> Numpy:
        """Return outcome minus fitted mean, shape ``(n,)``."""
        raise OptionError(
            f"The model {self.title} states no mean, so there are no residuals.",
            hint="compute them from fit.params.",
            code="no-residuals",
        )

    def absorbed_within(self, groups: Mapping[str, Any]) -> Absorbed:
        """Return the degrees of freedom of absorbed effects, those nested in groups marked."""
        return Absorbed()

    @abstractmethod
    def state(self) -> Any:
        """Return what the fit keeps besides its numbers: the state of its class of results."""

    def unconstrained_start(self, default: Numpy) -> Numpy:
        """Put the user's start values in the place of the default ones; ``(k,)`` each.

        Raises
        ------
        OptionError
            When a name is not a parameter, or a value is not a finite number inside the bounds.
        """
        specification, names = self.specification.start, self.parameter_names
        return with_start_values(
            default, specification, names, natural=self.natural, unconstrained=self.unconstrained
        )

    def groups(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the codes ``(n,)``, from 0, of each grouping by columns and by combinations.

        Raises
        ------
        InferenceError
            When there is no such column, or a row used misses it.
        """
        single = {name: self.codes_of(name) for name in names}
        return {key: joint([single[n] for n in each]) for key, each in groupings(names).items()}

    def codes_of(self, name: str) -> Any:
        """Return the group of each row used by a column, shape ``(n,)``, from 0.

        Raises
        ------
        InferenceError
            When there is no such column, or a row used misses it.
        """
        if self.table is None or not self.table.has(name):
            raise InferenceError(
                f'There is no column "{name}" to cluster by.',
                hint="name a column of the data.",
                code="no-such-column",
                where=name,
            )
        codes = sorted_codes(self.table.column(name).iloc[self.design.rows])
        if (codes < 0).any():
            raise InferenceError(
                f"{int((codes < 0).sum())} of the rows used have no {name}.",
                hint=f'run the model again with se="cluster", cluster="{name}".',
                code="missing-cluster",
                where=name,
            )
        return codes
