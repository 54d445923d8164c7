"""A model of discrete choice with its long data."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from workbench.backends import Backend, backend_named
from workbench.backends.devices import dtypes_of
from workbench.covariances import ClusterMeat, Curvature, groupings, joint
from workbench.data.design import Design
from workbench.data.table import Table
from workbench.errors import DataError, LikelihoodError, OptionError
from workbench.estimation.objective import ScaledObjective
from workbench.estimation.problem import Problem
from workbench.estimation.procedure import Optimized
from workbench.estimation.separation_evidence import SeparationEvidence
from workbench.estimation.specification import Specification
from workbench.estimation.stages import FLOAT32
from workbench.kernels.choice.differences import differences
from workbench.kernels.choice.scaled import Scaled, ScaledKernel
from workbench.kernels.choice.situations import Int64, Situations
from workbench.kernels.likelihood.separation import separating_direction
from workbench.models.choice.coordinates import SeparateCoordinates
from workbench.models.choice.covariates import Covariates, read_covariates
from workbench.models.choice.data import ChoiceData
from workbench.models.choice.fixed_parameters import (
    ChoiceObjective,
    FixedParametersKernel,
    PersonKernel,
)
from workbench.models.choice.options import ChoiceModel, RowColumns
from workbench.models.choice.prediction import choice_sets, probabilities
from workbench.models.choice.state import ChoiceState
from workbench.models.design.checks import check_names
from workbench.models.design.clusters import notes_on_clusters
from workbench.models.design.weights import Weights
from workbench.protocols import Numpy

# Newton's last step on separated choices is taken where exp(-difference in utility) is about the
# tolerance of 1e-8, at 18; separation is looked for before that.
_SATURATED = 15.0
# Along a direction that separates, the information about coefficients of scaled columns has gone.
UNKNOWN = 1e-3
_IN_DIRECTION = 1e-5
# Persons with the same scale are a group; each group takes about half a millisecond per sum.
_MOST_SCALES = 1_000


_IN_BOTH = "Steps are in float32; the last steps and all results are in float64."


def person_weights(values: Numpy | None, kind: str, situations: Any) -> Weights:
    """Read the weights of persons; unless they are frequencies they add up to the situations.

    Parameters
    ----------
    values
        One per person, ``(n,)``, or None.
    kind
        ``"frequency"``, or another kind, which is relative.
    situations
        The choice situations of each person, ``(n,)``.
    """
    count = float(situations.sum())
    if values is None:
        return Weights(None, count, None)
    weighted = float(values @ situations)
    if kind == "frequency":
        return Weights(values, weighted, values)
    relative = values * (count / weighted)
    return Weights(relative, count, relative**2)


class ChoiceProblem(Problem):
    """The objective of a model of long choice data, its start, and the facts at any point.

    The unit of scores is the person of the panel's column, or else of the choice situation.
    """

    saddles: ClassVar[bool] = False
    """Whether the log-likelihood without a scale can curve upwards."""
    for_warm_start: bool = False
    """Whether this is a copy for the first steps."""
    scale: Covariates | None = None
    """The covariates of the log of the scale, where there is one."""
    library: ClassVar[str] = "numpy"

    def __init__(
        self,
        settings: ChoiceModel,
        specification: Specification,
        data: ChoiceData,
        table: Table,
        extra: Design | None = None,
    ) -> None:
        super().__init__(specification, data.design, table)
        self.settings, self.data, self.extra = settings, data, extra
        self.title = settings.title  # type: ignore[misc]
        self.depvar = data.design.outcome_name
        self.dropped, self.notes = dict(data.design.dropped), tuple(data.design.notes)
        self.left_out = data.left_out
        self.notes += data.never_chosen()
        sizes = np.diff(data.person_first)
        self.weights = person_weights(data.weights, specification.weight_kind, sizes)
        self.observations = self.weights.observations
        self.clusters = self._clusters(specification)
        moved, first = differences(data.x, data.first, data.chosen)
        self.scales = _scales(moved)
        moved /= self.scales
        self.situations = Situations(moved, first, data.person_first, self.weights.values)
        if specification.dtype != self.precision:
            self.notes += (_IN_BOTH,)
        self._set_up()
        if getattr(settings, "scale", ""):
            self.scale = self._read_scale()
        self._take_names()

    def _set_up(self) -> None:
        """Prepare what the model needs before its parameters are named."""

    def _read_scale(self) -> Covariates:
        assert self.extra is not None
        assert self.table is not None
        found = read_covariates(self.extra, self.data, self.table, self.roles, constant=False)
        text, values = getattr(self.settings, "scale", ""), len(np.unique(found.values, axis=0))
        if not found.names:
            raise OptionError(
                f"The scale {text} is the same for all persons.",
                hint='a column that differs between them, as in scale="~ survey".',
                code="same-scale",
                where="scale",
            )
        if values > _MOST_SCALES:
            raise OptionError(
                f"The scale {text} has {values:,} values over persons; up to {_MOST_SCALES:,} "
                "are possible.",
                hint="a column of groups, or one that is rounded.",
                code="too-many-scales",
                where="scale",
            )
        collinear = (name for name in found.left_out if name != "Intercept")
        said = tuple(f"{name} is collinear in the scale and was left out." for name in collinear)
        self.left_out = (*self.left_out, *said)
        names = named(found.names, "scale")
        self.further_parameters = (
            *self.further_parameters,
            *(n for n in names if n not in self.settings.fixed),
        )
        return found

    def _take_names(self) -> None:
        names = self.all_names
        check_names(names)
        for name in self.held:
            if name not in names:
                raise OptionError(
                    f'There is no parameter "{name}" to hold.',
                    hint=f"one of {list(names)}.",
                    code="no-such-parameter",
                    where="fixed",
                )
        free = [j for j, name in enumerate(names) if name not in self.held]
        self.free = np.array(free, dtype=np.int64)
        self.parameter_names = tuple(names[j] for j in free)
        for name, value in self.settings.fixed.items():
            self.notes += (f"{name} is fixed at {value:g}.",)
        if not free:
            raise OptionError(
                "All parameters are fixed, so nothing is left to estimate.",
                hint="fewer parameters in fixed=.",
                code="nothing-free",
                where="fixed",
            )
        if self.data.situations < len(free):
            raise DataError(
                f"{self.data.situations} choice situations cannot determine {len(free)} "
                "parameters.",
                hint="more choice situations, or fewer variables.",
                code="too-few-rows",
            )

    def _clusters(self, options: Specification) -> dict[str, Any]:
        single = {name: self.codes_of(name) for name in options.clusters}
        found = {
            key: joint([single[n] for n in ns]) for key, ns in groupings(options.clusters).items()
        }
        for name, codes in found.items():
            self.notes += notes_on_clusters(codes, name)
        return found

    def codes_of(self, name: str) -> Any:
        """Return the group of each person by a column, ``(n,)``, from 0.

        Raises
        ------
        InferenceError
            When there is no such column, or rows used miss it.
        DataError
            When it differs between the rows of a person.
        """
        assert self.table is not None
        rows = super().codes_of(name)
        return self.data.by_person(rows, name, self.table, self.roles)

    @property
    def roles(self) -> RowColumns:
        """The columns that name situation, alternative and person."""
        return self.settings.row_columns

    @property
    def backend(self) -> Backend:
        """The library of the specification, on its device, in the precision of this problem."""
        options = self.specification
        return backend_named(options.backend, options.device, self.precision)

    @property
    def precision(self) -> str:
        """The precision: float64, except float32 in warm starts and on devices without float64."""
        options = self.specification
        double = not self.for_warm_start and "float64" in dtypes_of(options.device)
        return "float64" if double else options.dtype

    def warm_starts(self) -> Sequence[Problem]:
        """Return the problem in float32, where that is specified and the device has float64."""
        return () if self.specification.dtype == self.precision else (self.coarser(FLOAT32),)

    def coarser(self, record: str) -> Self:
        """Return a copy for a warm start, under its name in the trace."""
        coarse = copy.copy(self)
        for name in ("kernel", "_objective"):
            coarse.__dict__.pop(name, None)
        coarse.record, coarse.for_warm_start = record, True
        return coarse

    # Of each model ------------------------------------------------------------------------------

    @property
    def held(self) -> Mapping[str, float]:
        """Parameters that keep a value, by name."""
        return self.settings.fixed

    @property
    @abstractmethod
    def own_names(self) -> tuple[str, ...]:
        """Names of the parameters without those of the scale, the fixed ones included, ``(K,)``."""

    @property
    @abstractmethod
    def own_coordinates(self) -> SeparateCoordinates:
        """The coordinates of these parameters."""

    @abstractmethod
    def make_kernel(self) -> PersonKernel:
        """Return the kernel of all parameters, unconstrained."""

    @property
    @abstractmethod
    def first_guess(self) -> Numpy:
        """Unconstrained start values of the parameters without those of the scale, ``(K,)``."""

    @property
    def scaled_parameters(self) -> Scaled:
        """How the scale enters the other parameters."""
        return Scaled(np.ones(len(self.own_names)), np.zeros(len(self.own_names)))

    # The scale ----------------------------------------------------------------------------------

    def with_scale(self, make: Callable[[Int64 | None], PersonKernel]) -> PersonKernel:
        """Return the kernel of all persons; with a scale, from the kernels of groups."""
        if self.scale is None:
            return make(None)
        return ScaledKernel(self.scale.values, make, self.scaled_parameters)

    def sets_of(self, persons: Int64 | None) -> Situations:
        """Return the situations of some persons, by their positions; None are all."""
        return self.situations if persons is None else self.situations.of(persons)

    @property
    def all_names(self) -> tuple[str, ...]:
        """Names of all parameters, the fixed ones included, ``(K + g,)``."""
        return (*self.own_names, *named(() if self.scale is None else self.scale.names, "scale"))

    @cached_property
    def all_coordinates(self) -> SeparateCoordinates:
        """The coordinates of all parameters."""
        own = self.own_coordinates
        if self.scale is None:
            return own
        g = len(self.scale.names)
        return SeparateCoordinates(
            np.concatenate([own.slopes, 1 / self.scale.sizes]),
            np.concatenate([own.shifts, np.zeros(g)]),
            np.concatenate([own.positive, np.zeros(g, dtype=bool)]),
        )

    # What the optimizer needs -------------------------------------------------------------------

    @cached_property
    def coordinates(self) -> SeparateCoordinates:
        """The coordinates of the free parameters."""
        whole = self.all_coordinates
        return SeparateCoordinates(
            whole.slopes[self.free], whole.shifts[self.free], whole.positive[self.free]
        )

    @cached_property
    def held_values(self) -> Numpy:
        """All unconstrained parameters, the fixed ones at their values and the others at zero."""
        whole = self.all_coordinates
        params = whole.natural(np.zeros(len(whole.slopes)))
        for name, value in self.held.items():
            params[self.all_names.index(name)] = value
        return whole.unconstrained(params)

    @cached_property
    def kernel(self) -> FixedParametersKernel:
        """The sums over persons."""
        return FixedParametersKernel(self.make_kernel(), self.held_values, self.free)

    @property
    def procedure(self) -> Optimized:
        """By an optimizer."""
        return Optimized(self.objective)

    def objective(self) -> ScaledObjective:
        """Return the objective, in unconstrained parameters."""
        return self._objective

    @cached_property
    def _objective(self) -> ScaledObjective:
        size, backend = len(self.free), self.specification.backend
        if self.saddles or self.scale is not None:
            return ChoiceObjective(
                self.kernel, size, self.observations, backend, self.weights.values
            )
        return ScaledObjective(self.kernel, np.eye(size), self.observations, backend)

    @cached_property
    def start(self) -> Numpy:
        """The model's start values, replaced by those of the specification."""
        scale = np.zeros(len(self.all_names) - len(self.own_names))
        return self.unconstrained_start(np.concatenate([self.first_guess, scale])[self.free])

    def natural(self, theta: Numpy) -> Numpy:
        """Return the natural parameters, shape ``(k,)``."""
        return self.coordinates.natural(theta)

    def unconstrained(self, params: Numpy) -> Numpy:
        """Return unconstrained from natural parameters, shape ``(k,)``."""
        with np.errstate(invalid="ignore", divide="ignore"):
            found = self.coordinates.unconstrained(params)
        if len(bad := np.flatnonzero(np.isfinite(params) & ~np.isfinite(found))):
            name = self.parameter_names[int(bad[0])]
            raise OptionError(
                f"The start value of {name} is {params[bad[0]]:g}; it must be above 0.",
                hint=f'start={{"{name}": 1.0}}.',
                code="start-not-positive",
                where=name,
            )
        return found

    # Facts at a point ---------------------------------------------------------------------------

    def loglik(self, theta: Numpy) -> float:
        """Return the log-likelihood, in nats."""
        return self.kernel.totals(theta, 0).value

    def loglik_null(self) -> float | None:
        """Return the log-likelihood of equal shares over the available alternatives."""
        data, weights = self.data, self.weights.values
        each = -np.log(np.diff(data.first))
        return float(each.sum() if weights is None else each @ weights[data.person_of])

    def score(self, theta: Numpy) -> Numpy:
        """Return the total score, shape ``(k,)``."""
        gradient = self.kernel.totals(theta, 1).gradient
        assert gradient is not None
        return gradient

    def curvature(self, theta: Numpy, *, scores: bool = True) -> Curvature:
        """Return the Hessian, and where needed the sums over scores of persons."""
        totals, weights = self.kernel.totals(theta, 2), self.weights
        assert totals.hessian is not None
        opg = totals.opg if weights.values is weights.in_scores else None
        if scores and opg is None:
            opg = self.kernel.products(theta, weights.in_scores)
        jacobian = self.coordinates.jacobian(theta)
        return self.curved(theta, totals.hessian, jacobian, opg, scores=scores)

    def cluster_meat(self, theta: Numpy, codes: Any) -> ClusterMeat:
        """Return the outer products of persons' scores summed by cluster, ``codes (n,)``."""
        each, weights = self.kernel.scores(theta), self.weights.values
        weighted = each if weights is None else each * weights[:, None]
        groups = int(codes.max()) + 1
        sums = np.zeros((groups, each.shape[1]))
        np.add.at(sums, codes, weighted)
        return ClusterMeat(sums.T @ sums, groups)

    def check_start(self, theta: Numpy) -> None:
        """Refuse a start at which the log-likelihood of a person is not finite."""
        if np.isfinite(self.objective().evaluate(theta, 2).value):
            return
        bad = np.flatnonzero(~np.isfinite(self.kernel.values(theta)))
        row = int(self.design.rows[self.data.first_rows[bad[0]]]) if len(bad) else 0
        params = self.natural(theta)
        name = self.parameter_names[int(np.abs(theta).argmax())]
        raise LikelihoodError(
            f"The log-likelihood is not finite at the start: for {len(bad)} persons, the first in "
            f"row {row}; {name} = {params[self.parameter_names.index(name)]:.4g} is the largest.",
            hint=f'a start value of {name} nearer to zero, as in start={{"{name}": 0.0}}.',
            code="start-not-finite",
            where=name,
        )

    def separation(self, theta: Numpy) -> SeparationEvidence | None:
        """Look once, when utilities diverge, whether the choices are predicted exactly.

        A direction of coefficients that lowers no utility of the chosen alternatives relative to
        the others raises the probability of every choice, in each of these models.
        """
        columns = self.linear_columns
        if not columns or hasattr(self, "_separation_checked") or not self._diverges(theta):
            return None
        self._separation_checked = True
        moved = np.ascontiguousarray(self.situations.differences[:, columns])
        found = separating_direction(np.zeros(len(moved)), moved)
        if found is None:
            return None
        alone = [j for j, x in enumerate(moved.T) if (x < 0).all() or (x > 0).all()]
        part = alone[:1] or [j for j, d in enumerate(found.direction) if abs(d) > _IN_DIRECTION]
        listed = tuple(self.data.names[columns[j]] for j in part)
        who = " and ".join(listed) + (" together predict" if len(listed) > 1 else " predicts")
        how = "exactly" if found.complete else f"exactly in {found.rows} of {len(moved)} pairs"
        return SeparationEvidence(listed, f"{who} the choices {how}.", found.complete)

    @property
    def linear_columns(self) -> list[int]:
        """Columns whose coefficients are unrestricted, in every draw or class."""
        return [j for j, name in enumerate(self.data.names) if name not in self.held]

    def slopes(self, theta: Numpy) -> Numpy:
        """Return the coefficients of the scaled columns, one row per class, ``(C, p)``."""
        return self.kernel.whole(theta)[None, : len(self.data.names)]

    def _diverges(self, theta: Numpy) -> bool:
        """Return whether a utility is large, and a direction has no information left."""
        if self.kernel.knows(theta, 2) and not self._without_information(theta):
            return False
        slopes, columns = np.zeros_like(self.slopes(theta)), self.linear_columns
        slopes[:, columns] = self.slopes(theta)[:, columns]
        index = self.situations.differences @ slopes.T
        if float(np.abs(index).max(initial=0.0)) < _SATURATED:
            return False
        return self._without_information(theta)

    def _without_information(self, theta: Numpy) -> bool:
        hessian = self.kernel.totals(theta, 2).hessian
        if hessian is None or not np.isfinite(hessian).all():
            return True
        return bool(np.linalg.eigvalsh(-hessian)[0] < UNKNOWN)

    # After the fit ------------------------------------------------------------------------------

    def situation_opg(self, theta: Numpy) -> Numpy | None:
        """Return the outer products of the scores of situations, ``(k, k)``, where they exist."""
        return None

    def products_by_situation(self, scores: Numpy) -> Numpy:
        """Sum the outer products of situations' scores ``(s, k)``, each by its person's weight."""
        weights = self.weights.in_scores
        if weights is None:
            return np.asarray(scores.T @ scores)
        return np.asarray(scores.T @ (scores * weights[self.data.person_of][:, None]))

    def residuals(self, params: Numpy) -> Numpy:
        """Return chosen minus fitted probability of each row, ``(n,)``."""
        assert self.table is not None
        state, table = self.state(), self.table
        sets = choice_sets(state, table, self.roles)
        names = [*self.parameter_names, *self.held]
        values = np.concatenate([params, np.array(list(self.held.values()), dtype=np.float64)])
        series = pd.Series(values, index=pd.Index(names, dtype=object))
        found = np.full(table.nrows, np.nan)
        found[sets.rows] = probabilities(
            self.settings, state, series, sets, self.specification.seed
        )
        return np.asarray(self.design.outcome - found[self.design.rows])

    def state(self) -> ChoiceState:
        """Return the state for later predictions, with the unit of the scores."""
        data = self.data
        return ChoiceState(
            dict(zip(data.names, self.scales.tolist(), strict=True)),
            design=data.design.state,
            kept=list(data.kept),
            columns=list(data.names),
            alternatives=list(data.labels),
            persons=data.persons,
            unit="person" if self.settings.panel else "choice situation",
            held=dict(self.held),
            scale=None if self.scale is None else self.scale.state(),
        )


def _scales(moved: Numpy) -> Numpy:
    """Return the root mean square of each column's differences, ``(p,)``."""
    sizes = np.sqrt(np.einsum("ij,ij->j", moved, moved) / max(len(moved), 1))
    return np.where(sizes > 0, sizes, 1.0)


def named(names: Sequence[str], prefix: str) -> tuple[str, ...]:
    """Return names after a prefix and a dot."""
    return tuple(f"{prefix}.{name}" for name in names)
