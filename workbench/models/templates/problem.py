"""A linear-index template joined with its data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from workbench.backends import Backend, backend_named
from workbench.covariances import ClusterMeat, Curvature
from workbench.covariances.score_sums import grouped_sums, row_scores, score_sums
from workbench.data.design import Design
from workbench.errors import LikelihoodError
from workbench.estimation.objective import ScaledObjective
from workbench.estimation.problem import Problem
from workbench.estimation.procedure import Optimized
from workbench.estimation.separation_evidence import SeparationEvidence
from workbench.estimation.specification import Specification
from workbench.kernels.likelihood.linear_predictor import LinearIndexKernel
from workbench.kernels.likelihood.separation import (
    Separation,
    separating_direction,
    single_separator,
    vanishing_direction,
)
from workbench.kernels.linear.gram import pull
from workbench.kernels.linear.moments import GaussianMoments
from workbench.likelihoods import LinearIndex, Support
from workbench.likelihoods.base import total
from workbench.models.design.checks import check_enough_rows, check_names, check_outcome
from workbench.models.design.clusters import notes_on_clusters
from workbench.models.design.columns import prepare_columns
from workbench.models.design.results import FormulaState
from workbench.models.design.scaling import INTERCEPT, outcome_scale, scaling_of
from workbench.models.design.weights import weights_of
from workbench.models.templates.coordinates import TemplateCoordinates
from workbench.protocols import Numpy

# The separating direction's elements are at most 1; smaller ones than this are rounding.
_IN_DIRECTION = 1e-5


class TemplateProblem(Problem):
    """The objective of a template, its start, and the facts at any point."""

    def __init__(self, template: LinearIndex, specification: Specification, design: Design) -> None:
        super().__init__(specification, design)
        self.template = template
        self._last: tuple[Numpy, Numpy, list[Numpy]] | None = None
        self._score: tuple[Numpy, Numpy] | None = None
        self.title = template.title  # type: ignore[misc]
        self.nuisance = template.nuisance
        self.depvar = design.outcome_name
        self.dropped, self.clusters = dict(design.dropped), dict(design.clusters)
        self.notes = tuple(design.notes)
        for name, codes in self.clusters.items():
            self.notes += notes_on_clusters(codes, name)
        check_outcome(template, design)
        self._prepare(weights_kind=specification.weight_kind)

    def _prepare(self, weights_kind: str) -> None:
        design, template = self.design, self.template
        y, offset = design.outcome, design.offset
        self.weights = weights_of(design.weights, weights_kind, len(y))
        self.observations = self.weights.observations
        if template.scales_outcome and offset is not None:
            y, offset = y - offset, None
        centre, spread = outcome_scale(y, design.names) if template.scales_outcome else (0.0, 1.0)
        self.y = (y - centre) / spread if template.scales_outcome else y
        self.offset = offset
        self.columns = prepare_columns(
            design.matrix, self.y, self.weights.values, design.names, self.specification.collinear
        )
        self.left_out = self.columns.left_out
        self.parameter_names = (*self.columns.names, *template.nuisance)
        check_names(self.parameter_names)
        check_enough_rows(len(y), (*design.names, *template.nuisance), design.names)
        self.coordinates = self._coordinates(centre, spread)

    def _coordinates(self, centre: float, spread: float) -> TemplateCoordinates:
        columns = self.columns
        intercept = columns.names.index(INTERCEPT) if INTERCEPT in columns.names else None
        scaling = scaling_of(columns.moments, columns.names)
        return TemplateCoordinates(
            self.template, scaling, columns.shifts, intercept, centre, spread
        )

    @property
    def column_sd(self) -> Mapping[str, float]:
        """Standard deviations of the regressors, by name."""
        spreads = self.coordinates.scaling.spreads.tolist()
        pairs = zip(self.columns.names, spreads, strict=True)
        return {name: sd for name, sd in pairs if name != INTERCEPT}

    # What the optimizer needs -------------------------------------------------------------------

    @property
    def backend(self) -> Backend:
        """The backend the specification asks for."""
        asked = self.specification
        return backend_named(asked.backend, asked.device, asked.dtype)

    @cached_property
    def kernel(self) -> LinearIndexKernel:
        """The sums over the rows, made when first asked for."""
        return LinearIndexKernel(
            self.template.contributions,
            self.backend,
            self.y,
            self.columns.x,
            self.offset,
            self.weights.values,
            len(self.template.nuisance),
        )

    @property
    def procedure(self) -> Optimized:
        """By an optimizer."""
        return Optimized(self.objective)

    def objective(self) -> ScaledObjective:
        """Return the objective; the Gaussian's comes from second moments alone."""
        return self._objective

    @cached_property
    def _objective(self) -> ScaledObjective:
        asked = self.specification
        kernel: Any = self.kernel
        if self.template.scales_outcome and asked.dtype == "float64":
            kernel = GaussianMoments(self.columns.moments)
        return ScaledObjective(kernel, self.coordinates.raw, self.observations, asked.backend)

    @cached_property
    def start(self) -> Numpy:
        """Start values from the template's closed form, then the person's own."""
        moments = self.columns.moments if self.weights.values is None else None
        found = self.template.start(self.y, self.columns.x, self.offset, moments)
        raw = np.concatenate([found.coefficients, found.nuisance])
        return self.walked_start(np.linalg.solve(self.coordinates.raw, raw))

    def shown(self, theta: Numpy) -> Numpy:
        """Return the parameters shown, shape ``(k,)``."""
        return self.coordinates.shown(theta)

    def walked(self, params: Numpy) -> Numpy:
        """Return walked coordinates from parameters shown."""
        return self.coordinates.walked(params)

    # Facts at a point ---------------------------------------------------------------------------

    def loglik(self, theta: Numpy) -> float:
        """Return the log-likelihood, in nats, in the outcome's own units."""
        value = total(self._rows(theta)[0], self.weights.values)
        return value - self.observations * self.objective_shift

    @property
    def objective_shift(self) -> float:
        """The log of what the outcome was divided by, in nats per observation."""
        return float(np.log(self.coordinates.outcome_spread))

    def loglik_null(self) -> float | None:
        """Return the log-likelihood of the constant alone."""
        design = self.design
        return self.template.null_loglik(design.outcome, self.weights.values, design.offset)

    def score(self, theta: Numpy) -> Numpy:
        """Return the total score from the rows, shape ``(k,)``."""
        if self._score is None or not np.array_equal(self._score[0], theta):
            self._score = (theta.copy(), self._summed(self._rows(theta)[1]))
        return self._score[1]

    def _summed(self, first: list[Numpy]) -> Numpy:
        weights = self.weights.values
        rows = [d if weights is None else weights * d for d in first]
        sums = [pull(self.columns.x, rows[0]), *(np.atleast_1d(d.sum()) for d in rows[1:])]
        return np.asarray(self.coordinates.raw.T @ np.concatenate(sums))

    def _rows(self, theta: Numpy) -> tuple[Numpy, list[Numpy]]:
        """Return each row's log-likelihood and derivatives, kept for the point asked last."""
        if self._last is None or not np.array_equal(self._last[0], theta):
            self._last = (theta.copy(), *self.kernel.rows(self.coordinates.raw @ theta))
        return self._last[1:]

    def curvature(self, theta: Numpy, *, scores: bool = True) -> Curvature:
        """Return the Hessian, and the sums of scores where asked."""
        hessian = self.objective().evaluate(theta, 2).hessian
        assert hessian is not None
        opg = self._opg(theta) if scores else None
        jacobian = self.coordinates.jacobian(theta)
        return self.curved(theta, -hessian * self.observations, jacobian, opg, scores=scores)

    def _opg(self, theta: Numpy) -> Numpy:
        raw, (_, first) = self.coordinates.raw, self._rows(theta)
        return score_sums(self.columns.x, first, self.weights.in_scores, raw)

    def cluster_meat(self, theta: Numpy, codes: Any) -> ClusterMeat:
        """Return the outer products of the scores summed by cluster."""
        raw, (_, first) = self.coordinates.raw, self._rows(theta)
        return grouped_sums(self.columns.x, first, self.weights.values, codes, raw)

    def score_rows(self, theta: Numpy) -> Numpy:
        """Return the weighted score of each row, ``(n, k)``."""
        raw, (_, first) = self.coordinates.raw, self._rows(theta)
        return row_scores(self.columns.x, first, self.weights.values, raw)

    def check_start(self, theta: Numpy) -> None:
        """Refuse a start whose log-likelihood is not finite in some row."""
        if np.isfinite(self.objective().evaluate(theta, 2).value):
            return
        values, first = self._rows(theta)
        bad = ~np.isfinite(values) | ~np.all([np.isfinite(d) for d in first], axis=0)
        if not bad.any():
            return
        row = int(np.flatnonzero(bad)[0])
        params = self.shown(theta)
        pull = np.abs(self.columns.x[row] * params[: len(self.columns.names)])
        name = self.columns.names[int(pull.argmax())] if pull.size else self.parameter_names[0]
        value = params[self.parameter_names.index(name)]
        raise LikelihoodError(
            f"The log-likelihood is not finite at the start: {int(bad.sum())} rows, the first is "
            f"row {int(self.design.rows[row])}, where {name} = {value:.4g} weighs most.",
            hint=f'a start value of {name} nearer to zero, as in start={{"{name}": 0.0}}.',
            code="start-not-finite",
            where=name,
        )

    def separation(self, theta: Numpy) -> SeparationEvidence | None:
        """Look for separation once, when fitted probabilities first saturate."""
        if self.template.saturation is None or hasattr(self, "_separation_seen"):
            return None
        index = self.kernel.index(self.coordinates.raw @ theta)
        if float(np.abs(index).max(initial=0.0)) < self.template.saturation:
            return None
        self._separation_seen = True
        counts = self.template.support is Support.COUNT
        search = vanishing_direction if counts else separating_direction
        found = search(self.y, self.columns.x)
        return None if found is None else self._evidence(found)

    def _evidence(self, found: Separation) -> SeparationEvidence:
        names, x = self.columns.names, self.columns.x
        part = [
            j
            for j, d in enumerate(found.direction)
            if abs(d) > _IN_DIRECTION and names[j] != INTERCEPT
        ]
        for j in part if found.complete else ():
            if gap := single_separator(self.y, x[:, j]):
                return self._split_by(j, gap)
        listed = tuple(names[j] for j in part)
        what = "= 0 exactly" if self.template.support is Support.COUNT else "exactly"
        how = what if found.complete else f"{what} in {found.rows} of {len(self.y)} rows"
        together = " and ".join(listed) + (" together predict" if len(listed) > 1 else " predicts")
        return SeparationEvidence(listed, f"{together} {self.depvar} {how}.", found.complete)

    def _split_by(self, j: int, gap: tuple[float, float]) -> SeparationEvidence:
        name, column = self.columns.names[j], self.columns.x[:, j] + self.columns.shifts[j]
        below = column <= gap[0] + self.columns.shifts[j]
        low, high = _span(column[below]), _span(column[~below])
        counts = [
            [int(((self.y == value) & side).sum()) for side in (below, ~below)] for value in (0, 1)
        ]
        table = {
            "columns": [f"{name} {low}", f"{name} {high}"],
            "rows": [[f"{self.depvar} = {value}", *row] for value, row in enumerate(counts)],
        }
        return SeparationEvidence((name,), f"{name} predicts {self.depvar} exactly.", True, table)

    def residuals(self, params: Numpy) -> Numpy:
        """Return outcome minus fitted mean, shape ``(n,)``."""
        p = len(self.columns.names)
        index = self.design.matrix[:, list(self.columns.kept)] @ params[:p]
        if self.design.offset is not None:
            index = index + self.design.offset
        return self.design.outcome - self.template.mean(index, params[p:])

    def state(self) -> FormulaState:
        """Return the formula's state, the columns kept and the outcome's levels."""
        levels = self.design.outcome_levels
        return FormulaState(
            self.column_sd,
            design=self.design.state,
            kept=self.columns.kept,
            offset=self.specification.offset,
            levels=None if levels is None else list(levels),
        )


def _span(values: Numpy) -> str:
    low, high = float(values.min()), float(values.max())
    return f"= {low:g}" if low == high else f"{low:g} to {high:,g}"
