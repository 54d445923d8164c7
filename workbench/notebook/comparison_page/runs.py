"""The runs of this session and those of the store, as one list that a page can show."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from workbench.errors import WorkbenchError
from workbench.estimation.model import model_class
from workbench.estimation.outcome import Outcome
from workbench.estimation.specification import Specification
from workbench.notebook.comparison_page.page import tone
from workbench.notebook.live.cards import outcome_of, sentence_of, state_of
from workbench.notebook.setup.available import Available
from workbench.optimizers import OPTIMIZERS
from workbench.report import numbers
from workbench.report.labels import data_name, optimizer_title
from workbench.results.fit import Fit
from workbench.runs.run import Run
from workbench.runs.store import RunRecord, current_store

STATE_CHIPS = {"running": "● Running", "paused": "❚❚ Paused", "stopping": "■ Stopping"}
STORED_SHOWN = 50
"""Runs of earlier sessions in the list, the newest ones."""
SERIES = 5
"""The number of line styles, each a colour, a dash and a marker."""


@dataclass
class Entry:
    """One run of the list: a run of this session, or the record of an earlier one."""

    id: str
    name: str
    specification: Specification
    started: float
    run: Run | None = None
    record: RunRecord | None = None
    starred: bool = False
    hidden: bool = False
    series: int | None = None
    """Its line style, from 0; None until the run is on a chart or compared."""
    stored_fit: Fit | None = None

    @property
    def fit(self) -> Fit | None:
        """What the run found, or None while there is nothing."""
        return self.run.fit if self.run is not None else self.stored_fit

    @property
    def state(self) -> str:
        """The state of the run, as on its card, or ``"interrupted"``."""
        if self.run is not None:
            return state_of(self.run)
        if self.record is not None and self.record.status != "ended":
            return self.record.status
        return "done"

    @property
    def outcome(self) -> Outcome | None:
        """How the run ended, or None while it goes on."""
        if self.run is not None:
            return outcome_of(self.run)
        return self.record.outcome if self.record is not None else None


class RunList:
    """Runs by id, guarded by a lock; starred ones come first, then the newest."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._lock = threading.RLock()

    def add(self, run: Run, others: Iterable[str] = ()) -> Entry:
        """Take in a run that was just started, with a line style that none of ``others`` has."""
        entry = Entry(run.id, run.name, run.specification, run.started, run)
        with self._lock:
            entry.series = self._rarest(self._looks(others))
            self._entries[run.id] = entry
        return entry

    def keep_apart(self, run_ids: Iterable[str]) -> list[int | None]:
        """Give each of these runs a different line style; None when there are no more."""
        given: list[int | None] = []
        with self._lock:
            for entry in (self._entries[run_id] for run_id in run_ids):
                if entry.series is None or (entry.series in given and len(given) < SERIES):
                    entry.series = self._rarest(given)
                given.append(None if entry.series in given else entry.series)
        return given

    def _looks(self, run_ids: Iterable[str]) -> list[int | None]:
        return [self._entries[run_id].series for run_id in run_ids if run_id in self._entries]

    def _rarest(self, taken: list[int | None]) -> int:
        """Return the line style that the fewest runs have, of those not taken if there is one."""
        all_looks = self._looks(self._entries)
        return min(range(SERIES), key=lambda look: (taken.count(look), all_looks.count(look)))

    def adopt(self, records: Iterable[RunRecord]) -> None:
        """Take in runs of the store that this session does not know."""
        for record in list(records)[:STORED_SHOWN]:
            with self._lock:
                if record.id not in self._entries and (entry := _stored(record)) is not None:
                    self._entries[record.id] = entry

    def entry(self, run_id: str) -> Entry | None:
        """Return a run that is shown, or None."""
        with self._lock:
            entry = self._entries.get(run_id)
        return None if entry is None or entry.hidden else entry

    def fit(self, run_id: str) -> Fit | None:
        """Return what a run found; that of an earlier session is read at the first call."""
        entry = self.entry(run_id)
        if entry is None:
            return None
        if entry.fit is None and entry.record is not None and entry.record.status == "ended":
            entry.stored_fit = _read_fit(entry.id)
        return entry.fit

    def hide(self, run_id: str, hidden: bool = True) -> None:
        """Take a run off the list, or put it back."""
        with self._lock:
            if run_id in self._entries:
                self._entries[run_id].hidden = hidden

    def shown(self) -> list[Entry]:
        """Return the runs on the list, in its order."""
        with self._lock:
            entries = [entry for entry in self._entries.values() if not entry.hidden]
        return sorted(entries, key=lambda entry: (not entry.starred, -entry.started))

    def names(self) -> list[str]:
        """Return the names that are taken, those of earlier sessions too."""
        return [entry.name for entry in self.shown()]

    def rows(self, available: Available) -> list[dict[str, Any]]:
        """Return what the list shows, as JSON types."""
        return [_row(entry, available) for entry in self.shown()]


def _row(entry: Entry, available: Available) -> dict[str, Any]:
    fit, outcome, status_label = entry.fit, entry.outcome, _status_label(entry)
    record = entry.record
    observations = fit.nobs if fit else record.observations if record else None
    comparable = outcome is not None and outcome.comparable and entry.state != "interrupted"
    model = available.title(entry.specification.model.name)
    estimated = outcome is not Outcome.SEPARATED and outcome is not Outcome.NOT_FINITE
    loglik = (fit.loglik if fit else record.loglik if record else None) if estimated else None
    return {
        "id": entry.id,
        "name": entry.name or model,
        "model": model,
        "data": data_name(entry.specification.data),
        "formula": _formula(entry.specification),
        "status_label": status_label,
        "state": "elsewhere" if _elsewhere(entry) else entry.state,
        "tone": "run" if entry.state == "running" else tone(status_label),
        "n": numbers.count(observations),
        "loglik": numbers.log_likelihood(loglik),
        "sentence": _sentence(entry),
        "starred": entry.starred,
        "series": entry.series,
        "comparable": comparable,
        "reason": "" if comparable else _why_not_comparable(entry),
        "resumable": entry.state == "interrupted",
    }


def _formula(specification: Specification) -> str:
    """Return the formula of a run, or what its own log-likelihood assigns at the end."""
    own = specification.source.text.strip().splitlines()[-1:] if specification.source else []
    return specification.formula or "".join(own)


def _elsewhere(entry: Entry) -> bool:
    """Return whether a run is in progress in another process."""
    return entry.run is None and entry.state == "running"


def _status_label(entry: Entry) -> str:
    if entry.state in STATE_CHIPS:
        return STATE_CHIPS[entry.state]
    if entry.state == "interrupted":
        return Outcome.INTERRUPTED.status_label
    return entry.outcome.status_label if entry.outcome is not None else "? Unknown"


def _sentence(entry: Entry) -> str:
    fit, run, record = entry.fit, entry.run, entry.record
    if fit is not None and fit.outcome.converged:
        return _optimization(optimizer_title(fit), fit.steps, fit.timing.get("total"))
    if run is not None:
        return "The Run tab follows it." if entry.state in STATE_CHIPS else sentence_of(run)
    if record is None:
        return ""
    if record.outcome is Outcome.CONVERGED:
        return _optimization(_optimizer(entry.specification), record.step, record.seconds)
    return f"{record.sentence[:1].upper()}{record.sentence[1:].removesuffix('.')}."


def _optimization(optimizer: str, steps: int | None, seconds: float | None) -> str:
    """Return how a run found its maximum, as in ``"Newton, 4 steps, 0.04 s"``."""
    taken = "" if steps is None else f"{numbers.count(steps)} step{'s' * (steps != 1)}"
    words = ", ".join(filter(None, (optimizer, taken, numbers.duration(seconds))))
    return f"{words[:1].upper()}{words[1:]}"


def _optimizer(specification: Specification) -> str:
    if model_class(specification.model.name).solved:
        return "closed form"
    known = OPTIMIZERS.get(specification.optimizer.name)
    return specification.optimizer.name if known is None else known.title


def _why_not_comparable(entry: Entry) -> str:
    if entry.state in STATE_CHIPS:
        return "It has not ended yet."
    if entry.state == "interrupted":
        return "It was interrupted before its end; resume it first."
    if entry.outcome is not None and entry.outcome is not Outcome.FAILED:
        return f"It has no estimates to compare. {entry.outcome.value}"
    return "It ended with an error."


def _stored(record: RunRecord) -> Entry | None:
    try:
        spec = Specification.from_dict(record.specification)
    except (WorkbenchError, TypeError, KeyError):
        return None  # written by another version; wb.runs() still lists it
    return Entry(
        record.id, record.name, spec, record.started, record=record, starred=record.starred
    )


def _read_fit(run_id: str) -> Fit | None:
    stored = current_store().read(run_id)
    if stored.result is None:
        return None
    return Fit.from_dict(stored.result, stored.trace, stored.demeaning)
