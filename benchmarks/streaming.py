"""The cost of a live view, and the delay until a step is seen, in JupyterLab and Chromium.

One long fit runs in one kernel, and its live view in the open notebook is on and off by turns of a
few seconds, in the order ABBA: the machine has about the same speed in neighbouring turns, so the
steps taken in each make a pair.  Whole fits with a view and without one, in turns too, show what
opening a view costs in addition.  The fits have one thread, since the browser shares the
machine's cores.

A step is pushed when the kernel hands its batch to the widget, and drawn when the page has made
the frame that shows it; both clocks are those of this machine.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.harness import Report, Result, main
from tests.browser.lab import Lab
from tests.browser.opened import Opened

ROWS, COLUMNS = 20_000, 10
TURNS, QUICK_TURNS = 280, 4
SECONDS, SETTLING = 2.0, 0.4
"""Seconds of a turn, and those at its beginning that do not count."""
FITS, QUICK_FITS = 6, 1
STEPS, QUICK_STEPS = 5_000, 400
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

# The page tells the document when it has drawn, within a frame; the next task comes after it.
LISTEN = """
window.drawn = [];
const later = new MessageChannel();
const waiting = [];
later.port1.onmessage = () => {
  const now = (performance.timeOrigin + performance.now()) / 1000;
  window.drawn.push(...waiting.splice(0).map((through) => [through, now]));
};
document.addEventListener("workbench:drawn", ({ detail }) => {
  waiting.push(detail.through);
  later.port2.postMessage(null);
});
"""
PREPARE = """
import time
import numpy as np
import workbench as wb
from workbench.data.sources import simulated
from workbench.notebook.live.stream import Streamer

frame = simulated.gaussian({rows}, {columns})
frame["y"] = (frame["y"] > 0).astype(float)
formula = "y ~ " + " + ".join(frame.columns.drop("y"))
pushed, send_batch, flush = {{}}, Streamer._send_batch, Streamer.flush
live = True


def timed(streamer, feed):
    now = time.time()
    send_batch(streamer, feed)
    pushed[feed.sent] = now


Streamer._send_batch = timed
Streamer.flush = lambda streamer: flush(streamer) if live else None


def begin(steps={steps}):
    pushed.clear()
    optimizer = wb.Adam(lr=1e-7)  # so slow that turns end before it does
    return wb.start("logit", formula, frame, backend="torch", optimizer=optimizer, max_steps=steps)


def steps_between(edges):
    origin = time.time() - run.elapsed()
    seconds = np.array([step.seconds for step in run.trace]) + origin
    return [int(np.searchsorted(seconds, edge)) for edge in edges]
"""
WATCHED = "run = begin({steps})\nshown = run.view()\nshown"
FIGURES = "[run.elapsed(), list(run.result().params)]"
SHOW = "document.querySelectorAll('section.wb').forEach((view) => (view.style.display = '{how}'))"
NEVER_ENDING = 10_000_000


@dataclass(frozen=True)
class Ended:
    """One fit: its seconds and its estimates."""

    seconds: float
    estimates: np.ndarray


@dataclass(frozen=True)
class Turns:
    """Steps per second with the view on and off, ``(pairs,)``, and seconds to draw."""

    live: np.ndarray
    still: np.ndarray
    latencies: list[float]


def run(quick: bool) -> Report:
    """Measure both promises."""
    os.environ |= ONE_THREAD
    steps = QUICK_STEPS if quick else STEPS
    with _notebook(WATCHED.format(steps="")) as view:
        view.code(PREPARE.format(rows=ROWS, columns=COLUMNS, steps=steps))
        pairs = list(_pairs(view, QUICK_FITS if quick else FITS))
    with _notebook(WATCHED.format(steps=NEVER_ENDING)) as view:
        view.code(PREPARE.format(rows=ROWS, columns=COLUMNS, steps=steps))
        turns = _turns(view, QUICK_TURNS if quick else TURNS)
    report = Report()
    _add_slow_down(report, turns)
    _add_latency(report, turns.latencies)
    _add_whole_fits(report, f"{ROWS:,} x {COLUMNS}, {steps:,} steps", pairs)
    return report


def _turns(view: Opened, count: int) -> Turns:
    """Switch the view on and off by turns during one fit."""
    view.run(0)
    time.sleep(3 * SECONDS)
    view.page.evaluate("window.drawn = []")
    spans: list[tuple[bool, float, float]] = []
    for number in range(count):
        live = number % 4 in {0, 3}
        view.code(f"live = {live}")
        view.page.evaluate(SHOW.format(how="" if live else "none"))
        began = time.time()
        time.sleep(SECONDS)
        spans.append((live, began + SETTLING, time.time()))
    assert view.ask("run.status") == "running"
    edges = [edge for _, *both in spans for edge in both]
    counts = np.array(view.ask(f"steps_between({edges})")).reshape(-1, 2)
    rates = np.diff(counts).ravel() / np.diff(np.array(edges).reshape(-1, 2)).ravel()
    worked = np.array([live for live, *_ in spans])
    latencies = _latencies(view)
    view.code("run.cancel()")
    return Turns(rates[worked], rates[~worked], latencies)


def _latencies(view: Opened) -> list[float]:
    pushed = {int(n): at for n, at in view.ask("list(pushed.items())")}
    drawn = view.page.evaluate("window.drawn")
    return [at - pushed[through] for through, at in drawn if through in pushed]


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
    view.run(0)
    ended = _ended(view, expected)
    view.code("shown.close()")
    return ended


def _ended(view: Opened, expected: float) -> Ended:
    """Wait without disturbing the kernel before the fit is due, and read the results."""
    time.sleep(1.1 * expected + 0.5)
    view.until("run.status == 'done'")
    seconds, estimates = view.ask(FIGURES)
    return Ended(seconds, np.array(estimates))


def _add_slow_down(report: Report, turns: Turns) -> None:
    live, still = float(np.median(turns.live)), float(np.median(turns.still))
    slower = turns.still / turns.live - 1
    low, middle, high = np.quantile(slower, [0.25, 0.5, 0.75])
    report.results.append(
        Result(
            "a step with a live view at work",
            f"{ROWS:,} x {COLUMNS}",
            1 / live,
            "the view at rest",
            1 / still,
            live / still,
            None,
            len(slower),
        )
    )
    report.extra["slow-down by a live view, median of pairs of turns"] = f"{middle:.1%}"
    report.extra["middle half of these pairs"] = f"{low:.1%} to {high:.1%}"
    report.extra["standard error of the median, by resampling pairs"] = f"{_error(slower):.1%}"


def _error(values: np.ndarray) -> float:
    """Return the standard error of a median (Efron 1979)."""
    drawn = np.random.default_rng(0).choice(values, (2_000, len(values)))
    return float(np.median(drawn, axis=1).std())


def _add_whole_fits(report: Report, size: str, pairs: list[tuple[Ended, Ended]]) -> None:
    apart = max(float(np.abs(one.estimates - two.estimates).max()) for one, two in pairs)
    assert apart == 0.0, apart
    seconds = float(np.median([without.seconds for _, without in pairs]))
    longer = [with_view.seconds - without.seconds for with_view, without in pairs]
    low, middle, high = np.quantile(longer, [0.25, 0.5, 0.75])
    report.extra[f"a whole fit without a view, {size}, s"] = round(seconds, 2)
    report.extra["longer with a view, its opening included, median of pairs, s"] = round(middle, 2)
    report.extra["middle half of these pairs, s"] = f"{low:.2f} to {high:.2f}"


def _add_latency(report: Report, latencies: list[float]) -> None:
    middle, late, last = np.quantile(latencies, [0.5, 0.95, 1.0])
    report.results.append(
        Result(
            "push to draw, 95th percentile",
            f"{ROWS:,} x {COLUMNS}",
            float(late),
            "promise",
            PROMISED_LATENCY,
            PROMISED_LATENCY / float(late),
            None,
            len(latencies),
        )
    )
    report.extra["push to draw, median"] = f"{1000 * middle:.0f} ms"
    report.extra["push to draw, 95th percentile"] = f"{1000 * late:.0f} ms"
    report.extra["push to draw, slowest"] = f"{1000 * last:.0f} ms"


@contextmanager
def _notebook(cell: str) -> Iterator[Opened]:
    """Open a notebook of one cell, which shows a fit live."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.environ["WORKBENCH_STORE"] = str(Path(folder) / "runs.sqlite")
        lab = Lab(Path(folder))
        lab.wait()
        found = shutil.which("chromium") or shutil.which("chromium-browser")
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1360, "height": 960})
        page.add_init_script(LISTEN)
        try:
            path = lab.write("streaming", cell)
            yield _opened(page, path, lab)
        finally:
            chromium.close()
            lab.stop()


def _opened(page: Page, path: str, lab: Lab) -> Any:
    page.set_default_timeout(120_000)
    return Opened(page, path, lab.page(path))


if __name__ == "__main__":
    main("streaming", run)
