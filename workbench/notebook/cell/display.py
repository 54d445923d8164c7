"""Show a run while a cell waits for it, and leave its result in the cell."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.notebook.live.saved import publish
from workbench.notebook.live.terminal import in_jupyter
from workbench.report.static import static_bundle

if TYPE_CHECKING:
    from workbench.results.fit import Fit
    from workbench.runs.run import Run

# An interrupt is noticed between waits of this many seconds.
_PATIENCE = 0.2


Keep = Callable[["Fit"], None]
"""The type of the function called with a fit when there is one."""


def show_until_end(run: Run, earlier: Sequence[Fit], keep: Keep) -> None:
    """Show a run live until it ends, then its table in place of the live view.

    Parameters
    ----------
    run
        A run in progress.
    earlier
        Earlier fits to show in the table before this one.
    keep
        Called with the fit before it is shown.

    Raises
    ------
    WorkbenchError
        When the run failed.
    KeyboardInterrupt
        At the second interrupt; the first one stops the run and keeps its best step.
    """
    output = _CellOutput()
    output.watch(run)
    try:
        _wait(run)
    finally:
        _once_more(lambda: _hand_over(run, keep))
        _once_more(lambda: output.fill(_result(run, earlier)))
    run.result()


def leave(run: Run, keep: Keep) -> None:
    """Show a run with its buttons, return at once, and keep its fit when it ends."""
    run.listen(lambda run: _hand_over(run, keep))
    _hand_over(run, keep)
    show(run.view())


def _hand_over(run: Run, keep: Keep) -> None:
    if run.fit is not None:
        keep(run.fit)


def show(thing: Any) -> None:
    """Display an object as the notebook displays it."""
    from IPython.display import display

    display(thing)  # type: ignore[no-untyped-call]


def show_text(text: str) -> None:
    """Show a line of text."""
    publish({"text/plain": text})


class _CellOutput:
    """An output of the cell, which holds first the live view and then the result."""

    def __init__(self) -> None:
        self._id = f"workbench-{uuid.uuid4().hex}"
        self._live = False
        self._result: dict[str, str] | None = None

    def watch(self, run: Run) -> None:
        """Show the run live where there is a page; without one only the result is shown."""
        if not in_jupyter():
            return
        try:
            view = run.view(steerable=False)
        except WorkbenchError as error:
            show_text(str(error))
            return
        view.on_msg(self._on_message)
        described = view._repr_mimebundle_()
        assert described is not None
        publish(described[0], display_id=self._id)
        self._live = True

    def fill(self, result: dict[str, str]) -> None:
        """Put the result in the place of the live view."""
        self._result = result
        publish(result, display_id=self._id if self._live else None, update=self._live)

    def _on_message(self, _: object, content: object, __: object) -> None:
        """Send the result again to a page that was closed when the run ended."""
        ready = isinstance(content, Mapping) and content.get("type") == "ready"
        if ready and self._result is not None:
            self.fill(self._result)


def _wait(run: Run) -> None:
    try:
        _until_ended(run)
    except KeyboardInterrupt:
        run.stop()
        try:
            _until_ended(run)
        except KeyboardInterrupt:
            run.cancel()
            raise


def _once_more(work: Callable[[], None]) -> None:
    """Do something although an interrupt comes, too late to stop the run."""
    try:
        work()
    except KeyboardInterrupt:
        work()


def _until_ended(run: Run) -> None:
    while not run.wait(_PATIENCE):
        pass


def _result(run: Run, earlier: Sequence[Fit]) -> dict[str, str]:
    if run.fit is None:
        return {"text/plain": f"{run.name}: no result."}
    return static_bundle([*earlier, run.fit])
