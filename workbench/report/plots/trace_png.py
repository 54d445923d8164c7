"""The traces of finished runs as pictures that a saved notebook keeps.

The pictures are PNG, because an untrusted notebook strips inline SVG; they are drawn on a separate
Agg canvas, because ``pyplot`` keeps global state that a background thread must not touch.
Text is set outside the pictures, in the page's colour.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.estimation.model import model_class
from workbench.estimation.outcome import Outcome
from workbench.estimation.stages import stage_of
from workbench.estimation.trace import FIGURES
from workbench.protocols import Numpy
from workbench.report import numbers
from workbench.report.labels import sample_of, unique_names
from workbench.report.plots.palette import GREY, SERIES, Series
from workbench.sentences import power_of_ten

if TYPE_CHECKING:
    from workbench.results.fit import Fit

FINISHED = 1e-8
"""The Newton decrement, in nats, below which a run has converged."""
_WINDOW, _STILL = 20, 10
"""For a stopped run: the number of last steps, and the multiple of their gain still expected."""
WIDTH, HEIGHT = 390, 165
"""Size on the page, in CSS pixels; a picture has twice as many in each direction."""

_INCH = 100
_POINTS_DRAWN = 1000
_MARKED_EACH = 60
_ROUNDING = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Line:
    """One run on one chart, or one of its other modes: steps and values, shape ``(m,)``."""

    name: str
    steps: Numpy
    values: Numpy
    series: Series
    thin: bool = False

    def ending(self, axis: str) -> str:
        """Return the last value and step in words."""
        if not len(self.values):
            return f"{self.name} {numbers.NOT_SHOWN}"
        last = numbers.figure(float(self.values[-1]), 2)
        return f"{self.name} ends at {last} at {axis} {numbers.count(float(self.steps[-1]))}"


@dataclass(frozen=True)
class Chart:
    """One panel: what it shows, in which unit, its lines, and where a run is finished."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    finished: float | None = None
    axis: str = "step"

    @property
    def words(self) -> str:
        """The chart in one sentence, for screen readers."""
        endings = "; ".join(line.ending(self.axis) for line in self.lines)
        return f"{self.title} by {self.axis}, {self.unit}: {endings}."

    @property
    def data_uri(self) -> str:
        """The picture as a data URI."""
        return f"data:image/png;base64,{base64.b64encode(draw(self)).decode()}"


def trace_charts(fits: Sequence[Fit]) -> tuple[Chart, ...]:
    """Return the charts of up to five fits; none when nothing was iterated.

    The first is the residual of demeaning, where fixed effects were absorbed: per column for a
    single fit, and the largest per fit for several.  Then, for fits that were optimized, the
    gap to the expected maximum, in nats per row, and the Newton decrement, in nats, or where an
    optimizer has none, the largest gradient element.
    """
    return (*_of_demeaning(fits), *_of_walks(fits))


def _of_demeaning(fits: Sequence[Fit]) -> tuple[Chart, ...]:
    demeaned = [(j, fit) for j, fit in enumerate(fits[: len(SERIES)]) if len(fit.demeaning)]
    if not demeaned:
        return ()
    names, residuals = unique_names(fits), {j: fit.demeaning.rows()[:, 3:] for j, fit in demeaned}
    if len(demeaned) == 1:
        ((j, fit),) = demeaned
        shown, unit = _slowest(residuals[j]), "relative, log scale"
        drawn = [(fit.demeaning.column_names[k], residuals[j][:, k]) for k in shown]
        named = [(name, values, SERIES[slot]) for slot, (name, values) in enumerate(drawn)]
    else:
        unit = "largest of the columns, log scale"
        named = [(names[j], values.max(axis=1), SERIES[j]) for j, values in residuals.items()]
    lines = [
        # The residual of a direct solve can be exactly zero, which a log axis cannot show.
        _line(name, np.arange(1.0, len(values) + 1), np.maximum(values, _ROUNDING), s)
        for name, values, s in named
    ]
    finished = max(fit.demeaning.tol for _, fit in demeaned)
    return (Chart("Demeaning residual", unit, tuple(lines), finished, "iteration"),)


def _slowest(residuals: Numpy) -> list[int]:
    """Return the columns to draw: as many as there are series, those that were largest longest."""
    heights = np.log10(np.maximum(residuals, _ROUNDING)).sum(axis=0)
    return sorted(np.argsort(-heights, kind="stable")[: len(SERIES)].tolist())


def _of_walks(fits: Sequence[Fit]) -> tuple[Chart, ...]:
    traced = [(j, fit) for j, fit in enumerate(fits[: len(SERIES)]) if _was_optimized(fit)]
    if not traced:
        return ()
    names, tables = unique_names(fits), {j: _table(fit) for j, fit in traced}

    def chart(title: str, unit: str, column: Callable[[int], Numpy], **settings: Any) -> Chart:
        lines = (
            _line(part, tables[j]["number"][rows], column(j)[rows], SERIES[j], part != names[j])
            for j, fit in traced
            for part, rows in _rows_by_line(names[j], fit).items()
        )
        return Chart(title, unit, tuple(lines), **settings)

    if any(fit.outcome is Outcome.SEPARATED for _, fit in traced):
        unit = "nats per row, falls toward 0"
        first = chart("Minus log-likelihood", unit, lambda j: tables[j]["objective"])
    else:
        gaps = _gaps(traced, tables)
        first = chart("Gap to the maximum", "nats per row, log scale", gaps.__getitem__)
    if all(np.isfinite(table["decrement"]).any() for table in tables.values()):
        title, column = "Newton decrement", "decrement"
        return first, chart(title, "log scale", lambda j: tables[j][column], finished=FINISHED)
    return first, chart(
        "Largest gradient element", "log scale", lambda j: tables[j]["gradient_norm"]
    )


def draw(chart: Chart) -> bytes:
    """Draw a chart as a PNG with a transparent background, legible on white and on black."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / _INCH, HEIGHT / _INCH), dpi=2 * _INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_yscale("log")
    for line in chart.lines:
        _draw_line(axes, line)
    if chart.finished is not None:
        _draw_finish(axes, chart.finished)
    _draw_steps(axes, chart)
    _draw_values(axes)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", transparent=True)
    return buffer.getvalue()


def _was_optimized(fit: Fit) -> bool:
    """Return whether the fit was found by an optimizer and not in closed form."""
    last = fit.trace.last
    return last is not None and (last.stage != "solve" or not len(fit.demeaning))


def _rows_by_line(name: str, fit: Fit) -> dict[str, npt.NDArray[np.int64]]:
    """Return the rows of a run's main line and of its other modes, by name."""
    found: dict[str, list[int]] = {name: []}
    for row, step in enumerate(fit.trace.since(0)):
        part = f"{name}, {step.stage}" if stage_of(step.stage).other_mode else name
        found.setdefault(part, []).append(row)
    return {part: np.array(rows) for part, rows in found.items()}


def _table(fit: Fit) -> dict[str, Numpy]:
    rows = fit.trace.rows()[:, : len(FIGURES)]
    return dict(zip(FIGURES, rows.T, strict=True))


def _gaps(
    traced: Sequence[tuple[int, Fit]], tables: dict[int, dict[str, Numpy]]
) -> dict[int, Numpy]:
    """Return each run's distance to the best value expected of any run of the same problem.

    A stage of fewer draws, or in float32, has another likelihood, and is compared with the best
    value of that stage.
    """
    leaders: dict[object, tuple[float, float]] = {}
    rough = {j: _rough(fit) for j, fit in traced}
    for j, fit in traced:
        values = tables[j]["objective"][~rough[j]]
        best = float(np.min(values[np.isfinite(values)], initial=np.inf))
        promise = _promise(fit, values)
        leaders[_problem(fit)] = min((best, promise), leaders.get(_problem(fit), (np.inf, 0.0)))
    found = {}
    for j, fit in traced:
        values = tables[j]["objective"]
        found[j] = _gap(values, *leaders[_problem(fit)])
        if rough[j].any():
            few = values[rough[j]]
            best = float(np.min(few[np.isfinite(few)], initial=np.inf))
            found[j][rough[j]] = _gap(few, best, 0.0)
    return found


def _promise(fit: Fit, values: Numpy) -> float:
    """Return the gain still expected, in nats per row; for a stopped run, from its last gains.

    That is ten times the gain of its last steps, or the gain still to come if gains shrink further
    as from the second third of the steps to the last, where that is more.
    """
    if fit.decrement is not None or fit.outcome.at_maximum:
        return (fit.decrement or 0.0) / 2 / fit.nobs
    best = np.minimum.accumulate(values[np.isfinite(values)])
    if len(best) < 2:
        return 0.0
    third = max(1, (len(best) - 1) // 3)
    before, late = -np.diff(best[[max(0, len(best) - 1 - 2 * third), -1 - third, -1]])
    lasting = _STILL * before > (_STILL + 1) * late  # else the gains hardly shrink
    to_come = late**2 / (before - late) if lasting else _STILL * late
    return float(max(to_come, _STILL * (best[-_WINDOW:][0] - best[-1])))


def _rough(fit: Fit) -> npt.NDArray[np.bool_]:
    return np.array([stage_of(step.stage).rough for step in fit.trace.since(0)], dtype=bool)


def _gap(values: Numpy, best: float, promise: float) -> Numpy:
    """Return the distance to the best value less the gain expected of its next step."""
    return np.maximum(values - best + promise, _ROUNDING)


def _problem(fit: Fit) -> object:
    specification = fit.specification
    # A different seed gives different draws, so another likelihood.
    own = repr(
        (
            specification.model,
            specification.seed if model_class(specification.model.name).seeded else 0,
        )
    )
    return fit.model_title, own, fit.specification.formula, sample_of(fit)


def _line(name: str, steps: Numpy, values: Numpy, series: Series, thin: bool = False) -> Line:
    """Keep the points that a log axis can show, thinned, and always the last one."""
    shown = np.flatnonzero(np.isfinite(values) & (values > 0))
    if len(shown) > _POINTS_DRAWN:
        shown = shown[np.linspace(0, len(shown) - 1, _POINTS_DRAWN).round().astype(np.int64)]
    return Line(name, steps[shown], values[shown], series, thin)


def _draw_line(axes: Any, line: Line) -> None:
    axes.plot(
        line.steps,
        line.values,
        color=line.series.color,
        linestyle=line.series.dash,
        linewidth=0.7 if line.thin else 1.4,
        marker=line.series.marker,
        markersize=4,
        markerfacecolor="none" if line.series.hollow != line.thin else line.series.color,
        markevery=1 if len(line.steps) <= _MARKED_EACH else len(line.steps) // 8,
    )


def _draw_finish(axes: Any, value: float) -> None:
    axes.axhline(value, color=GREY, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.annotate(
        "finished below this line",
        (0.02, value),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        fontsize=7.5,
        color=GREY,
    )


def _draw_steps(axes: Any, chart: Chart) -> None:
    """Draw the axis of steps; it is logarithmic when one run has far more steps than another."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    lengths = [float(line.steps[-1]) for line in chart.lines if len(line.steps)]
    if lengths and max(lengths) > 20 * max(min(lengths), 1):
        axes.set_xscale("symlog", linthresh=1)
        powers = range(int(math.log10(max(lengths))) + 1)
        axes.xaxis.set_major_locator(FixedLocator([0.0, *(10.0**power for power in powers)]))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: numbers.count(step)))
    axes.set_xlabel(chart.axis, loc="right", fontsize=7.5, color=GREY, labelpad=0)


def _draw_values(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = axes.get_ylim()
    several = math.log10(high / low) > 2
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if several else (1, 2, 5), numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(_power if several else _plain))
    axes.tick_params(colors=GREY, labelsize=7.5, width=0.6, length=2.5)
    axes.grid(axis="y", color=GREY, alpha=0.35, linewidth=0.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GREY)


def _power(value: float, _: int) -> str:
    """Label a decade as the page does: 10⁻⁸, 1, 10, 10²."""
    exponent = round(math.log10(value))
    return numbers.count(10**exponent) if exponent in (0, 1) else power_of_ten(exponent)


def _plain(value: float, _: int) -> str:
    return numbers.figure(value)
