"""The Results tab for some fits, as plain JSON, with the numbers of ``report``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from workbench.estimation.outcome import Outcome
from workbench.report import numbers
from workbench.report.comparison import Comparison, compare
from workbench.report.labels import column_spreads, outcome_name
from workbench.report.plots.coefficients import coefficient_rows
from workbench.report.tables.changes import what_changed
from workbench.report.tables.diagnostics import DiagnosticsRow, diagnostics
from workbench.report.tables.grid import Grid, Row
from workbench.results.fit import Fit

_HIDDEN = str.maketrans({numbers.FIGURE_SPACE: "0", numbers.POINT_SPACE: "."})
_TONES = {"✓": "ok", "!": "warn", "✕": "err"}


def results_page(
    fits: Mapping[str, Fit],
    pair: Sequence[Fit] = (),
    *,
    stars: bool = False,
    p_values: bool = False,
) -> dict[str, Any]:
    """Return everything the Results tab shows next to the list of runs.

    Parameters
    ----------
    fits
        The fits compared, by the id of their run.
    pair
        Two fits for "What changed", or none.
    """
    page: dict[str, Any] = {"ids": list(fits), "stars": stars, "pvalues": p_values, "table": None}
    page["changed"] = asdict(what_changed(*pair)) if len(pair) == 2 else None
    if not fits:
        return page
    comparison = compare(*fits.values(), stars=stars, p_values=p_values)
    outcome, *others = {outcome_name(fit) for fit in comparison.fits}
    return page | {
        "depvar": "" if others else outcome,
        "table": table(comparison.grid),
        "exports": exports(comparison),
        "diagnostics": [_diagnostics_row(item) for item in diagnostics(comparison.fits)],
        "coefficients": coefficients(comparison),
    }


def tone(status_label: str) -> str:
    """Return the colour of a run's status label: ok, warn, err, or stop for all others."""
    return _TONES.get(status_label[:1], "stop")


def table(grid: Grid) -> dict[str, Any]:
    """Return a grid with hidden digits that align the decimal points of its numbers."""
    columns = [iter(_aligned(grid.column(place))) for place in range(len(grid.heads))]
    return {
        "heads": list(grid.heads),
        "subheads": list(grid.subheads),
        "corner": grid.corner,
        "sections": [[_line(row, columns) for row in section] for section in grid.sections],
        "note": " ".join(grid.notes),
    }


def _line(row: Row, columns: Iterable[Any]) -> dict[str, Any]:
    aligned = [next(column) for column in columns]
    cells = aligned if row.is_number else [(cell, "", "") for cell in row.cells]
    return {"label": row.label, "name": row.is_name, "kind": row.kind, "cells": cells}


def _aligned(column: Sequence[str]) -> list[tuple[str, str, str]]:
    """Cut each text into the number, the stars or bracket after it, and hidden digits."""
    cut = [numbers.split_hanging(text) for text in column]
    pads = numbers.paddings([core for core, _ in cut])
    hidden = [pad.translate(_HIDDEN) for pad in pads]
    return [(core, tail, pad) for (core, tail), pad in zip(cut, hidden, strict=True)]


def exports(comparison: Comparison) -> dict[str, str]:
    """Return the table in every format that is text, for a page without a kernel."""
    return {
        "html": comparison.to_html(padding=False),
        "text": comparison.to_text(),
        "latex": comparison.to_latex(),
        "markdown": comparison.to_markdown(),
        "csv": comparison.to_csv(),
    }


def coefficients(comparison: Comparison) -> list[dict[str, Any]]:
    """Return, for each regressor, one point per fit: estimate, 95 % interval, and the scale.

    ``scale`` is the standard deviation of the variable in the fit's data, None when not known.
    """
    places = {name: place for place, name in enumerate(comparison.names)}
    spreads = [column_spreads(fit) for fit in comparison.fits]
    points: dict[str, list[dict[str, Any] | None]] = {}
    for row in coefficient_rows(comparison.fits):
        of_parameter = points.setdefault(row.parameter, [None] * len(places))
        of_parameter[places[row.run]] = {
            "estimate": row.estimate,
            "low": row.lower,
            "high": row.upper,
            "scale": spreads[places[row.run]].get(row.parameter),
        }
    return [{"name": name, "points": of_parameter} for name, of_parameter in points.items()]


def _diagnostics_row(item: DiagnosticsRow) -> dict[str, Any]:
    largest = max(item.eigenvalues, default=0.0)
    values = np.maximum(item.eigenvalues, np.finfo(float).eps * largest) if largest > 0 else []
    return {
        "status_label": item.status_label,
        "tone": tone(item.status_label),
        "decrement": item.cells["Newton decrement"],
        "eigenvalues": np.log10(values).tolist(),
        "flat": item.status_label == Outcome.FLAT.status_label,
        "condition": item.cells["Condition"],
        "ratio": item.cells["Robust / Hessian"],
        "finding": item.finding.removeprefix(f"{item.name}: "),
    }
