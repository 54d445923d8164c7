"""Show finished runs in a saved notebook, without scripts, style sheets or network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING

from workbench.report import numbers
from workbench.report.comparison import Comparison, compare
from workbench.report.exports import diagnosis, html, markdown
from workbench.report.findings import Diagnosis, diagnosis_of
from workbench.report.labels import (
    at_maximum,
    device,
    is_solved,
    library,
    optimizer_title,
    unique_names,
)
from workbench.report.plots.trace_png import WIDTH, Chart, trace_charts

if TYPE_CHECKING:
    from workbench.results.fit import Fit

_FLOW = "display:flex;flex-wrap:wrap;align-items:flex-start"
_BLOCK = "margin:0 22px 8px 0"
_CAPTION = "margin:2px 0;font-size:12px"
_SAVED = "Saved with the notebook."


def static_bundle(fits: Fit | Sequence[Fit], *, title: str = "") -> dict[str, str]:
    """Return the report of finished runs by MIME type: HTML, Markdown and plain text.

    Runs with estimates are in one table next to the picture of their traces; a run that failed
    has a heading, its evidence and the remedies; a separated run shows no estimate.

    Parameters
    ----------
    fits
        One fit, or the columns of the table in their order.
    title
        A heading above everything, such as the name of the cell.
    """
    shown = list(fits) if isinstance(fits, Sequence) else [fits]
    lines = list(zip(unique_names(shown), shown, strict=True))
    good = [fit for fit in shown if fit.outcome.comparable]
    table = compare(good) if good else None
    diagnoses = [(name, fit, diagnosis_of(fit)) for name, fit in lines if not at_maximum(fit)]
    return {
        "text/html": _html(title, lines, table, diagnoses),
        "text/markdown": _markdown(title, lines, table, diagnoses),
        "text/plain": _plain(title, lines, table, diagnoses),
    }


_Lines = Sequence[tuple[str, "Fit"]]
_Diagnoses = Sequence[tuple[str, "Fit", Diagnosis]]


def _circumstances(fit: Fit) -> str:
    """Return how the run was computed in one clause: steps, rows, library, device and numbers."""
    title, number = optimizer_title(fit), numbers.count(fit.steps)
    steps = title if is_solved(fit) else f"{number} {title} steps"
    rows = f"{numbers.count(fit.nobs)} rows"
    return f"in {steps}, {rows}, {library(fit)}, {device(fit)}, {fit.specification.dtype}"


def _html(title: str, lines: _Lines, table: Comparison | None, diagnoses: _Diagnoses) -> str:
    heading = [f'<p style="margin:2px 0 6px"><b>{escape(title)}</b></p>'] if title else []
    parts = [*heading, *(_headline(name, fit) for name, fit in lines)]
    if table is not None:
        grid = html.render(table.grid, samples=len(table.fits) > 1)
        parts.append(_side_by_side(grid, trace_charts(table.fits)))
    parts += [_html_diagnosis(name, fit, found) for name, fit, found in diagnoses]
    parts.append(html.notes([_SAVED]))
    return f'<div class="{html.NO_MATH}" style="line-height:1.45">{"".join(parts)}</div>'


def _headline(name: str, fit: Fit) -> str:
    return (
        f'<p style="margin:2px 0 8px"><b>{escape(name)}</b> '
        f"{html.status_label(fit.outcome.status_label)} "
        f"{escape(_circumstances(fit))}</p>"
    )


def _side_by_side(left: str, charts: Sequence[Chart]) -> str:
    """Set ``left`` and the pictures side by side, or one below the other on a narrow page."""
    pictures = "".join(
        _picture(chart) + ("" if _same_lines(chart, following) else _legend(chart))
        for chart, following in zip_longest(charts, charts[1:])
    )
    return (
        f'<div style="{_FLOW}"><div style="{_BLOCK};flex:0 1 auto;overflow-x:auto">{left}'
        f'</div><div style="{_BLOCK};flex:0 1 {WIDTH}px">{pictures}</div></div>'
    )


def _picture(chart: Chart) -> str:
    style = "display:block;max-width:100%;height:auto;background:transparent"
    return (
        f'<p style="{_CAPTION}"><b>{escape(chart.title)}</b> {escape(chart.unit)}</p>'
        f'<img src="{chart.data_uri}" alt="{escape(chart.words)}" width="{WIDTH}" style="{style}">'
    )


def _same_lines(chart: Chart, following: Chart | None) -> bool:
    """Return whether the next picture has the same legend, which is then shown below that one."""
    if following is None:
        return False
    return [line.name for line in chart.lines] == [line.name for line in following.lines]


def _legend(chart: Chart) -> str:
    """Return the legend below the pictures, with a sample of each line."""
    names = (html.sample(line.series) + escape(line.name) for line in chart.lines)
    return f'<p style="{_CAPTION}">{" &emsp;".join(names)}</p>' if len(chart.lines) > 1 else ""


def _html_diagnosis(name: str, fit: Fit, found: Diagnosis) -> str:
    style = "margin:10px 0 4px;font-size:16px;font-weight:600"
    heading = f'<p style="{style}">{escape(f"{name}: {found.heading}")}</p>'
    charts = () if fit.outcome.comparable else trace_charts([fit])
    return _side_by_side(heading + diagnosis.as_html(found), charts)


def _markdown(title: str, lines: _Lines, table: Comparison | None, diagnoses: _Diagnoses) -> str:
    parts = [f"**{markdown.escape(title)}**"] if title else []
    for name, fit in lines:
        headline = f"**{markdown.escape(name)}** {fit.outcome.status_label} "
        parts.append(headline + markdown.escape(_circumstances(fit)))
    parts += [table.to_markdown(details=True)] if table is not None else []
    for name, _, found in diagnoses:
        parts += [
            f"**{markdown.escape(f'{name}: {found.heading}')}**",
            diagnosis.as_markdown(found),
        ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _plain(title: str, lines: _Lines, table: Comparison | None, diagnoses: _Diagnoses) -> str:
    parts = [title] if title else []
    parts += [f"{name}  {fit.outcome.status_label} {_circumstances(fit)}" for name, fit in lines]
    parts += [str(table)] if table is not None else []
    for name, _, found in diagnoses:
        parts += [f"{name}: {found.heading}", diagnosis.as_text(found)]
    return "\n".join(parts)
