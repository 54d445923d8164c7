"""Poisson, logit and negative binomial regression with absorbed fixed effects."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Sequence
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np

from workbench.covariances import ClusterMeat, Curvature, EstimationMethod
from workbench.covariances.score_sums import grouped_sums, row_scores, score_sums
from workbench.data.design import Design
from workbench.demeaners.base import DemeanStep
from workbench.errors import DataError, FormulaError, OptionError
from workbench.estimation.control import Control
from workbench.estimation.inner_trace import Demeaning
from workbench.estimation.procedure import OwnSteps
from workbench.estimation.separation_evidence import SeparationEvidence
from workbench.estimation.specification import Specification
from workbench.kernels.linear.gram import cross_product, gram, times
from workbench.likelihoods.base import normal_equations
from workbench.models.design.checks import check_names, check_outcome
from workbench.models.design.scaling import deviations
from workbench.models.fixed_effects.effects import Effects, recovered
from workbench.models.fixed_effects.families import Family
from workbench.models.fixed_effects.irls import IRLS, NewtonStep, Point
from workbench.models.fixed_effects.problem import FixedEffectsProblem
from workbench.models.fixed_effects.regressors import Projected, project
from workbench.models.fixed_effects.results import FeglmState
from workbench.models.fixed_effects.separation import (
    SEPARATED,
    Mask,
    informative,
    separated_by_simplex,
    separated_rows,
)
from workbench.optimizers.newton import Newton
from workbench.protocols import Iterate, Numpy

# A row with an index that still moves so far in a step has not converged, whatever its weight.
_STILL_MOVING = 0.1
# Along a direction that never ends each step is about one: that far, separation is looked for
# when the decrement is below the first of these, and again a thousandfold lower.
_MOVING_ON = 0.5
_FIRST_LOOK, _LOOK_AGAIN = 1e-2, 1e-3
_CONCENTRATED, _MOST_HELD = 1e-12, 50
_SAME = 1e-12
# With so many rows a level on average the logit's bias is about a twentieth.
_FEW_ROWS = 20
_POINTS = 3


@final
class FeglmProblem(FixedEffectsProblem):
    r"""A likelihood with absorbed effects, maximized by Newton's method over all parameters.

    Each step is a weighted least-squares problem with columns demeaned again, from where the
    last step left them and as exactly as the step needs.  For the Poisson and the logit that
    is iteratively reweighted least squares.  The decrement is that of slopes and effects together.

    Rows that regressors or effects predict exactly are left out, and counted by reason.

    References
    ----------
    Correia, Guimarães and Zylkin (2020), "Fast Poisson estimation with high-dimensional fixed
    effects", Stata Journal 20(1); Stammann (2018); Bergé (2018) for the negative binomial.
    """

    family: ClassVar[EstimationMethod] = "likelihood"

    def __init__(self, family: type[Family], specification: Specification, design: Design) -> None:
        self.kind = family
        _check_options(specification, design, self.kind.title)
        check_outcome(self.kind, design)
        super().__init__(specification, informative(design, self.kind, specification.fixef_rm))
        title = self.kind.title if self.factors.members else self.kind.title.partition(",")[0]
        self.title = title  # type: ignore[misc]
        self.further_parameters = self.kind.further_parameters
        self.parameter_names = (*self.layout.regressors, *self.further_parameters)
        check_names(self.parameter_names)
        self.notes += self._notes_on_small_groups()
        self._look_below = _FIRST_LOOK
        self._none_left: SeparationEvidence | None = None
        self._record: tuple[Demeaning, float] | None = None
        self._points: deque[Point] = deque(maxlen=_POINTS)
        self._step: tuple[Point, NewtonStep] | None = None
        self.irls = self._irls()

    def _irls(self) -> IRLS:
        design = self.design
        rows = self.kind(design.outcome, self.weights.values)
        return IRLS(rows, design.matrix, design.offset, self.factors, self.demeaner)

    def _notes_on_small_groups(self) -> tuple[str, ...]:
        if not self.kind.biased_by_few_rows or not self.factors.members:
            return ()
        worst = max(self.factors.members, key=lambda member: member.levels)
        rows = len(worst.codes) / worst.levels
        if rows >= _FEW_ROWS:
            return ()
        return (
            f"The levels of {worst.name} have {rows:.1f} rows on average: the slopes of a logit "
            "with estimated effects are then too far from zero (incidental parameters).",
        )

    @property
    def procedure(self) -> OwnSteps:
        """By Newton's method, on slopes and effects together."""
        return OwnSteps(self.steps)

    @property
    def estimated(self) -> tuple[str, ...]:
        """Names of the slopes that are neither absorbed nor collinear, and what follows."""
        return (*self.projected.names, *self.further_parameters)

    # Beginning ----------------------------------------------------------------------------------

    def demean(self, control: Control, into: Demeaning, clock: float) -> None:
        """Take the effects out under the weights of a first index, and solve once."""
        self.irls.control = control
        self._record = (into, clock)
        self._begin(self.irls.family.first_index())

    def _listen(self, places: Sequence[int]) -> None:
        """Record the next demeanings; their columns have these places among all."""
        if self._record is None:
            return
        into, clock = self._record
        names = (self.depvar, *self.parameter_names)
        self.irls.on_demean = lambda tolerance: into.begin(names, tolerance)

        def record_step(step: DemeanStep) -> None:
            figures = {name: _at_places(f, places, len(names)) for name, f in step.figures.items()}
            residuals = _at_places(step.residuals, places, len(names))
            whole = DemeanStep(step.iteration, residuals, figures)
            into.take(whole, time.perf_counter() - clock)

        self.irls.on_demean_step = record_step

    def _begin(self, index: Numpy) -> None:
        """Take one step of reweighted least squares from an index that need not be the model's."""
        design, irls = self.design, self.irls
        further = irls.family.further_start(index) if self.further_parameters else np.empty(0)
        irls.x = design.matrix
        here = irls.at(np.concatenate([np.zeros(design.matrix.shape[1]), further]), index)
        h = irls.curvature(here)
        working = index - irls.offset + irls.weighted(here.rows.first) / h
        columns = np.column_stack([working, design.matrix])
        if any(member.slope is None for member in self.factors.members):
            columns -= np.average(columns, axis=0, weights=h)
        lengths = np.sqrt(np.einsum("i,ij,ij->j", h, columns, columns))
        self._listen(range(columns.shape[1]))
        clean = irls.demeaned(columns, h, self.demeaner.tol)
        found = project(clean, lengths, self.layout, h, self.least_share)
        self.projected = self._without_collinear(found, int(self.observations))
        square, right = gram(found.x, np.sqrt(h)), cross_product(found.x, h * found.y)
        slopes = normal_equations(square, right)
        irls.x = np.ascontiguousarray(self._combined(columns[:, 1:], found))
        rest = found.y - times(found.x, slopes)
        index = irls.offset + working - rest
        if self.further_parameters:
            further = irls.family.further_start(index)
        self._first = irls.at(np.concatenate([slopes, further]), index)
        self._before = found.x
        self._listen(self._places)

    def _combined(self, x: Numpy, found: Projected) -> Numpy:
        """Return the regressors before demeaning, combined as the demeaned ones are."""
        if found.mixing is None:
            return self.design.matrix[:, list(found.kept)]
        return x[:, list(found.kept)] @ found.mixing if self.factors.members else found.x

    @property
    def _places(self) -> list[int]:
        """The places of what is demeaned in a step: outcome, slopes, further parameter."""
        first = 1 + len(self.layout.regressors)
        further = range(first, first + len(self.further_parameters))
        return [0, *(1 + j for j in self.projected.kept), *further]

    def _first_projected(self) -> Projected:
        """Demean under the weights of a first index; the steps find the others."""
        self._begin(self.irls.family.first_index())
        return self.projected

    @cached_property
    def start(self) -> Numpy:
        """The first step's solution, replaced by the user's start values where given."""
        if not hasattr(self, "_first"):
            self._begin(self.irls.family.first_index())
        return self.unconstrained_start(self._first.theta)

    def natural(self, theta: Numpy) -> Numpy:
        """Return slopes and natural further parameters, NaN for those left out."""
        values = np.full(len(self.parameter_names), np.nan)
        k = len(self.projected.kept)
        values[list(self.projected.kept)] = self.projected.to_slopes @ theta[:k]
        values[len(self.layout.regressors) :] = np.exp(theta[k:])
        return values

    def unconstrained(self, params: Numpy) -> Numpy:
        """Return what is estimated, the further parameters as logs."""
        theta = params[np.isfinite(params)].copy()
        k = len(self.projected.kept)
        if self.projected.mixing is not None:
            theta[:k] = np.linalg.solve(self.projected.mixing, theta[:k])
        if self.further_parameters:
            theta[-1] = np.log(theta[-1])
        return theta

    # Steps ---------------------------------------------------------------------------------------

    def steps(self, control: Control, start: Numpy) -> Generator[Iterate, None, None]:
        """Yield the start and then each step, with the decrement of slopes and effects."""
        irls = self.irls
        irls.control = control
        point = self._first if np.array_equal(start, self._first.theta) else self._held(start)
        step: NewtonStep | None = None
        number, length = 0, 0.0
        while True:
            step = self.irls.newton_step(point, step)
            if self._none_left is None and self._leads_on(step) and self._left_out(step):
                self._begin(point.index[self._kept_rows])
                point, step = self._first, None
                continue
            self._points.append(point)
            self._step = (point, step)
            self.record = self.irls.record
            yield self._iterate(number, point, step, length)
            new = self.irls.moved(point, step)
            if new is None:
                return
            length = float(np.linalg.norm(new.theta - point.theta))
            point, number = new, number + 1

    def _iterate(self, number: int, point: Point, step: NewtonStep, length: float) -> Iterate:
        objective = -point.loglik / self.observations
        steepest = float(np.abs(step.score).max(initial=0.0)) / self.observations
        figures = (number, point.theta, objective, steepest, length, step.decrement)
        return Iterate(*figures, evaluations=self.irls.iterations)

    def _held(self, theta: Numpy) -> Point:
        """Return the point with these parameters and the likeliest effects."""
        irls, first = self.irls, self._first
        p = irls.x.shape[1]
        index = first.index + times(self._before, theta[:p] - first.theta[:p])
        point = irls.at(theta, index)
        for _ in range(_MOST_HELD):
            step = irls.newton_step(point, effects_only=True)
            new = irls.moved(point, step) if (step.decrement or 0.0) > _CONCENTRATED else None
            if new is None:
                break
            point = new
        return point

    def _point(self, theta: Numpy) -> Point:
        """Return the last point with these parameters, or the likeliest with them."""
        for point in reversed(self._points):
            if np.allclose(point.theta, theta, rtol=_SAME, atol=_SAME):
                return point
        point = self._held(theta)
        self._points.append(point)
        return point

    def _step_at(self, theta: Numpy) -> tuple[Point, NewtonStep]:
        point = self._point(theta)
        if self._step is None or self._step[0] is not point:
            self._step = (point, self.irls.newton_step(point))
        return self._step

    # Separation ---------------------------------------------------------------------------------

    def _leads_on(self, step: NewtonStep) -> bool:
        """Return whether rows go on towards infinity with little gain."""
        if step.decrement is None or step.decrement > self._look_below:
            return False
        divergence = self.kind.divergence(self.design.outcome)
        if not (divergence * step.index_change > _MOVING_ON).any():
            return False
        self._look_below = _LOOK_AGAIN * step.decrement
        return True

    def _left_out(self, step: NewtonStep) -> bool:
        """Leave out the rows that are separated; return whether the optimization starts again."""
        design, irls = self.design, self.irls
        divergence = self.kind.divergence(design.outcome)
        irls.on_demean = irls.on_demean_step = None
        found = separated_rows(divergence, step.x, divergence * step.index_change, irls.demeaned)
        if found is None:
            found = separated_by_simplex(divergence, step.x, self.factors)
        if found is None or not found.any():
            self._listen(self._places)
            return False
        count = int(found.sum())
        if (fewer := self._fewer(~found, count)) is None:
            self._none_left = self._evidence(step, count)
            return False
        self._renew(fewer)
        return True

    def _fewer(self, keep: Mask, left_out: int) -> Design | None:
        """Return the design of these rows; None when they do not determine the outcome."""
        if not keep.any() or np.ptp(self.design.outcome[keep]) == 0:
            return None
        fewer = self.design.keeping(keep, {SEPARATED: left_out})
        try:
            return informative(fewer, self.kind, self.specification.fixef_rm)
        except DataError:
            return None

    def _renew(self, design: Design) -> None:
        """Go on with fewer rows."""
        self._kept_rows = np.isin(self.design.rows, design.rows)
        before = self.irls
        self._take_design(design)
        self._points.clear()
        self._step = None
        self.irls = self._irls()
        self.irls.control, self.irls.iterations = before.control, before.iterations

    def _evidence(self, step: NewtonStep, count: int) -> SeparationEvidence:
        names, x = self.projected.names, self.projected.of_regressors(step.x)
        slopes = self.projected.to_slopes @ step.direction[: len(names)]
        reach = np.abs(slopes) * np.abs(x).max(axis=0, initial=0.0)
        part = tuple(n for n, r in zip(names, reach, strict=True) if r > _STILL_MOVING)
        effects = [member.name for member in self.factors.members]
        together = " and ".join((*part, *effects))
        complete = count == len(self.design.outcome)
        rows = "" if complete else f" in {count:,} of {len(self.design.outcome):,} rows"
        verb = "together predict" if len(part) + len(effects) > 1 else "predicts"
        return SeparationEvidence(part, f"{together} {verb} {self.depvar} exactly{rows}.", complete)

    def separation(self, theta: Numpy) -> SeparationEvidence | None:
        """Raise the error that all rows are predicted exactly."""
        return self._none_left

    def has_converged(self, theta: Numpy) -> bool:
        """Return whether every row's index has converged and the demeaner reached its tolerance."""
        _, step = self._step_at(theta)
        return (
            not self.irls.shortfall
            and float(np.abs(step.index_change).max(initial=0.0)) <= _STILL_MOVING
        )

    def shortfall(self) -> str:
        """Return that the demeaner did not reach its tolerance; empty when it did."""
        return self.irls.shortfall

    # Facts at a point ---------------------------------------------------------------------------

    def score(self, theta: Numpy) -> Numpy:
        """Return the score with the effects concentrated out, ``(k,)``."""
        return self._step_at(theta)[1].score

    def decrement(self, curvature: Curvature, theta: Numpy) -> float | None:
        """Return the decrement of slopes and effects together."""
        return self._step_at(theta)[1].decrement

    def loglik(self, theta: Numpy) -> float:
        """Return the log-likelihood, in nats, every constant included."""
        return self._point(theta).loglik

    def loglik_null(self) -> float | None:
        """Return the log-likelihood of the constant alone, of the rows used."""
        return self.irls.family.null_loglik(self.design.offset)

    def at_bound(self, newton_step: Numpy) -> tuple[int, ...]:
        """Return the further parameter when a step still moves it far towards its bound."""
        moves = self.further_parameters and abs(float(newton_step[-1])) > _STILL_MOVING
        return (len(newton_step) - 1,) if moves else ()

    def curvature(self, theta: Numpy, *, scores: bool = True) -> Curvature:
        """Return the Hessian with the effects concentrated out, and the sums of scores."""
        point, step = self._step_at(theta)
        k, p = len(theta), step.x.shape[1]
        jacobian = np.diag(np.concatenate([np.ones(p), np.exp(theta[p:])]))
        jacobian[:p, :p] = self.projected.to_slopes
        if not scores:
            return Curvature(step.information, jacobian, self.observations)
        opg = score_sums(step.x, _first(point, step), self.weights.in_scores, np.eye(k))
        meats = {name: self.cluster_meat(theta, codes) for name, codes in self.clusters.items()}
        return Curvature(step.information, jacobian, self.observations, opg, meats)

    def cluster_meat(self, theta: Numpy, codes: Any) -> ClusterMeat:
        """Return the outer products of the scores summed by cluster."""
        point, step = self._step_at(theta)
        change = np.eye(len(theta))
        return grouped_sums(step.x, _first(point, step), self.weights.values, codes, change)

    def score_rows(self, theta: Numpy) -> Numpy:
        """Return the score of each row, effects following, ``(n, k)``."""
        point, step = self._step_at(theta)
        return row_scores(step.x, _first(point, step), self.weights.values, np.eye(len(theta)))

    # After the fit ------------------------------------------------------------------------------

    def residuals(self, params: Numpy) -> Numpy:
        """Return outcome minus fitted mean, effects included, ``(n,)``."""
        rows = self.irls.family
        return np.asarray(rows.y - rows.mean(self._point(self.unconstrained(params)).index))

    def effects(self, params: Numpy) -> Effects:
        """Recover the effects of each factor, in units of the index; see `recovered`."""
        assert self.table is not None
        irls = self.irls
        x = np.ascontiguousarray(self.design.matrix[:, list(self.projected.kept)])
        slopes = params[: x.shape[1]]
        total = self._point(self.unconstrained(params)).index - irls.offset - times(x, slopes)
        return recovered(self._terms, self.factors, total, self.table, self.design.rows)

    def state(self) -> FeglmState:
        """Return the formula's state, the columns kept, and what the factors absorb."""
        names = self.design.state["names"]
        weights = self.design.weights
        return FeglmState(
            deviations(self.design.names, self.design.matrix),
            design=self.design.state,
            kept=[names.index(name) for name in self.projected.names],
            offset=self.specification.offset,
            absorbed=self.absorbed,
            fixed_effects=tuple(term.name for term in self._terms),
            mean_weight=1.0 if weights is None else float(weights.mean()),
        )


def _first(point: Point, step: NewtonStep) -> list[Numpy]:
    """Return the derivatives of the rows by index and further parameter, effects following."""
    rows = point.rows
    if step.effect_response is None:
        return [rows.first]
    assert rows.own is not None
    return [rows.first, rows.own + step.effect_response * rows.first]


def _at_places(values: Numpy, places: Sequence[int], width: int) -> Numpy:
    """Put the figures of some columns among zeros for those that are not demeaned."""
    whole = np.zeros(width)
    whole[list(places)[: len(values)]] = values
    return whole


def _check_options(specification: Specification, design: Design, title: str) -> None:
    if specification.optimizer.name != Newton.name:
        raise OptionError(
            f"{title} is fitted by Newton's method; the optimizer "
            f'"{specification.optimizer.name}" is not available.',
            hint='leave optimizer out, or optimizer="newton".',
            code="bad-option",
            where="optimizer",
        )
    if design.endogenous is not None:
        raise FormulaError(
            f"{title} does not take instruments, the part behind the second |.",
            hint='the model "feols", or a formula without that part.',
            code="no-instruments",
            where="|",
        )
