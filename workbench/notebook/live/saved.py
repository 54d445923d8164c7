"""The output saved in the notebook file: a table and pictures.

The live view needs a kernel.  A second output, known to the notebook by its ``display_id``, is
filled in when the runs end, from the thread in which they end; it needs neither script nor style
sheet nor network, so a saved, reopened, untrusted or exported notebook still shows it.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.notebook.live.cards import outcome_of, sentence_of
from workbench.notebook.live.terminal import in_jupyter
from workbench.report.static import static_bundle

if TYPE_CHECKING:
    from workbench.runs.run import Run

_FOLDED = "Result for the saved notebook"

_LIVE = "application/vnd.jupyter.widget-view+json"
_WITHOUT_KERNEL = "The live page needs a kernel: run this cell to open it."

# A reopened notebook has no model for the live view; JupyterLab would say so above the result.
_QUIET = (
    "<style>.jp-OutputArea-child:has(+ .jp-OutputArea-child .workbench-saved)"
    " > .jupyter-widgets:not(:has(*)) { display: none }</style>"
)


class SavedOutput:
    """The output that is saved with the notebook for ``runs``.

    Parameters
    ----------
    *runs
        The runs, in the order of the table's columns.
    title
        A heading above the table.
    folded
        Whether the result is one line that opens, for a page that already shows it live.
    """

    def __init__(self, *runs: Run, title: str = "", folded: bool = False) -> None:
        self._runs = list(runs)
        self._title = title
        self._folded = folded
        self._display_id = f"workbench-{uuid.uuid4().hex}"
        self._shown = False
        self._lock = threading.RLock()

    def show(self, live: dict[str, Any] | None = None) -> None:
        """Put the output below the cell, and fill it in when every run has ended.

        Parameters
        ----------
        live
            A MIME bundle to show until then, such as that of a live view, which the result will
            replace; without one, a line that says what will be shown here.
        """
        if not in_jupyter():
            return
        with self._lock:
            self._publish(live if live is not None else self._placeholder(), update=False)
            self._shown = True
        for run in self._runs:
            run.listen(self._on_change)
        self.refresh()

    def add(self, run: Run) -> None:
        """Save one more run, such as one that goes on from another's last step."""
        with self._lock:
            self._runs.append(run)
        if self._shown:
            run.listen(self._on_change)

    def refresh(self) -> None:
        """Send the final result again, for a page that was closed when the runs ended."""
        if self._over():
            self._publish(self.bundle(), update=True)

    def bundle(self) -> dict[str, Any]:
        """Return the result by MIME type: tables and pictures, and a sentence for other ends."""
        fits = [run.fit for run in self._runs if run.fit is not None]
        without = [run for run in self._runs if run.fit is None]
        result = static_bundle(fits, title=self._title) if fits else {}
        lines = [f"{run.name}: {_status_label(run)} {sentence_of(run)}" for run in without]
        endings = {
            "text/html": "".join(f"<p>{escape(line)}</p>" for line in lines),
            "text/markdown": "\n\n".join(lines),
            "text/plain": "\n".join(lines),
        }
        merged = {kind: result.get(kind, "") + text for kind, text in endings.items()}
        return self._fold(merged) if self._folded else merged

    def _on_change(self, _: Run) -> None:
        """Make the result in a separate thread: the run's thread writes its record."""
        if self._over():
            threading.Thread(target=self.refresh, name="workbench-saved").start()

    def _over(self) -> bool:
        ended = [outcome_of(run) is not None for run in self._runs]
        return self._shown and bool(ended) and all(ended)

    def _placeholder(self) -> dict[str, Any]:
        names = ", ".join(run.name for run in self._runs) or "each run"
        line = f"The result of {names} is kept here for the saved notebook."
        style = "margin:2px 0;opacity:.75;font-size:12px"
        html = f'<p class="workbench-saved" style="{style}">{escape(line)}</p>{_QUIET}'
        return {"text/html": html, "text/plain": line}

    def _fold(self, result: dict[str, Any]) -> dict[str, Any]:
        """Make the result one line that opens; a live view closes it, a saved page has it open."""
        summary = f"<summary>{_FOLDED}</summary>"
        html = f'<details open class="workbench-saved">{summary}{result["text/html"]}</details>'
        return {**result, "text/html": html + _QUIET}

    def _publish(self, data: dict[str, Any], *, update: bool) -> None:
        publish(data, display_id=self._display_id, update=update)


def publish(data: Any, *, display_id: str | None = None, update: bool = False) -> None:
    """Show a MIME bundle, with or without metadata, or put it in the place of an earlier one."""
    from IPython.display import publish_display_data

    show: Callable[..., None] = publish_display_data
    bundle, metadata = data if isinstance(data, tuple) else (data, {})
    if _LIVE in bundle:
        bundle = {**bundle, "text/plain": _WITHOUT_KERNEL}
    transient = {} if display_id is None else {"display_id": display_id}
    show(bundle, metadata=metadata, transient=transient, update=update)


def _status_label(run: Run) -> str:
    outcome = outcome_of(run)
    return "" if outcome is None else f"{outcome.status_label}."
