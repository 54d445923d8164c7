"""Find a maximum, check the other candidates, and measure what was found."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from workbench.covariances import Curvature
from workbench.covariances.base import meat_key
from workbench.estimation.control import Control
from workbench.estimation.evidence import ProblemEvidence
from workbench.estimation.outcome import Outcome
from workbench.estimation.problem import Problem
from workbench.estimation.procedure import Solved
from workbench.estimation.separation_evidence import SeparationEvidence
from workbench.estimation.stopping import SAME_MAXIMUM, OtherModeRule, StoppingRule, WarmStartRule
from workbench.estimation.trace import Trace
from workbench.optimizers.base import StateBox
from workbench.optimizers.newton import Newton
from workbench.optimizers.trust_region import TrustRegion
from workbench.protocols import Interrupted, Iterate, Numpy, Optimizer

# Steps with the exact Hessian are few, or do not converge; those without are many and cheap.
_WITH_HESSIAN, _WITHOUT_HESSIAN = 100, 2_000
_POLISHING_STEPS = 3
# How often a higher maximum may take the place of the best one.
_MOST_REPLACEMENTS = 4


@dataclass(frozen=True)
class Ending:
    """Where an optimization ended and how.

    Attributes
    ----------
    theta
        Unconstrained parameters of the point kept, shape ``(k,)``.
    outcome
        As the stopping rule or the person decided.
    detail
        What the optimizer said when it failed.
    """

    theta: Numpy
    outcome: Outcome
    detail: str = ""
    evidence: SeparationEvidence | None = None


@dataclass(frozen=True)
class Measured:
    """The facts at the point kept.

    Attributes
    ----------
    curvature
        None where none was computed.
    decrement
        Of the total log-likelihood, in nats, or None.
    """

    theta: Numpy
    outcome: Outcome
    curvature: Curvature | None
    decrement: float | None
    loglik: float


def step_limit(optimizer: Optimizer, requested: int | None) -> int:
    """Return the step limit: the one requested, the optimizer's own, or the default."""
    if requested is not None:
        return requested
    if optimizer.max_steps is not None:
        return optimizer.max_steps
    exact = isinstance(optimizer, (Newton, TrustRegion))
    return _WITH_HESSIAN if exact else _WITHOUT_HESSIAN


def optimize(
    problem: Problem,
    optimizer: Optimizer,
    control: Control,
    trace: Trace,
    *,
    max_steps: int,
    start: Numpy | None = None,
    clock: float | None = None,
    first: int = 0,
    state: StateBox | None = None,
    after_step: Callable[[], None] | None = None,
) -> Ending:
    """Take steps until the rule, the optimizer or the person ends it.

    Parameters
    ----------
    problem, optimizer, control, trace
        What to maximize and how, what pauses and stops it, and where steps are recorded.
    max_steps
        The step limit.
    start
        Unconstrained parameters to begin from, ``(k,)``; the problem's own start by default.
    clock
        The reading of ``time.perf_counter`` that counts as zero seconds.
    first
        The number of the step at ``start``, when a run goes on.
    state
        Where optimizers with a memory keep it.
    after_step
        Called when a step is recorded.
    """
    procedure = problem.procedure
    if isinstance(procedure, Solved):
        return _solve(problem, procedure, trace, clock)
    parts = _Parts(optimizer, control, trace, max_steps, clock, after_step)
    if start is not None:
        problem.check_start(start)
        return _maximized(problem, parts, start, first, state, repeated=first > 0)
    ended, first = _warm_started(problem, parts, first)
    if ended.outcome in {Outcome.STOPPED, Outcome.CANCELLED}:
        return ended
    return _maximized(problem, parts, ended.theta, first, state)


@dataclass(frozen=True)
class _Parts:
    """What every optimization of a run shares."""

    optimizer: Optimizer
    control: Control
    trace: Trace
    max_steps: int
    clock: float | None
    after_step: Callable[[], None] | None

    def optimize(
        self,
        problem: Problem,
        rule: StoppingRule,
        theta: Numpy,
        first: int,
        stage: str = "",
        state: StateBox | None = None,
        *,
        repeated: bool = False,
    ) -> tuple[Ending, _Optimization]:
        """Optimize once; the first step has the number ``first``."""
        taken = _Optimization(problem, self.control, self.trace, rule, self.clock, stage)
        taken.first, taken.after_step, taken.repeated = first, self.after_step, repeated
        return taken.take(self.optimizer, theta, state), taken


def _warm_started(problem: Problem, parts: _Parts, first: int) -> tuple[Ending, int]:
    """Solve the approximate problems first; return where they end, and the next step's number."""
    theta, approximate = problem.start.copy(), problem.warm_starts()
    (approximate[0] if approximate else problem).check_start(theta)
    ended = Ending(theta, Outcome.CONVERGED)
    for each in approximate:
        rule = WarmStartRule(each, parts.max_steps)
        ended, taken = parts.optimize(each, rule, ended.theta, first, each.record)
        first = taken.last_number + 1
        if ended.outcome in {Outcome.STOPPED, Outcome.CANCELLED}:
            break
    return ended, first


def _maximized(
    problem: Problem,
    parts: _Parts,
    theta: Numpy,
    first: int,
    state: StateBox | None,
    *,
    repeated: bool = False,
) -> Ending:
    """Find a maximum, then check the other candidates."""
    problem.rejected_modes = {}
    rule = StoppingRule(problem, parts.max_steps)
    best, taken = parts.optimize(problem, rule, theta, first, "", state, repeated=repeated)
    if best.outcome is not Outcome.CONVERGED:
        return best
    return _compared(problem, parts, best, taken.last_number + 1)


def _compared(problem: Problem, parts: _Parts, best: Ending, first: int) -> Ending:
    """Optimize from points near other maxima, by Newton's method, and again from a higher one.

    When this is stopped, the best maximum so far is kept.
    """
    modes, replacements, rejected = problem.other_modes(best.theta), 0, {}
    value = problem.loglik(best.theta) if modes else -np.inf
    newton = replace(parts, optimizer=Newton())
    while name := next((each for each in modes if each not in rejected), None):
        if replacements == _MOST_REPLACEMENTS:
            break
        rule = OtherModeRule(problem, first + parts.max_steps, value)
        other, taken = newton.optimize(problem, rule, modes[name], first, name)
        first, rejected[name] = taken.last_number + 1, rule.promised
        if other.outcome in {Outcome.STOPPED, Outcome.CANCELLED}:
            return replace(best, outcome=other.outcome)
        found = problem.loglik(other.theta)
        if other.outcome is Outcome.CONVERGED and found > value + SAME_MAXIMUM:
            rejected, best, replacements = {name: value}, other, replacements + 1
            value, modes = found, problem.other_modes(best.theta)
    problem.rejected_modes = {name: each for name, each in rejected.items() if np.isfinite(each)}
    return best


class _Optimization:
    """One optimization: the steps so far, and the best point among them."""

    def __init__(
        self,
        problem: Problem,
        control: Control,
        trace: Trace,
        rule: StoppingRule,
        clock: float | None,
        stage: str = "",
    ) -> None:
        self.problem, self.control, self.trace, self.rule = problem, control, trace, rule
        assert not isinstance(problem.procedure, Solved)
        self.steps = problem.procedure.steps(control)
        self.clock = time.perf_counter() if clock is None else clock
        self.first, self.last_number, self.repeated = 0, 0, False
        self._spent = 0 if trace.last is None else trace.last.evaluations
        self._stage = stage
        self.after_step: Callable[[], None] | None = None
        self.best: tuple[float, Numpy] | None = None
        self.last: Numpy = problem.start

    def take(self, optimizer: Optimizer, theta: Numpy, state: StateBox | None) -> Ending:
        """Take the optimizer's steps; whatever it raises, the best point is kept."""
        self.last = theta
        outcome, detail = Outcome.NO_PROGRESS, ""
        try:
            with closing(self.steps.taken_by(optimizer, theta, state)) as steps:
                for step in steps:
                    self.steps.recorded()
                    if found := self._judge(step):
                        outcome = found
                        break
        except Interrupted:
            outcome = Outcome.CANCELLED if self.control.cancelled else Outcome.STOPPED
        except (
            ArithmeticError,
            ValueError,
            RuntimeError,
            IndexError,
            np.linalg.LinAlgError,
        ) as error:
            detail = f"{optimizer.title} failed with {type(error).__name__}: {error}"
        keep_last = outcome in {Outcome.CONVERGED, Outcome.SEPARATED}
        theta = self.last if keep_last or self.best is None else self.best[1]
        evidence = self.rule.evidence
        if outcome not in {Outcome.SEPARATED, Outcome.STOPPED, Outcome.CANCELLED}:
            evidence = self.problem.separation(theta)
            outcome = outcome if evidence is None else Outcome.SEPARATED
        return Ending(theta, outcome, detail or self.problem.shortfall(), evidence)

    def _judge(self, step: Iterate) -> Outcome | None:
        theta = np.array(step.params, dtype=np.float64)
        if np.isfinite(step.objective):
            self.last = theta
            if self.best is None or step.objective < self.best[0]:
                self.best = (step.objective, theta)
        step = replace(step, number=step.number + self.first)
        self.last_number = step.number
        if not (self.repeated and step.number == self.first):
            self.trace.record(self._natural(step, theta))
            if self.after_step is not None:
                self.after_step()
        return self.rule.verdict(step, theta)

    def _natural(self, step: Iterate, theta: Numpy) -> Iterate:
        return replace(
            step,
            stage=self._stage or step.stage,
            params=self.problem.natural(theta),
            objective=step.objective + self.problem.objective_shift,
            seconds=time.perf_counter() - self.clock - self.control.paused_seconds,
            evaluations=self._spent + self.steps.evaluations(step),
        )


def _solve(problem: Problem, procedure: Solved, trace: Trace, clock: float | None) -> Ending:
    """Record the closed form as the one step it is."""
    began = time.perf_counter() if clock is None else clock
    theta = procedure.solution()
    gradient = problem.score(theta) / problem.observations
    trace.record(
        Iterate(
            number=1,
            params=problem.natural(theta),
            objective=-problem.loglik(theta) / problem.observations,
            gradient_norm=float(np.nan_to_num(np.abs(gradient)).max(initial=0.0)),
            seconds=time.perf_counter() - began,
            evaluations=1,
            stage="solve",
        )
    )
    short = problem.shortfall()
    return Ending(theta, Outcome.NO_PROGRESS if short else Outcome.CONVERGED, short)


def measure(problem: Problem, ending: Ending) -> Measured:
    """Judge the point kept by its decrement and eigenvalues, whatever the optimizer said."""
    theta, outcome = problem.normalize(ending.theta), ending.outcome
    ended = {Outcome.SEPARATED, Outcome.NOT_FINITE, Outcome.STOPPED, Outcome.CANCELLED}
    if outcome in ended or problem.shortfall():
        return Measured(theta, outcome, None, None, problem.loglik(theta))
    curvature = problem.curvature(theta, scores=False)
    if not np.isfinite(curvature.information).all():
        return _saturated(problem, theta, outcome)
    decrement = problem.decrement(curvature, theta)
    if outcome is Outcome.CONVERGED:
        theta, curvature, decrement = _polished(problem, theta, curvature, decrement)
    if problem.has_converged(theta) or outcome is Outcome.CONVERGED:
        outcome = _judged(outcome, curvature, decrement, problem)
    if outcome.at_maximum:
        step = curvature.bread @ problem.score(theta)
        if problem.scores_needed:
            curvature = _with_sums_needed(problem, theta, problem.curvature(theta))
        curvature = replace(curvature, at_bound=problem.at_bound(step))
        if curvature.at_bound and outcome is Outcome.CONVERGED:
            outcome = Outcome.BOUNDARY
    return Measured(theta, outcome, curvature, decrement, problem.loglik(theta))


def _with_sums_needed(problem: Problem, theta: Numpy, curvature: Curvature) -> Curvature:
    """Add to a curvature what is kept for the standard errors of the run."""
    specification = problem.specification
    key = meat_key(specification.se, specification.se_options, specification.clusters)
    return specification.covariance.keep(
        curvature, key, ProblemEvidence(problem, specification.clusters, theta)
    )


def _saturated(problem: Problem, theta: Numpy, outcome: Outcome) -> Measured:
    """Keep estimates of a model that leaves no residual degree of freedom, without errors."""
    kept = outcome if problem.family == "least squares" else Outcome.NOT_FINITE
    return Measured(theta, kept, None, None, problem.loglik(theta))


def _polished(
    problem: Problem, theta: Numpy, curvature: Curvature, decrement: float | None
) -> tuple[Numpy, Curvature, float | None]:
    """Refine against the rows a point that was found from second moments alone."""
    for _ in range(_POLISHING_STEPS):
        if decrement is None or decrement <= problem.tolerance or curvature.flat:
            break
        theta = theta + curvature.bread @ problem.score(theta)
        curvature = problem.curvature(theta, scores=False)
        decrement = problem.decrement(curvature, theta)
    return theta, curvature, decrement


def _judged(
    outcome: Outcome, curvature: Curvature, decrement: float | None, problem: Problem
) -> Outcome:
    if decrement is None:
        return Outcome.SADDLE if outcome is not Outcome.STEP_LIMIT else outcome
    if decrement > problem.tolerance:
        if problem.precision == "float32":
            return Outcome.PRECISION if outcome is not Outcome.STEP_LIMIT else outcome
        return Outcome.NO_PROGRESS if outcome is Outcome.CONVERGED else outcome
    return Outcome.FLAT if curvature.flat else Outcome.CONVERGED
