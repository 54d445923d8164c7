"""A person's own likelihood joined with its data."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np

from workbench.backends import Array, Backend, backend_named
from workbench.covariances import ClusterMeat, Curvature, groupings
from workbench.covariances.evidence import Need
from workbench.covariances.score_sums import grouped_sums
from workbench.data.design import Design
from workbench.errors import LikelihoodError, WorkbenchError
from workbench.estimation.objective import ScaledObjective
from workbench.estimation.problem import Problem
from workbench.estimation.procedure import Optimized
from workbench.estimation.specification import Specification
from workbench.kernels.likelihood.generic import GenericKernel
from workbench.models.custom.coordinates import DeclaredCoordinates
from workbench.models.custom.output_limit import OutputLimit, limited
from workbench.models.custom.parameters import Parameter
from workbench.models.design.checks import check_enough_rows, check_names
from workbench.models.design.columns import prepare_columns
from workbench.models.design.results import FormulaState
from workbench.models.design.scaling import Scaling, scaling_of_columns
from workbench.models.design.weights import weights_of
from workbench.protocols import Numpy

RowsFunction = Callable[[Mapping[str, Array], Mapping[str, Array], Backend], Array]
"""``rows(params, columns, xp)``: one log-likelihood per unit, from natural parameters."""


# In units of the log or the logistic scale; at an inner maximum a last step is below 1e-4 of
# a standard error.
_STILL_MOVING = 0.1
# Far enough from the start that a derivative which is zero by chance is not zero again.
_NEARBY = 0.0437


class NoSuchNameError(KeyError, AttributeError):
    """A parameter or a column that a person's function reads and that is not there."""

    def __str__(self) -> str:
        return str(self.args[0])


class Named(dict[str, Any]):
    """A mapping with entries that are also attributes: ``data["wage"]`` or ``data.wage``."""

    def __missing__(self, name: str) -> Any:
        raise NoSuchNameError(f"there is no {name!r} among {', '.join(self)}")

    def __getattr__(self, name: str) -> Any:
        return self[name]


@dataclass(frozen=True)
class OwnLikelihood:
    """What a custom function and a likelihood body have in common.

    Attributes
    ----------
    title
        What the tables call it.
    rows
        The log-likelihood of each unit.
    parameters
        Declared start values and bounds by name.
    units
        Unit of each row as codes ``(n,)`` for a likelihood by unit, or None.
    linear
        Whether the design's columns enter as ``eta`` with coefficients of their own.
    """

    title: str
    rows: RowsFunction
    parameters: Mapping[str, Parameter]
    units: Any = None
    linear: bool = False


@final
class CustomProblem(Problem):
    """The objective of a person's own likelihood, by automatic differentiation throughout."""

    def __init__(self, own: OwnLikelihood, specification: Specification, design: Design) -> None:
        super().__init__(specification, design)
        self.own = own
        self.title = own.title  # type: ignore[misc]
        self.depvar = design.outcome_name
        self.dropped, self.notes = dict(design.dropped), tuple(design.notes)
        self.further_parameters = tuple(own.parameters) if own.linear else ()
        self._prepare()
        self.kernel = self._kernel()

    def _prepare(self) -> None:
        design, own = self.design, self.own
        rows = len(design.rows)
        if own.linear:
            columns = prepare_columns(
                design.matrix, design.outcome, None, design.names, self.specification.collinear
            )
            self.left_out, self.x, names = columns.left_out, columns.x, columns.names
            self.notes += columns.notes
            scaling, prepared, self.kept = (
                scaling_of_columns(columns),
                columns.to_coefficients,
                columns.kept,
            )
        else:
            names, prepared, self.kept = (), np.empty((0, 0)), ()
            self.x, scaling = np.empty((rows, 0)), Scaling(np.empty((0, 0)), np.empty(0))
        self._sd = dict(zip(names, scaling.sd.tolist(), strict=True))
        self.coordinates = DeclaredCoordinates(own.parameters, scaling, prepared)
        self.parameter_names = (*names, *own.parameters)
        check_names(self.parameter_names)
        check_enough_rows(rows, self.parameter_names, ())
        self._count_units(rows)

    def _count_units(self, rows: int) -> None:
        units, weights = self.own.units, self.design.weights
        self.units = int(units.max()) + 1 if units is not None else rows
        first = None if units is None else np.unique(units, return_index=True)[1]
        if weights is not None and first is not None:
            weights = weights[first]
        self.weights = weights_of(weights, self.specification.weight_kind, self.units)
        self.observations = self.weights.observations
        codes = self.design.clusters
        self.clusters = {
            name: code if first is None else code[first]
            for name, code in codes.items()
            if name in groupings(self.specification.clusters)
        }

    @property
    def backend(self) -> Backend:
        """The backend of the specification."""
        specification = self.specification
        return backend_named(specification.backend, specification.device, specification.dtype)

    def _kernel(self) -> GenericKernel:
        xp = self.backend
        with xp.scope():
            arrays = {name: xp.array(column) for name, column in self._columns().items()}
            x, a = xp.array(self.x), xp.array(self.coordinates.scaling.matrix)
            offset = None if self.design.offset is None else xp.array(self.design.offset)
        p, own, limit = self.coordinates.coefficients, self.own, OutputLimit()

        def rows(theta: Array) -> Array:
            params = Named(self._natural(theta, xp))
            columns = Named(arrays)
            if own.linear:
                eta = x @ (a @ theta[:p])
                columns["eta"] = eta if offset is None else eta + offset
            with limited(limit):
                return _guarded(own.rows, params, columns, xp)

        self._probe(rows, xp)
        self._check_unchanged(arrays, xp)
        return GenericKernel(rows, xp, len(self.parameter_names), self.weights.values)

    def _columns(self) -> dict[str, Numpy]:
        columns = {name: np.array(column) for name, column in self.design.columns.items()}
        if self.own.linear:
            columns["y"] = self.design.outcome
        return columns

    def _natural(self, theta: Array, xp: Backend) -> dict[str, Array]:
        """Return the declared parameters on their natural scale, as scalars of the library."""
        p = self.coordinates.coefficients
        return {
            name: _into_bounds(theta[p + j], parameter, xp)
            for j, (name, parameter) in enumerate(self.own.parameters.items())
        }

    def _probe(self, rows: Callable[[Array], Array], xp: Backend) -> None:
        """Call the likelihood at two points, and turn failures into errors that name the line."""

        def gradient(theta: Numpy) -> Numpy:
            total = lambda u: xp.sum(rows(u))  # noqa: E731
            return xp.numpy(_guarded(xp.gradient, total, xp.array(theta))[1])

        with xp.scope():
            values = _guarded(rows, xp.array(self.start))
            self._check_values(values, xp)
            if np.isfinite(xp.numpy(values)).all():
                self._check_gradient(gradient(self.start), gradient(self.start + _NEARBY))

    def _check_unchanged(self, arrays: Mapping[str, Array], xp: Backend) -> None:
        """Refuse a function that writes into the columns it is given."""
        for name, column in self._columns().items():
            with xp.scope():
                same = np.array_equal(xp.numpy(xp.array(column)), xp.numpy(arrays[name]), True)
            if not same:
                raise LikelihoodError(
                    f"The log-likelihood changes the column {name} while it computes.",
                    hint=f'work on a new array, as in {name} = data["{name}"] * 2.',
                    code="changes-data",
                    where=name,
                )

    def _check_values(self, values: Any, xp: Backend) -> None:
        if not type(values).__module__.startswith(xp.name):
            raise LikelihoodError(
                f"The log-likelihood came back as {type(values).__name__}, not as an array of "
                f"{xp.name}.",
                hint=f'write it in {xp.name} operations, or choose the other backend="...".',
                code="wrong-library",
            )
        if tuple(values.shape) != (self.units,):
            shape = tuple(values.shape)
            what = "one number" if shape == () else f"an array of shape {shape}"
            raise LikelihoodError(
                f"The log-likelihood is {what}; it must have one value per observation, shape "
                f"({self.units},).",
                hint="leave the sum or mean out; the workbench adds the rows up.",
                code="loglik-shape",
            )
        if self.specification.dtype == "float64" and "64" not in str(values.dtype):
            raise LikelihoodError(
                f"The log-likelihood came back in {values.dtype}, though the run is in float64.",
                hint="make the arrays that the function holds float64 as well.",
                code="lost-precision",
            )

    def _check_gradient(self, here: Numpy, nearby: Numpy) -> None:
        names = self.parameter_names
        if len(bad := np.flatnonzero(~np.isfinite(here))):
            name = names[int(bad[0])]
            raise LikelihoodError(
                f"The log-likelihood is finite at the start, but its derivative by {name} is not.",
                hint="look for sqrt or log at zero; where() must guard what goes in.",
                code="gradient-not-finite",
                where=name,
            )
        if len(none := np.flatnonzero((here == 0) & (nearby == 0))):
            name = names[int(none[0])]
            raise LikelihoodError(
                f"The log-likelihood does not depend on {name}: its derivative is zero.",
                hint="keep .item(), .detach(), float() and numpy calls out of the function.",
                code="no-dependence",
                where=name,
            )

    @cached_property
    def start(self) -> Numpy:
        """Declared start values; a formula's coefficients start at zero."""
        return self.unconstrained_start(self.coordinates.start)

    @property
    def procedure(self) -> Optimized:
        """By an optimizer."""
        return Optimized(self.objective)

    def objective(self) -> ScaledObjective:
        """Return the objective; the kernel works in unconstrained parameters already."""
        size = len(self.parameter_names)
        return ScaledObjective(
            self.kernel, np.eye(size), self.observations, self.specification.backend
        )

    def natural(self, theta: Numpy) -> Numpy:
        """Return natural parameters, shape ``(k,)``."""
        return self.coordinates.natural(theta)

    def unconstrained(self, params: Numpy) -> Numpy:
        """Return unconstrained parameters from natural parameters."""
        return self.coordinates.unconstrained(params)

    def loglik(self, theta: Numpy) -> float:
        """Return the log-likelihood as the function states it, in nats."""
        return self.kernel.totals(theta, 0).value

    def score(self, theta: Numpy) -> Numpy:
        """Return the total score, shape ``(k,)``."""
        gradient = self.kernel.totals(theta, 1).gradient
        assert gradient is not None
        return gradient

    def curvature(self, theta: Numpy, *, scores: bool = True) -> Curvature:
        """Return the Hessian, and the sums of scores where they are needed."""
        hessian, opg = self.kernel.totals(theta, 2).hessian, None
        assert hessian is not None
        if scores:
            s, factor = self.kernel.scores(theta), self.weights.in_scores
            opg = s.T @ (s if factor is None else s * factor[:, None])
        return self.curved(theta, hessian, self.coordinates.jacobian(theta), opg, scores=scores)

    def cluster_meat(self, theta: Numpy, codes: Any) -> ClusterMeat:
        """Return the outer products of the scores summed by cluster."""
        scores = self.kernel.scores(theta)
        ones = [np.ones(len(scores))]
        return grouped_sums(scores, ones, self.weights.values, codes, np.eye(scores.shape[1]))

    @property
    def has(self) -> frozenset[Need]:
        """What standard errors can be computed from: no scores by row where units have several."""
        return super().has if self.own.units is None else super().has - {Need.ROW_SCORES}

    def score_rows(self, theta: Numpy) -> Numpy:
        """Return the weighted score of each row, ``(n, k)``."""
        if self.own.units is not None:
            return super().score_rows(theta)
        scores, weights = self.kernel.scores(theta), self.weights.values
        return scores if weights is None else scores * weights[:, None]

    def at_bound(self, newton_step: Numpy) -> tuple[int, ...]:
        """Return the parameters that a Newton step still moves far towards their bound.

        On the unconstrained scale a bound is infinitely far away: there the gain of a step goes
        to zero while its length does not.
        """
        p = self.coordinates.coefficients
        declared = enumerate(self.own.parameters.values(), start=p)
        bounded = [j for j, q in declared if np.isfinite(q.lower) or np.isfinite(q.upper)]
        return tuple(j for j in bounded if abs(newton_step[j]) > _STILL_MOVING)

    def check_start(self, theta: Numpy) -> None:
        """Refuse a start where the log-likelihood of some unit is not finite."""
        values = self.kernel.rows(theta)
        bad = np.flatnonzero(~np.isfinite(values))
        if not len(bad):
            return
        row = int(bad[0]) if self.own.units is not None else int(self.design.rows[bad[0]])
        whom = "unit" if self.own.units is not None else "row"
        noun = whom if len(bad) == 1 else f"{whom}s"
        pairs = zip(self.parameter_names, self.natural(theta), strict=True)
        starts = ", ".join(f"{name} = {value:.4g}" for name, value in pairs)
        raise LikelihoodError(
            f"The log-likelihood is not finite at the start ({starts}): {len(bad)} {noun}, the "
            f"first is {whom} {row} with {_written(values[bad[0]])}.",
            hint="other start values; declare what must be positive, by wb.positive(1.0) in Python "
            "and by s > 0 in a cell.",
            code="start-not-finite",
            where=self.parameter_names[0],
        )

    def state(self) -> FormulaState:
        """Return the formula's state where there is a formula."""
        return FormulaState(self._sd, design=self.design.state, kept=list(self.kept))


def _written(value: float) -> str:
    """Write what is not finite."""
    return "no number" if np.isnan(value) else "∞" if value > 0 else "−∞"


def _into_bounds(u: Array, parameter: Parameter, xp: Backend) -> Array:
    """Map a number of the line into the parameter's interval, in the library's arrays."""
    lower, upper = parameter.lower, parameter.upper
    if np.isfinite(lower) and np.isfinite(upper):
        return lower + (upper - lower) * xp.sigmoid(u)
    if np.isfinite(lower):
        return lower + xp.exp(u)
    return upper - xp.exp(-u) if np.isfinite(upper) else u


def _guarded(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a person's function; what it raises comes back as one sentence with its line."""
    try:
        return function(*arguments)
    except WorkbenchError:
        raise
    except (Exception, SystemExit) as error:
        line, text = _last_line(error)
        said = next(iter(str(error).strip().splitlines()), "") or "no message"
        raise LikelihoodError(
            f"The log-likelihood fails with {type(error).__name__}: {said}",
            hint=f"look at line {line}: {text}"
            if text
            else "call it by hand with the start values.",
            code="function-failed",
            where=f"line {line}",
        ) from error


def _last_line(error: BaseException) -> tuple[int, str]:
    """Return the last line outside this package and the libraries, with its text."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and "workbench" not in f.filename]
    chosen = own[-1] if own else frames[-1]
    return chosen.lineno or 0, (chosen.line or "").strip()
