"""A run: the estimation of one specification in a thread, with controls and a record."""

from __future__ import annotations

import atexit
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import InferenceError, WorkbenchError
from workbench.estimation.control import Control
from workbench.estimation.inner_trace import Demeaning
from workbench.estimation.messages import message_of, message_of_stop, notes_on_curvature
from workbench.estimation.model import Model
from workbench.estimation.observable import Listeners
from workbench.estimation.optimization import Ending, Measured, measure, optimize, step_limit
from workbench.estimation.outcome import Outcome
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.estimation.trace import Trace
from workbench.kernels.parallel.blas import one_blas_thread
from workbench.literals import Choice
from workbench.models.registry import problem_of, results_of
from workbench.optimizers import choice_of, optimizer_named
from workbench.optimizers.base import StateBox
from workbench.protocols import Interrupted, Numpy, Optimizer
from workbench.results import display
from workbench.results.fit import Fit
from workbench.runs.provenance import provenance_of
from workbench.runs.recorder import Recorder

Phases = dict[str, tuple[str, float | None]]
Listener = Callable[["Run"], None]

_ACTIVE: weakref.WeakSet[Run] = weakref.WeakSet()
_LAST_WORDS = 5.0
"""Seconds that leaving Python waits for ended runs to be recorded."""


@dataclass(frozen=True)
class Continuing:
    """The recorded position of an interrupted run.

    Attributes
    ----------
    params
        Parameters shown at the last recorded step, shape ``(k,)``, or None before the first.
    """

    run_id: str
    trace: Trace
    params: Numpy | None
    step: int
    seconds: float
    optimizer_state: Mapping[str, Any] | None


class Run:
    """The handle of one run.

    A run works in a separate thread; every method returns at once, except `wait` and `result`.

    Attributes
    ----------
    id
        A unique text.
    trace
        Every step so far.
    demeaning
        Every iteration of demeaning; empty without fixed effects.
    status
        ``"running"``, ``"paused"``, ``"stopping"``, ``"done"`` or ``"failed"``.
    phases
        For each of demean, optimize, hessian and report its state (``"none"``, ``"waiting"``,
        ``"current"`` or ``"done"``) and seconds.
    fit, error
        What was found, or why nothing was; None before the end.
    """

    def __init__(
        self,
        problem: Problem,
        optimizer: Optimizer,
        *,
        own: Model | None = None,
        continuing: Continuing | None = None,
    ) -> None:
        self.id = uuid.uuid4().hex if continuing is None else continuing.run_id
        self.problem, self.optimizer = problem, optimizer
        self.fit: Fit | None = None
        self.error: Exception | None = None
        self.trace = Trace(problem.parameter_names) if continuing is None else continuing.trace
        self.demeaning = Demeaning()
        self.started = time.time()
        first = problem.demeans
        self.phases: Phases = {
            "demean": ("current" if first else "none", None),
            "optimize": ("waiting" if first else "current", None),
            "hessian": ("waiting", None),
            "report": ("waiting", None),
        }
        self._specification = problem.specification
        self._own, self._continuing = own, continuing
        self._state = StateBox(None if continuing is None else continuing.optimizer_state)
        self._control = Control()
        self._ended = threading.Event()
        self._listeners: Listeners[Listener] = Listeners()
        self._lock = threading.RLock()
        self._clock = time.perf_counter() - (0.0 if continuing is None else continuing.seconds)
        self._seconds: float | None = None
        self._recorder = Recorder(
            self.id, problem, self.trace, self.demeaning, resumed=continuing is not None
        )

    def begin(self) -> Run:
        """Start the thread, and return this run."""
        _ACTIVE.add(self)
        self._recorder.begin()
        threading.Thread(
            target=self._work, name=f"workbench run {self.id[:8]}", daemon=True
        ).start()
        return self

    # What it is ---------------------------------------------------------------------------------

    @property
    def specification(self) -> Specification:
        """The specification of the run."""
        return self._specification

    @property
    def name(self) -> str:
        """The name given to the run, or the model's title."""
        return self._specification.name or self.problem.title

    def rename(self, name: str) -> None:
        """Give the run another name, here and in the record."""
        self._recorder.rename(name)
        self._specification = self._specification.replace(name=name)

    def star(self, starred: bool) -> None:
        """Put a star on the run's record, or take it away."""
        self._recorder.change(lambda store: store.star(self.id, starred))

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the parameters, shape ``(k,)``."""
        return self.problem.parameter_names

    @property
    def observations(self) -> float:
        """The number of observations, or the sum of frequency weights."""
        return self.problem.observations

    @property
    def status(self) -> str:
        """The state of the run."""
        if self._ended.is_set():
            return "failed" if self.error is not None else "done"
        if self._control.stopping:
            return "stopping"
        return "paused" if self._control.paused else "running"

    @property
    def outcome(self) -> Outcome | None:
        """How the run ended, or None while it goes on."""
        if not self._ended.is_set():
            return None
        if self.fit is not None:
            return self.fit.outcome
        if self.error is not None:
            begun = getattr(self.error, "code", "") != "start-not-finite"
            return Outcome.FAILED if begun else Outcome.NOT_FINITE
        return Outcome.CANCELLED if self._control.cancelled else Outcome.STOPPED_EARLY

    @property
    def message(self) -> str:
        """One sentence on the state or the outcome of the run."""
        if self.fit is not None:
            return self.fit.message
        if self.error is not None:
            return str(self.error)
        if (outcome := self.outcome) is not None:
            early = outcome is Outcome.STOPPED_EARLY and len(self.demeaning) > 0
            return message_of_stop(self.demeaning) if early else outcome.value
        if (last := self.trace.last) is not None:
            return f"At step {last.number:,}."
        if (iteration := self.demeaning.last) is not None:
            return f"Demeaning, iteration {iteration.number:,}: residual {iteration.worst:.1e}."
        return "Preparing."

    def elapsed(self) -> float:
        """Return the seconds since the start, up to the end, without those of pauses."""
        return self._worked() if self._seconds is None else self._seconds

    def _worked(self) -> float:
        return time.perf_counter() - self._clock - self._control.paused_seconds

    # Controls -------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Pause the run before its next evaluation."""
        self._control.pause()
        self._tell()

    def resume(self) -> None:
        """Let a paused run go on."""
        self._control.resume()
        self._tell()

    def stop(self) -> None:
        """End the run within one evaluation and keep its best step."""
        self._control.stop()
        self._tell()

    def cancel(self) -> None:
        """End the run within one evaluation and keep nothing."""
        self._control.stop(cancel=True)
        self._tell()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most ``timeout`` seconds; return whether it has ended.

        The wait is made of short ones, since an interrupt cannot end a single long one.
        """
        deadline = np.inf if timeout is None else time.monotonic() + timeout
        while not self._ended.wait(min(0.2, max(0.0, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                return False
        return True

    def result(self) -> Fit:
        """Wait for the end and return the fit.

        Raises
        ------
        WorkbenchError
            When the run failed or was cancelled.
        """
        self.wait()
        if self.error is not None:
            raise self.error
        if self.fit is None:
            raise InferenceError(
                f'The run "{self.name}" has no result. {self.message}',
                hint="start it again.",
                code="cancelled",
            )
        return self.fit

    def continue_with(
        self, optimizer: str | Optimizer | None = None, max_steps: int | None = None
    ) -> Run:
        """Start a new run from where this one ended, with the same optimizer or another."""
        fit = self.result()
        chosen = self.optimizer if optimizer is None else optimizer
        chosen = optimizer_named(chosen) if isinstance(chosen, str) else chosen
        specification = self._specification.replace(
            start=self.problem.start_from(
                {str(name): float(value) for name, value in fit.params.items()}
            ),
            optimizer=Choice(*choice_of(chosen)),
            max_steps=max_steps,
        )
        assert self.problem.table is not None
        problem = problem_of(specification, self.problem.table, self._own)
        return Run(problem, chosen, own=self._own).begin()

    def view(self, *, steerable: bool = True) -> Any:
        """Return the live view of this run, a widget.

        Parameters
        ----------
        steerable
            Whether it has buttons; a cell that waits for its run cannot react to them.
        """
        return display.call("view", self, steerable=steerable)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener(run)`` at every change of status or phase, from any thread."""
        return self._listeners.add(listener)

    def __repr__(self) -> str:
        return f"Run {self.name!r}: {self.status}. {self.message}"

    # The thread ---------------------------------------------------------------------------------

    @one_blas_thread()
    def _work(self) -> None:
        try:
            self.fit = self._estimate()
        except Exception as error:  # noqa: BLE001  any error must be reported
            self.error = error
        except BaseException as error:  # noqa: BLE001  else `wait` would never return
            self.error = _ended_by(error)
        self._seconds = self._worked() if self.fit is None else self.fit.timing["total"]
        self._finish_phase("report")
        self._ended.set()
        self._tell()
        assert self.outcome is not None
        self._recorder.finish(self.fit, self.outcome, self.message)

    def _estimate(self) -> Fit | None:
        if not self._demeaned():
            return None
        ending = self._optimize()
        self._finish_phase("optimize", "hessian")
        if ending.outcome is Outcome.CANCELLED:
            return None
        measured = measure(self.problem, ending)
        self._finish_phase("hessian", "report")
        return self._report(ending, measured)

    def _demeaned(self) -> bool:
        """Demean the columns; return whether the run goes on."""
        if self.problem.demeans:
            try:
                self.problem.demean(self._control, self.demeaning, self._clock)
            except Interrupted:
                return False
            self._finish_phase("demean", "optimize")
        return True

    def _optimize(self) -> Ending:
        specification, start = self._specification, None
        limit = step_limit(self.optimizer, specification.max_steps)
        first = 0
        if self._continuing is not None and self._continuing.params is not None:
            start, first = (
                self.problem.unconstrained(self._continuing.params),
                self._continuing.step,
            )
        return optimize(
            self.problem,
            self.optimizer,
            self._control,
            self.trace,
            max_steps=limit,
            start=start,
            clock=self._clock,
            first=first,
            state=self._state,
            after_step=lambda: self._recorder.checkpoint(self._state),
        )

    def _report(self, ending: Ending, measured: Measured) -> Fit:
        problem, last = self.problem, self.trace.last
        steps = 0 if last is None else last.number
        self._specification = self._recorder.specification()
        found = results_of(problem)(
            specification=self._specification,
            outcome=measured.outcome,
            message=message_of(problem, ending, measured, steps),
            params=_estimates(problem, measured),
            loglik=measured.loglik if measured.outcome is not Outcome.SEPARATED else np.nan,
            loglik_null=problem.loglik_null(),
            nobs=problem.observations,
            depvar=problem.depvar,
            model_title=problem.title,
            dropped=problem.dropped,
            left_out=problem.left_out,
            notes=(
                *problem.notes,
                *notes_on_curvature(problem, measured),
                *problem.notes_at(measured.theta, measured.curvature),
            ),
            further_parameters=problem.further_parameters,
            family=problem.family,
            decrement=measured.decrement,
            curvature=measured.curvature,
            trace=self.trace,
            demeaning=self.demeaning,
            timing={**self._timing(), "total": self._worked()},
            provenance=provenance_of(problem),
            evidence=_evidence(ending),
            state=problem.state(),
            live=problem,
        )
        return found.presented()

    def _timing(self) -> Mapping[str, float]:
        return {key: seconds for key, (_, seconds) in self.phases.items() if seconds is not None}

    def _finish_phase(self, key: str, following: str | None = None) -> None:
        with self._lock:
            if self.phases[key][0] != "current":
                return
            before = sum(seconds or 0.0 for _, seconds in self.phases.values())
            phases = {**self.phases, key: ("done", self._worked() - before)}
            if following is not None:
                phases[following] = ("current", None)
            self.phases = phases
        self._tell()

    def _tell(self) -> None:
        for listener in self._listeners.members:
            try:
                listener(self)
            except Exception:  # noqa: BLE001  a listener must never end a fit
                self._listeners.remove(listener)

    def _abandon(self, timeout: float) -> None:
        """Halt, and leave the run in the record as interrupted."""
        if not self._ended.is_set():
            self._recorder.abandon()
            self._control.stop(cancel=True)
            self.wait(timeout)

    def _recorded(self, timeout: float) -> None:
        if self._ended.is_set():
            self._recorder.wait(timeout)


def _ended_by(error: BaseException) -> WorkbenchError:
    """Return the error that ended the thread; keyboard interrupts do not reach it."""
    return WorkbenchError(
        f"The run was ended by {type(error).__name__}, raised while the model was evaluated.",
        hint="keep exit() and interrupts out of the log-likelihood.",
        code="ended-by-code",
    )


def _estimates(problem: Problem, measured: Measured) -> pd.Series:
    """Return the estimates by name; none where no maximum exists."""
    names = pd.Index(problem.parameter_names, dtype=object)
    values = pd.Series(problem.natural(measured.theta), index=names, name="estimate")
    if measured.outcome is Outcome.SEPARATED:
        values[:] = np.nan
    return values[list(problem.estimated)]


def _evidence(ending: Ending) -> dict[str, Any]:
    found = ending.evidence
    if found is None:
        return {}
    return {
        "regressor": found.regressors[0] if found.regressors else "",
        "regressors": list(found.regressors),
        "complete": found.complete,
        "sentence": found.sentence,
        **({} if found.table is None else {"table": found.table}),
    }


def record_ended_runs() -> None:
    """Wait until the record has every run that has ended."""
    for run in tuple(_ACTIVE):
        run._recorded(_LAST_WORDS)


@atexit.register
def _leave() -> None:
    """Halt the runs in progress: a thread inside torch at exit would abort the process."""
    for run in tuple(_ACTIVE):
        run._abandon(_LAST_WORDS)
    record_ended_runs()
