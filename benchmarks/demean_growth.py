"""The cost of demeaning by the number of rows, and by the share of workers who connect firms.

Both panels are of workers and firms over ten years.  Every solver is brought to the same error as
in `benchmarks.demean`, the solvers take turns in one process, and the picture shows medians.  A
solver with a solve longer than `LONGEST` is left out of larger or harder problems.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.demean import (
    ACCURACY,
    TOLERANCES,
    Case,
    Solver,
    by_ours,
    by_pyfixest,
    by_within,
    reference,
    sparse_mobility,
)
from benchmarks.harness import keep_memory, machine, settle_threads, versions
from workbench.report.plots.palette import GREY, SERIES

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "demean-growth.png"
ROWS, QUICK_ROWS = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000), (10_000, 30_000)
SHARES, QUICK_SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005), (0.5, 0.05)
USUAL_SHARE, USUAL_ROWS, QUICK_USUAL_ROWS = 0.05, 300_000, 10_000
REPEATS, LONGEST, ENOUGH = 5, 30.0, 5.0
"""Turns; seconds of one solve after which a solver is left out, and after which one turn is enough.
"""

SOLVERS: dict[str, Solver] = {
    "workbench, automatic": partial(by_ours, "auto"),
    "workbench, LSMR in torch": partial(by_ours, "lsmr"),
    "workbench, alternating projections": partial(by_ours, "alternating"),
    "within": partial(by_within, "Adaptive"),
    "pyfixest": by_pyfixest,
}


@dataclass(frozen=True)
class Point:
    """The median seconds of one solver at one place of one panel."""

    panel: str
    place: float
    solver: str
    seconds: float
    repeats: int
    tolerance: float


def growth(quick: bool) -> list[Point]:
    """Measure both panels."""
    sizes = QUICK_ROWS if quick else ROWS
    shares = QUICK_SHARES if quick else SHARES
    rows = QUICK_USUAL_ROWS if quick else USUAL_ROWS
    return [
        *_panel("rows", {float(size): (size, USUAL_SHARE) for size in sizes}),
        *_panel("share", {share: (rows, share) for share in shares}),
    ]


def _panel(name: str, places: Mapping[float, tuple[int, float]]) -> Iterable[Point]:
    able = dict(SOLVERS)
    for place, (rows, share) in places.items():
        for point in _measured(_case(rows, share), able):
            found = Point(name, place, **point)
            print(f"{name} {place:g}: {found.solver} {found.seconds:.3g} s")
            yield found


def _case(rows: int, share: float) -> Case:
    rng = np.random.default_rng(0)
    drawn = sparse_mobility(rows, rng, share)
    codes = [np.unique(code, return_inverse=True)[1].astype(np.int32) for code in drawn]
    columns = rng.normal(size=(len(codes[0]), 1))
    for code in codes:
        columns += rng.normal(size=(code.max() + 1, 1))[code]
    return Case("growth", f"{rows:,}", codes, columns, reference(codes, columns), {})


def _measured(case: Case, able: dict[str, Solver]) -> Iterable[dict[str, Any]]:
    """Time the solvers in turn; those that are too slow or too far off leave ``able``."""
    chosen: dict[str, float] = {}
    seconds: dict[str, list[float]] = {}
    for name in list(able):
        tolerance, last = _tolerance(case, able[name])
        if tolerance is not None:
            chosen[name], seconds[name] = tolerance, []
        if tolerance is None or last > LONGEST:
            del able[name]
            seconds |= {name: [last]} if tolerance is not None else {}
    for name in [name for _ in range(REPEATS) for name in chosen]:
        if name in able and not (seconds[name] and seconds[name][0] > ENOUGH):
            began = perf_counter()
            able[name](case.codes, case.columns, chosen[name])
            seconds[name].append(perf_counter() - began)
    for name, tolerance in chosen.items():
        turns = seconds[name]
        found = {"seconds": median(turns), "repeats": len(turns), "tolerance": tolerance}
        yield {"solver": name, **found}


def _tolerance(case: Case, solve: Solver) -> tuple[float | None, float]:
    """Return the first tolerance within the accuracy, and the seconds of its solve."""
    spent = 0.0
    for tolerance in TOLERANCES:
        began = perf_counter()
        far = case.error(solve(case.codes, case.columns, tolerance))
        spent = perf_counter() - began
        if far <= ACCURACY:
            return tolerance, spent
        if spent > LONGEST:
            break
    return None, spent


def draw(points: Iterable[Point], path: Path) -> None:
    """Draw both panels with a transparent ground, legible on white and on black."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 4.2), dpi=160, layout="constrained")
    FigureCanvasAgg(figure)
    found = list(points)
    left, right = figure.subplots(1, 2, sharey=True)
    _draw_panel(left, [p for p in found if p.panel == "rows"])
    _draw_panel(right, [p for p in found if p.panel == "share"])
    share = f"{100 * USUAL_SHARE:g} %"
    left.set_title(f"Rows, {share} of the workers moving in a year", loc="left", **_TEXT)
    right.set_title(f"Workers moving in a year, {USUAL_ROWS:,} rows", loc="left", **_TEXT)
    left.set_ylabel("seconds, to the same error", **_TEXT)
    right.invert_xaxis()
    right.set_xticks(SHARES, [f"{100 * place:g} %" for place in SHARES])
    right.minorticks_off()
    handles, labels = left.get_legend_handles_labels()
    legend = {"loc": "outside lower center", "ncols": 3, "frameon": False, "fontsize": 9}
    figure.legend(handles, labels, labelcolor=GREY, **legend)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, transparent=True)


_TEXT = {"color": GREY, "fontsize": 9}


def _draw_panel(axes: Any, points: list[Point]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    for name, look in zip(SOLVERS, SERIES, strict=True):
        own = [p for p in points if p.solver == name]
        axes.plot(
            [p.place for p in own],
            [p.seconds for p in own],
            color=look.color,
            linestyle=look.dash,
            marker=look.marker,
            markerfacecolor="none" if look.hollow else look.color,
            linewidth=2.2 if name == next(iter(SOLVERS)) else 1.4,
            markersize=5,
            label=name,
        )
    axes.tick_params(which="both", colors=GREY, labelsize=8.5)
    axes.grid(which="major", color=GREY, alpha=0.35, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)


def main() -> None:
    """Measure, draw, and write the figures; a quick run draws nothing without a path."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.demean_growth")
    parser.add_argument("--quick", action="store_true", help="small data")
    parser.add_argument("--to", type=Path, metavar="FILE", help="where to draw the picture")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    options = parser.parse_args()
    settle_threads()
    keep_memory()
    points = growth(options.quick)
    if options.to or not options.quick:
        draw(points, options.to or PICTURE)
    if options.json:
        about = {"machine": machine(), "versions": versions()}
        figures = {**about, "points": [asdict(point) for point in points]}
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
