"""The workbench: choose data and model, run, watch and compare, in one widget."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import anywidget
import traitlets

from workbench.api.calls import resume, start_specification
from workbench.errors import WorkbenchError
from workbench.estimation.code import magic_cell, python_call
from workbench.estimation.specification import DataReference, Specification
from workbench.notebook import bundle, extension
from workbench.notebook.cell.session import remember
from workbench.notebook.comparison_page.page import results_page
from workbench.notebook.comparison_page.runs import STATE_CHIPS, Entry, RunList
from workbench.notebook.live.saved import SavedOutput, publish
from workbench.notebook.live.stream import Streamer
from workbench.notebook.live.terminal import in_jupyter
from workbench.notebook.messages import accepted
from workbench.notebook.setup import (
    check as setup_check,
    data as data_choice,
    defaults as setup_opening,
    form as setup_form,
    page as setup_page,
    reading as setup_reading,
    specification as setup_run,
)
from workbench.notebook.setup.available import available_at_first, available_here
from workbench.notebook.setup.chosen import AUTOMATIC, GIVEN, Check, Chosen
from workbench.notebook.setup.data import Opened
from workbench.notebook.setup.reading import ChosenFile
from workbench.report.comparison import compare
from workbench.report.labels import outcome_name, same_data
from workbench.results.fit import Fit
from workbench.runs.run import Run, record_ended_runs
from workbench.runs.store import current_store

MOST_COMPARED_UNASKED = 5
"""The number of runs that join the comparison when they end: that of line styles."""

COLUMNS_SHOWN = 2_000
UNDO_SECONDS = 11.0
"""Seconds in which a deletion can be undone: ten on the page, and time for the message."""

_LOGGER = logging.getLogger(__name__)
REMEDIES = ("edit", "remove", "float64", "keep")
"""The remedies that the workbench, or its page alone, can apply."""
_READING = ("data", "reread", "sql", "edit")
"""Messages that read data, which may take long: the threads of fits have the lock meanwhile."""


class Workbench(anywidget.AnyWidget):
    """Choose data and a model, run it, watch it converge, compare what was found.

    Parameters
    ----------
    data
        A table, or the name of a shipped sample; without it the page lists what there is.
    name
        The name of the table in messages and code; by default that of the notebook's variable.

    Examples
    --------
    >>> import workbench as wb
    >>> page = wb.Workbench("mroz")
    >>> page.setup["formula"]
    'inlf ~ nwifeinc + educ + exper + expersq + age + kidslt6 + kidsge6'
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    page_kind = traitlets.Unicode("workbench").tag(sync=True)
    setup = traitlets.Dict().tag(sync=True)
    variables: traitlets.List[Any] = traitlets.List().tag(sync=True)
    runs: traitlets.List[Any] = traitlets.List().tag(sync=True)
    results = traitlets.Dict().tag(sync=True)

    def __init__(self, data: object = None, name: str | None = None) -> None:
        super().__init__(_esm=bundle.module(), _css=bundle.style_sheet())
        self._lock = threading.RLock()
        self._available = available_at_first()
        self._opened: Opened | None = None
        self._file: ChosenFile | None = None
        self._source = "notebook"
        self._chosen, self._check = Chosen(), Check(False, "")
        self._notice, self._refusal = "", ""
        self._serial, self._ticket = 0, 0
        self._list = RunList()
        self._compared: list[str] = []
        self._ended: set[str] = set()
        self._leaving: dict[str, threading.Timer] = {}
        self._pair: tuple[str, str] | None = None
        self._stars, self._p_values = False, False
        self._streamer = Streamer(
            self._send_message, able=REMEDIES, on_remedy=self._take_remedy, on_run=self._take_over
        )
        self._saved = SavedOutput(folded=True)
        self._list.adopt(current_store().runs())
        self._take_in(_opened(data, name))
        self._show_runs()
        self._show_results()
        self.on_msg(self._on_message)
        threading.Thread(target=self._look_around, name="workbench-devices", daemon=True).start()

    def fit(self, name: str) -> Fit:
        """Return what the run of that name found.

        Raises
        ------
        KeyError
            When no run of that name is on the list, or it has found nothing.
        """
        for entry in self._list.shown():
            if entry.name == name and (fit := self._list.fit(entry.id)) is not None:
                return fit
        raise KeyError(name)

    # Messages -------------------------------------------------------------------------------
    def _on_message(self, _: object, content: object, buffers: object) -> None:
        """Act on a message of the page that has the shape of one; all others are ignored."""
        if kind := self._streamer.handle(content):
            if kind == "ready":
                self._saved.refresh()
            return
        message = accepted(content)
        if message is None:
            return
        kind = message["type"]
        with nullcontext() if kind in _READING else self._lock:
            try:
                self._HANDLERS[kind](self, message)
            except WorkbenchError as error:
                self._refuse(kind, error)

    def _refuse(self, kind: str, error: WorkbenchError) -> None:
        """Show why a command failed: for a run at the foot, for data next to their name."""
        with self._lock:
            if kind == "run":
                hint = f" Try: {error.hint}" if error.hint else ""
                self._refusal = error.problem + hint
            else:
                self._notice = error.problem
            self._show_setup()

    def _set(self, message: Mapping[str, Any]) -> None:
        self._serial = message["serial"]
        self._choose(
            setup_form.changed(self._chosen, message["field"], message["value"], self._opened)
        )

    def _set_option(self, message: Mapping[str, Any]) -> None:
        self._serial = message["serial"]
        place = message["of"], message["name"], message["value"]
        self._choose(setup_form.with_option(self._chosen, *place))

    def _own(self, _: Mapping[str, Any]) -> None:
        self._choose(setup_form.own_likelihood(self._chosen))

    def _role(self, message: Mapping[str, Any]) -> None:
        none_of_them = ("",) if message["role"] == "f" else ()
        if self._opened is None:
            return
        if message["name"] in (*self._opened.table.names, *none_of_them):
            self._choose(setup_form.assigned(self._chosen, message["name"], message["role"]))

    def _repair(self, _: Mapping[str, Any]) -> None:
        if self._check.suggestion:
            self._choose(setup_form.repaired(self._chosen, self._check))

    def _open_source(self, message: Mapping[str, Any]) -> None:
        self._source = message["source"]
        if self._file is not None and self._file.error:
            self._file = setup_reading.file_of(self._opened)
        self._choose(self._chosen)

    def _open_data(self, message: Mapping[str, Any]) -> None:
        source = self._source
        if self._opened is None and source == "notebook" and message["name"] in _sample_keys():
            source = "samples"
        if source == "file":
            self._show_file(setup_reading.choose_file(message["name"]))
            return
        namespace = data_choice.notebook_namespace()
        opened = data_choice.open_named(source, message["name"], namespace)
        with self._lock:
            self._take_in(opened)

    def _read_again(self, message: Mapping[str, Any]) -> None:
        """Read the file anew with another value in one of its fields."""
        self._serial = message["serial"]
        if self._file is not None:
            place = message["name"], message["value"]
            self._show_file(setup_reading.with_option(self._file, *place))

    def _open_query(self, message: Mapping[str, Any]) -> None:
        opened = data_choice.open_query(message["database"], message["query"])
        with self._lock:
            self._take_in(opened)

    def _show_left_out(self, message: Mapping[str, Any]) -> None:
        if self._opened is not None:
            rows = setup_page.left_out(self._chosen, self._check, self._opened)
            self.send({"type": "left_out", "about": message["about"], **rows})

    def _refresh(self, _: Mapping[str, Any]) -> None:
        self._show_setup()

    def _run(self, message: Mapping[str, Any]) -> None:
        """Start the run that is set up; a second press on the same page finds its ticket used."""
        if message["ticket"] == self._ticket and self._check.ok:
            self._start()

    def _start(self) -> None:
        if self._opened is None:
            return
        self._ticket += 1
        run = start_specification(self._specification(self._opened), self._opened.table)
        self._follow(self._list.add(run, self._compared))
        self._choose(replace(self._chosen, name=""))
        self.send({"type": "started", "id": run.id})

    def _compare(self, message: Mapping[str, Any]) -> None:
        known = [run for run in dict.fromkeys(message["ids"]) if self._comparable(run)]
        self._compared = known
        self._show_results()
        self._show_runs()

    def _star(self, message: Mapping[str, Any]) -> None:
        if entry := self._list.entry(message["id"]):
            entry.starred = not entry.starred
            if entry.run is None:
                current_store().star(entry.id, entry.starred)
            else:
                entry.run.star(entry.starred)
            self._show_runs()

    def _rename(self, message: Mapping[str, Any]) -> None:
        entry, name = self._list.entry(message["id"]), message["name"].strip()[:200]
        if entry and name:
            self._name(entry, name)
            self._show_runs()
            self._show_results()

    def _delete(self, message: Mapping[str, Any]) -> None:
        """Take an ended run off the list, and from the record when the time to undo is over."""
        entry = self._list.entry(message["id"])
        if entry is None or entry.state in STATE_CHIPS:
            return
        self._list.hide(entry.id)
        self._streamer.detach(entry.id)
        self._compared = [run_id for run_id in self._compared if run_id != entry.id]
        timer = self._leaving[entry.id] = threading.Timer(UNDO_SECONDS, self._forget, [entry.id])
        timer.daemon = True
        timer.start()
        self._show_runs()
        self._show_results()

    def _undo(self, message: Mapping[str, Any]) -> None:
        timer = self._leaving.pop(message["id"], None)
        if timer is not None:
            timer.cancel()
            self._list.hide(message["id"], hidden=False)
            self._show_runs()
            entry = self._list.entry(message["id"])
            if entry is not None and entry.run is not None:
                self._streamer.attach(entry.run)

    def _forget(self, run_id: str) -> None:
        with self._lock:
            if self._leaving.pop(run_id, None) is None:
                return
        record_ended_runs()
        try:
            current_store().delete(run_id)
        except WorkbenchError as error:
            _LOGGER.warning("A run could not be deleted: %s", error)

    def _edit(self, message: Mapping[str, Any]) -> None:
        """Bring the settings of a run back to Setup."""
        entry = self._list.entry(message["id"])
        if entry is not None:
            self._bring_back(entry.specification)
            self.send({"type": "edited"})

    def _change_style(self, message: Mapping[str, Any]) -> None:
        self._stars, self._p_values = message["stars"], message["pvalues"]
        self._show_results()

    def _change_pair(self, message: Mapping[str, Any]) -> None:
        self._pair = (message["first"], message["second"])
        self._show_results()

    def _word(self, _: Mapping[str, Any]) -> None:
        """Send the table as a Word document, which only the kernel can make."""
        fits = self._fits()
        if not fits:
            return
        with TemporaryDirectory() as folder:
            table = compare(*fits.values(), stars=self._stars, p_values=self._p_values)
            path = table.to_word(Path(folder) / "table.docx")
            self.send({"type": "word", "name": "comparison.docx"}, [path.read_bytes()])

    def _answer(self, _: Mapping[str, Any]) -> None:
        """Answer the page, so that it knows that the kernel reads its messages."""
        self.send({"type": "pong"})

    def _reopen(self, message: Mapping[str, Any]) -> None:
        """Go on with a run that an earlier kernel left unfinished."""
        entry = self._list.entry(message["id"])
        if entry is None or entry.state != "interrupted":
            return
        reference = entry.specification.data
        tables = data_choice.notebook_tables(data_choice.notebook_namespace())
        data = tables.get(reference.name) if reference.kind == "frame" else None
        run = resume(entry.id, data=data)
        self._list.hide(entry.id)
        self._follow(self._list.add(run, self._compared))
        self.send({"type": "started", "id": run.id})

    _HANDLERS: ClassVar[dict[str, Callable[[Workbench, Mapping[str, Any]], None]]] = {
        "set": _set,
        "option": _set_option,
        "reread": _read_again,
        "own": _own,
        "role": _role,
        "repair": _repair,
        "source": _open_source,
        "data": _open_data,
        "sql": _open_query,
        "refresh": _refresh,
        "left_out": _show_left_out,
        "run": _run,
        "compare": _compare,
        "star": _star,
        "rename": _rename,
        "delete": _delete,
        "undo": _undo,
        "edit": _edit,
        "reopen": _reopen,
        "style": _change_style,
        "pair": _change_pair,
        "word": _word,
        "ping": _answer,
    }

    # Runs -----------------------------------------------------------------------------------
    def _bring_back(self, spec: Specification) -> None:
        """Choose what a run was asked, and open its data when others are open."""
        opened = self._opened
        if opened is None or _place(opened.reference) != _place(spec.data):
            opened = data_choice.open_again(spec.data, data_choice.notebook_namespace())
        with self._lock, self.hold_sync():
            self._file = setup_reading.file_of(opened)
            if opened is not self._opened:
                self._opened = opened
                self._source = data_choice.SOURCES[opened.reference.kind]
                self._show_variables()
            self._choose(setup_run.from_specification(spec))

    def _take_remedy(self, run: Run, action: str) -> None:
        """Apply a remedy to a failed run."""
        if action == "keep":
            return  # the page shows the list, where the run stands as it is
        self._bring_back(run.specification)
        with self._lock:
            if action == "edit":
                self.send({"type": "edited"})
                return
            if action == "float64":
                self._choose(replace(self._chosen, dtype="float64", device="cpu", start=run.id))
            elif run.fit is not None:
                gone = str(run.fit.evidence.get("regressor", ""))
                self._choose(setup_form.without(self._chosen, gone))
            if self._check.ok:
                self._start()

    def _take_over(self, run: Run) -> None:
        """Take in a run that goes on from the end of another, under a new name."""
        with self._lock:
            name = setup_run.unlike(run.name, self._list.names())
            entry = self._list.add(run, self._compared)
            self._name(entry, name)
            self._follow(entry)

    def _name(self, entry: Entry, name: str) -> None:
        entry.name = name
        if entry.run is None:
            current_store().rename(entry.id, name)
            return
        entry.run.rename(name)
        self._streamer.resend_card(entry.id)

    def _follow(self, entry: Entry) -> None:
        """Show a run on the Run tab, and on the list whenever it changes."""
        if entry.run is None:
            return
        self._show_runs()  # the page has the line style of a run before its first step
        self._streamer.attach(entry.run)
        self._saved.add(entry.run)
        entry.run.listen(lambda run: self._on_run_change(entry, run))
        self._on_run_change(entry, entry.run)

    def _on_run_change(self, entry: Entry, run: Run) -> None:
        """Take in a change of a run, in whatever thread it happens."""
        with self._lock:
            if run.fit is not None and entry.id not in self._ended:
                self._ended.add(entry.id)
                remember(run.fit)
                if self._joins(run.fit):
                    self._compared.append(entry.id)
                self._show_results()
            self._show_runs()

    def _joins(self, fit: Fit) -> bool:
        """Return whether a fit joins the comparison: same outcome, same data."""
        others = list(self._fits().values())
        alike = all(same_data(fit, o) and outcome_name(fit) == outcome_name(o) for o in others)
        return fit.outcome.comparable and alike and len(others) < MOST_COMPARED_UNASKED

    def _comparable(self, run_id: str) -> bool:
        fit = self._list.fit(run_id)
        return fit is not None and fit.outcome.comparable

    def _fits(self) -> dict[str, Fit]:
        """Return the fits compared, by id, under the names they have on the list."""
        found = {run_id: self._named_fit(run_id) for run_id in self._compared}
        return {run_id: fit for run_id, fit in found.items() if fit is not None}

    def _named_fit(self, run_id: str) -> Fit | None:
        fit, entry = self._list.fit(run_id), self._list.entry(run_id)
        if fit is None or entry is None:
            return None
        return replace(fit, specification=fit.specification.replace(name=entry.name))

    def _specification(self, opened: Opened) -> Specification:
        name = setup_run.run_name(self._chosen, self._available, self._list.names())
        source = self._list.fit(self._chosen.start)
        start = None if source is None else setup_run.start_from(source.params, self._check)
        return setup_run.specification(self._chosen, self._check, opened.reference, name, start)

    def _look_around(self) -> None:
        """Find the devices, which loads torch, while the page is already there."""
        available = available_here()
        with self._lock:
            self._available = available
            self._show_setup()

    # What the page shows --------------------------------------------------------------------
    def _take_in(self, opened: Opened | None) -> None:
        """Open data with a first model of them."""
        self._opened, self._file = opened, setup_reading.file_of(opened)
        if opened is not None:
            self._source = data_choice.SOURCES[opened.reference.kind]
        with self.hold_sync():  # the list takes its order from the formula it arrives with
            self._show_variables()
            self._choose(setup_opening.opening(opened, self._available))

    def _show_file(self, file: ChosenFile) -> None:
        """Take in a file that was read; one that is refused leaves the data as they are."""
        with self._lock, self.hold_sync():
            before = self._opened
            if file.opened is None:
                self._file = file
                self._choose(self._chosen)
            elif before is None or _path(before) != file.path:
                self._take_in(file.opened)
            else:
                self._opened, self._file = file.opened, file
                self._show_variables()
                parts = self._chosen, before, file.opened, self._available
                self._choose(setup_opening.reopened(*parts))

    def _choose(self, chosen: Chosen) -> None:
        """Take in new choices: check them, and show what follows."""
        self._chosen, self._notice, self._refusal = chosen, "", ""
        refused = None if self._file is None else setup_reading.refusal(self._file)
        self._check = refused or setup_check.checked(chosen, self._opened)
        self._show_setup()

    def _show_variables(self) -> None:
        summaries = self._opened.table.summary()[:COLUMNS_SHOWN] if self._opened else []
        self.variables = [setup_page.about_variable(item) for item in summaries]
        self._figures = setup_page.about_data(self._opened) if self._opened else None

    def _show_setup(self) -> None:
        parts = self._chosen, self._check, self._opened, self._available, self._file
        page = setup_page.page(*parts)
        self.setup = page | {
            "serial": self._serial,
            "ticket": self._ticket,
            "source": self._source,
            "sources": data_choice.sources(),
            "tables": data_choice.tables(self._source, data_choice.notebook_namespace()),
            "data": self._figures,
            "notice": self._notice,
            "refusal": self._refusal,
            "starts": self._starts(),
            "run_name": setup_run.run_name(self._chosen, self._available, self._list.names()),
            "code": self._code(),
        }

    def _starts(self) -> list[dict[str, str]]:
        ended = [entry for entry in self._list.shown() if entry.fit is not None]
        choices = [{"key": AUTOMATIC, "label": "Automatic"}]
        if self._chosen.base is not None and self._chosen.base.start:
            choices.append({"key": GIVEN, "label": "As given"})
        return choices + [{"key": item.id, "label": f"Where {item.name} ended"} for item in ended]

    def _code(self) -> dict[str, str]:
        if self._opened is None or (self._file is not None and self._file.error):
            return {"python": "", "magic": ""}
        spec = self._specification(self._opened)
        return {"python": python_call(spec), "magic": magic_cell(spec)}

    def _show_runs(self) -> None:
        self.runs = self._list.rows(self._available)

    def _show_results(self) -> None:
        pair = list(self._pair or self._compared[:2])
        both = [fit for run_id in pair if (fit := self._named_fit(run_id)) is not None]
        page = results_page(self._fits(), both, stars=self._stars, p_values=self._p_values)
        page["series"] = self._list.keep_apart(page["ids"])
        self.results = page | {"pair": pair if len(both) == 2 else []}

    def _ipython_display_(self) -> None:
        """Show the workbench, and below it, folded, what stays in the saved notebook."""
        if in_jupyter():
            extension.load_if_missing()
            publish(self._repr_mimebundle_())
            self._saved.show()

    def _send_message(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.send(content, buffers)


def _opened(data: object, name: str | None) -> Opened | None:
    if data is None:
        return None
    if isinstance(data, str):
        return data_choice.open_sample(data)
    known = name or data_choice.name_of(data, data_choice.notebook_namespace())
    return data_choice.open_frame(data, known)


def _place(data: DataReference) -> tuple[object, ...]:
    """Return where data are and how they are read, whatever they hold."""
    return data.kind, data.name, data.query, dict(data.options)


def _path(opened: Opened) -> str:
    """Return the path of a file that is open; empty for other data."""
    return opened.reference.name if opened.reference.kind == "file" else ""


def _sample_keys() -> list[str]:
    return [key for key, _ in data_choice.sample_names()]
