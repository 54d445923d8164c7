"""Event studies as pictures: estimates by period with their intervals, of one fit or several.

The picture is drawn on a separate Agg canvas, as the traces are.  ``theme="both"`` has a
transparent background and greys that are legible on white and on black.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.data.formula.interactions import LEVELS, interaction_name
from workbench.data.names import level_text
from workbench.errors import OptionError
from workbench.protocols import Numpy
from workbench.report import numbers
from workbench.report.labels import INTERCEPT, has_errors, unique_names
from workbench.report.plots.palette import GREY, SERIES, Series

if TYPE_CHECKING:
    from workbench.results.fit import Fit

WIDTH, HEIGHT = 640, 340
"""Size on the page, in CSS pixels; a PNG has twice as many in each direction."""

THEMES = {"light": ("#ffffff", "#333333"), "dark": ("#111111", "#dddddd"), "both": ("none", GREY)}
"""Colours of the background and of text and lines."""

_INCH = 100
_SHARED_WIDTH = (
    0.66  # share of the distance between two periods that the fits of one period take up
)
_RELATIVE = "periods since treatment"


@dataclass(frozen=True)
class Estimates:
    """One fit on the picture.

    ``places`` are the periods ``(m,)``, or the positions of levels that are not numbers; ``lower``
    and ``upper`` are NaN without standard errors.  ``references`` are periods fixed at zero.
    """

    name: str
    places: Numpy
    values: Numpy
    lower: Numpy
    upper: Numpy
    references: tuple[float, ...]
    series: Series


@dataclass(frozen=True)
class CoefficientPlot:
    """Estimates with their intervals; shows itself in a notebook.

    Attributes
    ----------
    lines
        One entry per fit.
    axis
        What the places mean.
    labels
        The names of the places 0, 1, ..., or None where they are numbers.
    level
        The probability that an interval covers.
    """

    lines: tuple[Estimates, ...]
    axis: str
    labels: tuple[str, ...] | None
    level: float

    @property
    def words(self) -> str:
        """The picture in words, for screen readers."""
        share = f"{100 * self.level:g} %"
        return "; ".join(self._of_one(line) for line in self.lines) + f" ({share} intervals)."

    def _of_one(self, line: Estimates) -> str:
        ends = zip(line.places, line.values, line.lower, line.upper, strict=True)
        shown = (
            f"{self._label(place)}: {numbers.figure(value, 3)}"
            + ("" if math.isnan(low) else f" [{numbers.figure(low, 3)}, {numbers.figure(high, 3)}]")
            for place, value, low, high in ends
        )
        return f"{line.name}, by {self.axis}: {', '.join(shown)}"

    def _label(self, place: float) -> str:
        return numbers.figure(place) if self.labels is None else self.labels[int(place)]

    def png(self, theme: str = "both") -> bytes:
        """Draw as PNG; the theme is ``"light"``, ``"dark"`` or ``"both"``."""
        return self._drawn(theme, "png")

    def svg(self, theme: str = "both") -> str:
        """Draw as SVG; the theme is ``"light"``, ``"dark"`` or ``"both"``."""
        return self._drawn(theme, "svg").decode()

    def save(self, path: str | Path, theme: str = "light") -> None:
        """Write the picture; the suffix of the path, ``.png`` or ``.svg``, gives the format."""
        target = Path(path)
        kind = target.suffix.lower().lstrip(".")
        if kind not in {"png", "svg"}:
            raise OptionError(
                f'The picture\'s path ends in "{target.suffix}".',
                hint='plot.save("effects.png") or plot.save("effects.svg").',
                code="bad-option",
                where="path",
            )
        target.write_bytes(self._drawn(theme, kind))

    def _drawn(self, theme: str, kind: str) -> bytes:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        if theme not in THEMES:
            raise OptionError(
                f'There is no theme "{theme}".',
                hint=f"one of {list(THEMES)}.",
                code="bad-option",
                where="theme",
            )
        ground, ink = THEMES[theme]
        size = (WIDTH / _INCH, HEIGHT / _INCH)
        figure = Figure(figsize=size, dpi=2 * _INCH, layout="constrained", facecolor=ground)
        FigureCanvasAgg(figure)
        axes = figure.add_subplot(facecolor="none")
        _draw(axes, self, ink)
        buffer = io.BytesIO()
        # A fixed salt and no date: the same estimates give the same file.
        with rc_context({"svg.hashsalt": "workbench", "svg.fonttype": "none"}):
            date: dict[str, Any] = {"metadata": {"Date": None}} if kind == "svg" else {}
            figure.savefig(buffer, format=kind, **date)
        return buffer.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        picture = base64.b64encode(self.png()).decode()
        size = {"width": WIDTH, "height": HEIGHT, "alt": self.words}
        return {"image/png": picture, "text/plain": self.words}, {"image/png": size}

    def __repr__(self) -> str:
        return self.words


def event_plot(*fits: Fit, variable: str | None = None, level: float = 0.95) -> CoefficientPlot:
    """Draw the effects of an event by period, side by side for several fits.

    Parameters
    ----------
    fits
        Up to five fits with ``i(period, ref=...)`` or ``sunab(cohort, period)`` in the formula.
    variable
        The variable to show, when a formula codes several by level.
    level
        The probability that an interval covers.

    Raises
    ------
    OptionError
        When there is no fit, too many, or one without such a term.

    Examples
    --------
    >>> import workbench as wb
    >>> cohorts = wb.fit("feols", "y ~ sunab(first_treated, year) | unit + year", "staggered")
    >>> event_plot(cohorts).lines[0].references
    (-1.0,)
    """
    if not 1 <= len(fits) <= len(SERIES):
        raise OptionError(
            f"{len(fits)} fits cannot be drawn in one picture.",
            hint=f"one to {len(SERIES)} fits: wb.event_plot(twfe, cohorts).",
            code="bad-option",
            where="fits",
        )
    events = [_event(fit, variable) for fit in fits]
    texts = [level for e in events for level in e["levels"] if isinstance(level, str)]
    labels = tuple(dict.fromkeys(texts)) or None
    lines = tuple(
        _estimates(fit, name, event, labels, series, level)
        for fit, name, event, series in zip(fits, unique_names(fits), events, SERIES, strict=False)
    )
    names = {e["variable"] for e in events}
    cohorts = any(e["kind"] != LEVELS for e in events)
    axis = _RELATIVE if cohorts or len(names) > 1 else names.pop()
    return CoefficientPlot(lines, axis, labels, level)


def fit_plot(fit: Fit, level: float = 0.95) -> CoefficientPlot:
    """Draw an event study where the formula has one, else each regressor's estimate."""
    if fit.events:
        return event_plot(fit, level=level)
    names = [str(n) for n in fit.params.index if n != INTERCEPT and n not in fit.further_parameters]
    places = {float(place): name for place, name in enumerate(names)}
    line = _line(fit, fit.name, places, (), SERIES[0], level)
    return CoefficientPlot((line,), "regressor", tuple(names), level)


# The numbers -------------------------------------------------------------------------------------
def _event(fit: Fit, variable: str | None) -> Mapping[str, Any]:
    found = [e for e in fit.events if variable in (None, e["variable"])]
    if not found:
        raise OptionError(
            f'"{fit.name}" has no estimates by period'
            + (f" of {variable}." if variable is not None else "."),
            hint="i(period, ref=-1) or sunab(cohort, period) in the formula, and after another "
            'average fit.aggregate("period").',
            code="no-events",
            where="fits",
        )
    if len(found) > 1:
        names = [e["variable"] for e in found]
        raise OptionError(
            f'"{fit.name}" codes {" and ".join(names)} by level.',
            hint=f'variable="{names[0]}".',
            code="several-events",
            where="variable",
        )
    return found[0]


def _estimates(
    fit: Fit,
    name: str,
    event: Mapping[str, Any],
    labels: tuple[str, ...] | None,
    series: Series,
    level: float,
) -> Estimates:
    by = (event["by"] or "") if event["kind"] == LEVELS else ""
    place = {
        x: float(x) if labels is None else labels.index(level_text(x)) for x in event["levels"]
    }
    named = {place[x]: interaction_name(event["variable"], x, by) for x in event["levels"]}
    found = {p: n for p, n in named.items() if n in fit.params.index and math.isfinite(p)}
    low, high = min(found) - 1, max(found) + 1
    fixed = (place[x] for x in event["reference"] if x in place)
    marks = tuple(float(p) for p in fixed if labels is not None or low <= p <= high)
    return _line(fit, name, found, marks, series, level)


def _line(
    fit: Fit,
    name: str,
    named: Mapping[float, str],
    references: tuple[float, ...],
    series: Series,
    level: float,
) -> Estimates:
    rows = list(named.values())
    values = fit.params[rows].to_numpy(np.float64)
    limits = np.full((len(rows), 2), np.nan)
    if has_errors(fit):
        limits = fit.conf_int(level).loc[rows].to_numpy(np.float64)
    places = np.array(list(named), dtype=np.float64)
    return Estimates(name, places, values, limits[:, 0], limits[:, 1], references, series)


# The picture -------------------------------------------------------------------------------------
def _draw(axes: Any, plot: CoefficientPlot, ink: str) -> None:
    axes.axhline(0, color=ink, linewidth=0.8, alpha=0.7)
    share = _SHARED_WIDTH / len(plot.lines)
    for j, line in enumerate(plot.lines):
        _draw_line(axes, line, share * (j - (len(plot.lines) - 1) / 2), plot)
    _draw_event(axes, plot, ink)
    _draw_axes(axes, plot, ink)


def _draw_line(axes: Any, line: Estimates, shift: float, plot: CoefficientPlot) -> None:
    look, alone = line.series, len(plot.lines) == 1
    order = np.argsort(line.places)
    x, y = line.places[order] + shift, line.values[order]
    low, high = line.lower[order], line.upper[order]
    if alone and plot.labels is None:
        for part in _stretches(line.places[order], line.references):
            axes.fill_between(x[part], low[part], high[part], color=look.color, alpha=0.16, lw=0)
    axes.vlines(x, low, high, color=look.color, linewidth=1.1, alpha=0.9)
    face = "none" if look.hollow or look.marker == "x" else look.color
    axes.plot(
        x,
        y,
        linestyle="none",
        marker=look.marker,
        markersize=4.2,
        markerfacecolor=look.color if look.marker == "x" else face,
        markeredgecolor=look.color,
        markeredgewidth=1.1,
        label=line.name,
    )


def _stretches(places: Numpy, references: Sequence[float]) -> list[slice]:
    """Split the places where a reference lies between two of them: it has no interval."""
    cuts = [int(np.searchsorted(places, reference)) for reference in references]
    ends = sorted({0, *cuts, len(places)})
    return [slice(a, b) for a, b in pairwise(ends)]


def _draw_event(axes: Any, plot: CoefficientPlot, ink: str) -> None:
    """Mark the reference, and where the treatment begins when that follows it."""
    references = sorted({place for line in plot.lines for place in line.references})
    if not references:
        return
    zeros = [0.0] * len(references)
    axes.plot(
        references,
        zeros,
        linestyle="none",
        marker="o",
        markersize=6.5,
        markerfacecolor="none",
        markeredgecolor=ink,
        markeredgewidth=1.3,
        label="reference",
        zorder=4,
    )
    if plot.labels is None and -1 in references:
        axes.axvline(-0.5, color=ink, linewidth=0.8, linestyle=(0, (4, 3)), alpha=0.7)


def _draw_axes(axes: Any, plot: CoefficientPlot, ink: str) -> None:
    from matplotlib.ticker import FixedLocator, MaxNLocator

    if plot.labels is None:
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    else:
        axes.xaxis.set_major_locator(FixedLocator(range(len(plot.labels))))
        axes.set_xticklabels(plot.labels, rotation=30 if len(plot.labels) > 6 else 0, ha="center")
    axes.set_xlabel(plot.axis, color=ink, fontsize=8.5)
    axes.set_title(
        f"Estimate and {100 * plot.level:g} % interval", loc="left", color=ink, fontsize=8.5
    )
    axes.tick_params(colors=ink, labelsize=8, width=0.6, length=2.5)
    axes.grid(axis="y", color=ink, alpha=0.2, linewidth=0.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(ink)
    if len(plot.lines) > 1 or any(line.references for line in plot.lines):
        axes.legend(loc="best", frameon=False, fontsize=8, labelcolor=ink)
