"""Write a run to the store: its fingerprint, its steps, its outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from workbench.data.formula.parser import variables
from workbench.errors import StoreError
from workbench.estimation.inner_trace import Demeaning
from workbench.estimation.outcome import Outcome
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.estimation.trace import Trace
from workbench.models.design.read import columns_of_options
from workbench.optimizers.base import StateBox
from workbench.results.fit import Fit
from workbench.runs.provenance import provenance_of
from workbench.runs.store import Store, current_store

_APART = {"trace", "demeaning"}
"""The parts of a result that the store keeps in separate tables."""


class Recorder:
    """Record one run.

    The fingerprint of large data takes longer than a small fit, so it is taken in a thread while
    the fit runs; the run is in the store as soon as it is known.
    """

    def __init__(
        self, run_id: str, problem: Problem, trace: Trace, demeaning: Demeaning, *, resumed: bool
    ) -> None:
        self._id, self._problem, self._trace, self._resumed = run_id, problem, trace, resumed
        self._demeaning = demeaning
        self._specification = problem.specification
        self._store: Store = current_store()
        self._begun = threading.Event()
        self._finished = threading.Event()
        self._abandoned = False
        self._name: str | None = None
        self._changes: list[Callable[[Store], None]] = []
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Enter the run in the store, in a thread."""
        threading.Thread(target=self._enter, name="workbench recorder", daemon=True).start()

    def _enter(self) -> None:
        stands = False
        try:
            if not self._resumed:
                self._specification = fingerprinted(self._problem)
                self._store.begin(
                    self._id,
                    self._specification.to_dict(),
                    provenance_of(self._problem),
                    self._problem.parameter_names,
                )
            self._trace.listen(self._store.listener(self._id), replay=not self._resumed)
            self._store.keep_demeaning(self._id, self._demeaning)
            stands = True
        finally:
            with self._lock:
                self._begun.set()
                for change in self._changes if stands else ():
                    change(self._store)

    def change(self, change: Callable[[Store], None]) -> None:
        """Change what the store has of the run, as soon as it is there."""
        with self._lock:
            if self._begun.is_set():
                change(self._store)
            else:
                self._changes.append(change)

    def rename(self, name: str) -> None:
        """Give the run another name, in the store too."""
        self._name = name
        self.change(lambda store: store.rename(self._id, name))

    def specification(self) -> Specification:
        """Return the specification with the data's fingerprint, and the run's present name."""
        self._begun.wait()
        name = self._name
        return self._specification if name is None else self._specification.replace(name=name)

    def checkpoint(self, state: StateBox) -> None:
        """Store the optimizer's state, with which it can go on, about once a second."""
        if self._begun.is_set():
            self._store.checkpoint(self._id, state.to_dict)

    def finish(self, fit: Fit | None, outcome: Outcome, message: str) -> None:
        """Record how the run ended."""
        self._begun.wait()
        if self._abandoned:
            self._finished.set()
            return
        try:
            found = None if fit is None else fit.to_dict()
            result = found and {k: v for k, v in found.items() if k not in _APART}
            self._store.finish(self._id, outcome.name, result, message)
        except (StoreError, KeyError):
            pass  # the store has warned already; the fit itself is complete
        finally:
            self._finished.set()

    def abandon(self) -> None:
        """Record no outcome, as if the process were killed."""
        self._abandoned = True

    def wait(self, timeout: float) -> None:
        """Wait until the end is recorded."""
        if self._finished.wait(timeout):
            self._store.flush()


def columns_of_run(problem: Problem) -> list[str]:
    """Return the columns of the table that a run reads, in the table's order."""
    assert problem.table is not None
    specification, design = problem.specification, problem.design
    names = problem.table.names
    read: set[str | None] = {*design.columns}
    for options in (specification, specification.covariance, problem.model):
        read |= set(columns_of_options(options, names))
    for formula in problem.formulas:
        read |= set(variables(formula, names))
    if specification.source is not None:
        read.add(specification.source.by)
    return [name for name in names if name in read]


def fingerprinted(problem: Problem) -> Specification:
    """Return the specification with the SHA-256 of the columns it reads."""
    assert problem.table is not None
    specification = problem.specification
    digest = problem.table.fingerprint(columns_of_run(problem))
    return specification.replace(data=replace(specification.data, fingerprint=digest))
