"""The live view of one or more runs: what ``run.view()`` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from workbench.notebook import bundle, extension
from workbench.notebook.live.saved import SavedOutput, publish
from workbench.notebook.live.stream import Streamer
from workbench.notebook.live.terminal import ProgressLine, in_jupyter

if TYPE_CHECKING:
    from workbench.runs.run import Run


class TraceView(anywidget.AnyWidget):
    """Show runs as they converge: cards, charts, and the buttons that steer them.

    Parameters
    ----------
    *runs
        The runs on the charts, at most five at once.
    steerable
        Whether there are buttons.  A cell that waits for its run shows none: the kernel could not
        react to them before the run ends.

    Outside Jupyter there is no page: the progress of each run is then written as text.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    page_kind = traitlets.Unicode("trace").tag(sync=True)
    steerable = traitlets.Bool(default_value=True).tag(sync=True)
    opening = traitlets.Dict().tag(sync=True)

    def __init__(self, *runs: Run, steerable: bool = True) -> None:
        self._saved = SavedOutput(*runs, folded=True)
        self._streamer = Streamer(
            self._send_message, blocking=not steerable, on_run=self._saved.add
        )
        super().__init__(steerable=steerable, _esm=bundle.module(), _css=bundle.style_sheet())
        self.on_msg(self._on_message)
        for run in runs:
            self._streamer.attach(run)
            if not in_jupyter():
                ProgressLine(run)
        self.opening = self._streamer.opening()

    @property
    def streamer(self) -> Streamer:
        """The object that sends the steps to the page."""
        return self._streamer

    def close(self) -> None:
        """Leave the page; the runs go on."""
        self._streamer.close()
        super().close()

    def _ipython_display_(self) -> None:
        """Show the live view, and below it the output that stays in the saved notebook."""
        if not in_jupyter():
            return
        extension.load_if_missing()
        publish(self._repr_mimebundle_())
        if self.steerable:
            self._saved.show()

    def _send_message(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.send(content, buffers)

    def _on_message(self, _: object, content: object, __: object) -> None:
        if self._streamer.handle(content) == "ready":
            self._saved.refresh()
