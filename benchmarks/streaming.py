"""What a live view costs a fit, and how soon a step is seen, in JupyterLab and Chromium.

The same fit runs in one kernel with a live view in the open notebook and without one, in pairs of
alternating order.  The fit has one thread, since the browser shares the machine's cores with it.

A step is pushed when the kernel hands its batch to the widget, and drawn in the frame after the
page has drawn the batch and acknowledged it; both clocks are those of this machine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.harness import Report, Result, main
from tests.browser.lab import Lab
from tests.browser.opened import Opened

ROWS, COLUMNS = 20_000, 10
PAIRS, QUICK_PAIRS = 12, 2
STEPS, QUICK_STEPS = 10_000, 400
PROMISED_LATENCY = 0.1
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

# The page acknowledges a batch once it has drawn it; the frame after that is on the screen.
LISTEN = """
window.drawn = [];
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  send.call(this, data);
  const text = typeof data === "string" ? data : new TextDecoder().decode(data);
  const found = text.includes('"ack"') && text.match(/"through":\\s*(\\d+)/);
  if (!found) return;
  requestAnimationFrame(() => {
    window.drawn.push([Number(found[1]), (performance.timeOrigin + performance.now()) / 1000]);
  });
};
"""
PREPARE = """
import time
import numpy as np
import workbench as wb
from workbench.data.sources import simulated
from workbench.notebook.stream import Streamer

frame = simulated.gaussian({rows}, {columns})
frame["y"] = (frame["y"] > 0).astype(float)
formula = "y ~ " + " + ".join(frame.columns.drop("y"))
pushed, send_batch = {{}}, Streamer._send_batch


def timed(streamer, feed):
    now = time.time()
    send_batch(streamer, feed)
    pushed[feed.sent] = now


Streamer._send_batch = timed


def begin():
    pushed.clear()
    walk = wb.Adam(lr=1e-5)
    return wb.start("logit", formula, frame, backend="torch", optimizer=walk, max_steps={steps})
"""
WATCHED = "run = begin()\nshown = run.view()\nshown"
FIGURES = """[
    run.elapsed(),
    run.trace.last.seconds - run.trace.since(len(run.trace) // 2)[0].seconds,
    list(run.result().params),
]"""


@dataclass(frozen=True)
class Ended:
    """One fit: its seconds, those of its second half, its estimates, and how late its batches were.

    A batch is as late as the seconds from push to draw.
    """

    seconds: float
    second_half: float
    estimates: np.ndarray
    latencies: tuple[float, ...] = ()


def run(quick: bool) -> Report:
    """Measure both promises."""
    os.environ |= ONE_THREAD
    steps = QUICK_STEPS if quick else STEPS
    with _notebook() as view:
        view.code(PREPARE.format(rows=ROWS, columns=COLUMNS, steps=steps))
        pairs = list(_pairs(view, QUICK_PAIRS if quick else PAIRS))
    report, size = Report(), f"{ROWS:,} x {COLUMNS}, {steps:,} steps"
    _add_slow_down(report, size, pairs)
    _add_latency(report, size, [late for with_view, _ in pairs for late in with_view.latencies])
    return report


def _pairs(view: Opened, count: int) -> Iterator[tuple[Ended, Ended]]:
    """Yield fits with and without a view, after one of each that warms up."""
    expected = _without_view(view, 0.0).seconds
    _with_view(view, expected)
    for number in range(count):
        if number % 2:
            without = _without_view(view, expected)
            yield _with_view(view, expected), without
        else:
            yield _with_view(view, expected), _without_view(view, expected)


def _without_view(view: Opened, expected: float) -> Ended:
    view.code("run = begin()")
    return _ended(view, expected)


def _with_view(view: Opened, expected: float) -> Ended:
    view.page.evaluate("window.drawn = []")
    view.run(0)
    ended = _ended(view, expected)
    pushed = {int(n): at for n, at in view.ask("list(pushed.items())")}
    drawn = view.page.evaluate("window.drawn")
    view.code("shown.close()")
    late = tuple(at - pushed[through] for through, at in drawn if through in pushed)
    return replace(ended, latencies=late)


def _ended(view: Opened, expected: float) -> Ended:
    """Wait without disturbing the kernel before the fit is due, and read what was found."""
    time.sleep(1.1 * expected + 0.5)
    view.until("run.status == 'done'")
    seconds, second_half, estimates = view.ask(FIGURES)
    return Ended(seconds, second_half, np.array(estimates))


def _add_slow_down(report: Report, size: str, pairs: list[tuple[Ended, Ended]]) -> None:
    ours = float(np.median([with_view.seconds for with_view, _ in pairs]))
    bare = float(np.median([without.seconds for _, without in pairs]))
    slower = [with_view.seconds / without.seconds - 1 for with_view, without in pairs]
    apart = max(float(np.abs(one.estimates - two.estimates).max()) for one, two in pairs)
    low, middle, high = np.quantile(slower, [0.25, 0.5, 0.75])
    report.results.append(
        Result(
            "a fit with a live view",
            size,
            ours,
            "the same without",
            bare,
            bare / ours,
            apart,
            len(pairs),
        )
    )
    lasting = [one.second_half / other.second_half - 1 for one, other in pairs]
    report.beside["slow-down by the view, median of pairs"] = f"{middle:.1%}"
    report.beside["slow-down of the second half, median of pairs"] = f"{np.median(lasting):.1%}"
    report.beside["slow-down by the view, middle half of pairs"] = f"{low:.1%} to {high:.1%}"


def _add_latency(report: Report, size: str, latencies: list[float]) -> None:
    middle, late, last = np.quantile(latencies, [0.5, 0.95, 1.0])
    report.results.append(
        Result(
            "push to draw, 95th percentile",
            size,
            float(late),
            "promise",
            PROMISED_LATENCY,
            PROMISED_LATENCY / float(late),
            None,
            len(latencies),
        )
    )
    report.beside["push to draw, median"] = f"{1000 * middle:.0f} ms"
    report.beside["push to draw, 95th percentile"] = f"{1000 * late:.0f} ms"
    report.beside["push to draw, slowest"] = f"{1000 * last:.0f} ms"


@contextmanager
def _notebook() -> Iterator[Opened]:
    """Open a notebook of one cell, which shows a fit as it goes."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.environ["WORKBENCH_STORE"] = str(Path(folder) / "runs.sqlite")
        lab = Lab(Path(folder))
        lab.wait()
        found = shutil.which("chromium") or shutil.which("chromium-browser")
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1360, "height": 960})
        page.add_init_script(LISTEN)
        try:
            path = lab.write("streaming", WATCHED)
            yield _opened(page, path, lab)
        finally:
            chromium.close()
            lab.stop()


def _opened(page: Page, path: str, lab: Lab) -> Any:
    page.set_default_timeout(120_000)
    return Opened(page, path, lab.page(path))


if __name__ == "__main__":
    main("streaming", run)
