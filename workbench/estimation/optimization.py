"""Walk, stop, measure: the stages of a run."""

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
from workbench.estimation.stopping import SAME_MAXIMUM, RehearsalRule, RivalRule, StoppingRule
from workbench.estimation.trace import Trace
from workbench.optimizers.base import StateBox
from workbench.optimizers.newton import Newton
from workbench.optimizers.trust_region import TrustRegion
from workbench.protocols import Interrupted, Iterate, Numpy, Optimizer

# Steps with the exact Hessian are few or in vain; those without are many and cheap.
_WITH_HESSIAN, _WITHOUT_HESSIAN = 100, 2_000
_POLISHING_STEPS = 3
# Maxima on the way from one to a higher one.
_WINS = 4


@dataclass(frozen=True)
class Walked:
    """Where a walk ended and how.

    Attributes
    ----------
    theta
        Walked coordinates of the point kept, shape ``(k,)``.
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


def step_limit(optimizer: Optimizer, asked: int | None) -> int:
    """Return the step limit: the person's, the optimizer's own, or the kind's default."""
    if asked is not None:
        return asked
    if optimizer.max_steps is not None:
        return optimizer.max_steps
    exact = isinstance(optimizer, (Newton, TrustRegion))
    return _WITH_HESSIAN if exact else _WITHOUT_HESSIAN


def walk(
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
) -> Walked:
    """Take steps until the rule, the optimizer or the person ends it.

    Parameters
    ----------
    problem, optimizer, control, trace
        What to climb and how, the levers, and where steps are recorded.
    max_steps
        The step limit.
    start
        Walked coordinates to begin from, ``(k,)``; the problem's own start by default.
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
        return _climbed(problem, parts, start, first, state, repeated=first > 0)
    ended, first = _rehearsed(problem, parts, first)
    if ended.outcome in {Outcome.STOPPED, Outcome.CANCELLED}:
        return ended
    return _climbed(problem, parts, ended.theta, first, state)


@dataclass(frozen=True)
class _Parts:
    """What every walk of a run shares."""

    optimizer: Optimizer
    control: Control
    trace: Trace
    max_steps: int
    clock: float | None
    after_step: Callable[[], None] | None

    def walk(
        self,
        problem: Problem,
        rule: StoppingRule,
        theta: Numpy,
        first: int,
        stage: str = "",
        state: StateBox | None = None,
        *,
        repeated: bool = False,
    ) -> tuple[Walked, _Walk]:
        """Take one walk whose first step has the number ``first``."""
        taken = _Walk(problem, self.control, self.trace, rule, self.clock, stage)
        taken.first, taken.after_step, taken.repeated = first, self.after_step, repeated
        return taken.take(self.optimizer, theta, state), taken


def _rehearsed(problem: Problem, parts: _Parts, first: int) -> tuple[Walked, int]:
    """Walk rougher problems first; return where that ends, and the number of the next step."""
    theta, rough = problem.start.copy(), problem.rehearsals()
    (rough[0] if rough else problem).check_start(theta)
    ended = Walked(theta, Outcome.CONVERGED)
    for each in rough:
        rule = RehearsalRule(each, parts.max_steps)
        ended, taken = parts.walk(each, rule, ended.theta, first, each.record)
        first = taken.last_number + 1
        if ended.outcome in {Outcome.STOPPED, Outcome.CANCELLED}:
            break
    return ended, first


def _climbed(
    problem: Problem,
    parts: _Parts,
    theta: Numpy,
    first: int,
    state: StateBox | None,
    *,
    repeated: bool = False,
) -> Walked:
    """Walk to a maximum, and let its rivals race it."""
    problem.beaten = {}
    rule = StoppingRule(problem, parts.max_steps)
    best, taken = parts.walk(problem, rule, theta, first, "", state, repeated=repeated)
    if best.outcome is not Outcome.CONVERGED:
        return best
    return _raced(problem, parts, best, taken.last_number + 1)


def _raced(problem: Problem, parts: _Parts, best: Walked, first: int) -> Walked:
    """Walk to each rival of a maximum, by Newton's method, and again from one that wins.

    A race that is stopped leaves the best maximum so far.
    """
    rivals, wins, beaten = problem.rivals(best.theta), 0, {}
    value = problem.loglik(best.theta) if rivals else -np.inf
    newton = replace(parts, optimizer=Newton())
    while wins < _WINS and (name := next((n for n in rivals if n not in beaten), None)):
        rule = RivalRule(problem, first + parts.max_steps, value)
        other, taken = newton.walk(problem, rule, rivals[name], first, name)
        first, beaten[name] = taken.last_number + 1, rule.promised
        if other.outcome in {Outcome.STOPPED, Outcome.CANCELLED}:
            return replace(best, outcome=other.outcome)
        found = problem.loglik(other.theta)
        if other.outcome is Outcome.CONVERGED and found > value + SAME_MAXIMUM:
            beaten, best, wins = {name: value}, other, wins + 1
            value, rivals = found, problem.rivals(best.theta)
    problem.beaten = {name: each for name, each in beaten.items() if np.isfinite(each)}
    return best


class _Walk:
    """One walk: what it has seen, and the best point so far."""

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

    def take(self, optimizer: Optimizer, theta: Numpy, state: StateBox | None) -> Walked:
        """Ask the optimizer for steps; whatever it raises, the best point is kept."""
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
        return Walked(theta, outcome, detail or self.problem.shortfall(), evidence)

    def _judge(self, step: Iterate) -> Outcome | None:
        theta = np.array(step.params, dtype=np.float64)
        if np.isfinite(step.objective):
            self.last = theta
            if self.best is None or step.objective < self.best[0]:
                self.best = (step.objective, theta)
        step = replace(step, number=step.number + self.first)
        self.last_number = step.number
        if not (self.repeated and step.number == self.first):
            self.trace.record(self._shown(step, theta))
            if self.after_step is not None:
                self.after_step()
        return self.rule.verdict(step, theta)

    def _shown(self, step: Iterate, theta: Numpy) -> Iterate:
        return replace(
            step,
            stage=self._stage or step.stage,
            params=self.problem.shown(theta),
            objective=step.objective + self.problem.objective_shift,
            seconds=time.perf_counter() - self.clock - self.control.held,
            evaluations=self._spent + self.steps.evaluations(step),
        )


def _solve(problem: Problem, procedure: Solved, trace: Trace, clock: float | None) -> Walked:
    """Record the closed form as the one step it is."""
    began = time.perf_counter() if clock is None else clock
    theta = procedure.solution()
    gradient = problem.score(theta) / problem.observations
    trace.record(
        Iterate(
            number=1,
            params=problem.shown(theta),
            objective=-problem.loglik(theta) / problem.observations,
            gradient_norm=float(np.nan_to_num(np.abs(gradient)).max(initial=0.0)),
            seconds=time.perf_counter() - began,
            evaluations=1,
            stage="solve",
        )
    )
    short = problem.shortfall()
    return Walked(theta, Outcome.NO_PROGRESS if short else Outcome.CONVERGED, short)


def measure(problem: Problem, walked: Walked) -> Measured:
    """Judge the point kept by its decrement and eigenvalues, whatever flag was raised before."""
    theta, outcome = problem.canonical(walked.theta), walked.outcome
    ended = {Outcome.SEPARATED, Outcome.NOT_FINITE, Outcome.STOPPED, Outcome.CANCELLED}
    if outcome in ended or problem.shortfall():
        return Measured(theta, outcome, None, None, problem.loglik(theta))
    curvature = problem.curvature(theta, scores=False)
    if not np.isfinite(curvature.information).all():
        return _saturated(problem, theta, outcome)
    decrement = problem.decrement(curvature, theta)
    if outcome is Outcome.CONVERGED:
        theta, curvature, decrement = _polished(problem, theta, curvature, decrement)
    if problem.settled(theta) or outcome is Outcome.CONVERGED:
        outcome = _judged(outcome, curvature, decrement, problem)
    if outcome.at_maximum:
        step = curvature.bread @ problem.score(theta)
        if problem.scores_asked:
            curvature = _with_sums_asked(problem, theta, problem.curvature(theta))
        curvature = replace(curvature, at_bound=problem.at_bound(step))
        if curvature.at_bound and outcome is Outcome.CONVERGED:
            outcome = Outcome.BOUNDARY
    return Measured(theta, outcome, curvature, decrement, problem.loglik(theta))


def _with_sums_asked(problem: Problem, theta: Numpy, curvature: Curvature) -> Curvature:
    """Add to a curvature what is kept for the standard errors asked for."""
    asked = problem.specification
    key = meat_key(asked.se, asked.se_options, asked.clusters)
    return asked.covariance.keep(curvature, key, ProblemEvidence(problem, asked.clusters, theta))


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
