"""The doors upward: what a fit or a run shows of itself, fetched when it is asked for.

This is the one module below `report` and `notebook` that may open them, late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from workbench.results.fit import Fit
    from workbench.runs.run import Run


def summary(fit: Fit) -> Any:
    """Return the printed table of a fit."""
    from workbench.report.tables.summary import summary as table

    return table(fit)


def fit_bundle(fit: Fit) -> dict[str, str]:
    """Return a fit as HTML, Markdown and plain text."""
    bundle: dict[str, str] = summary(fit)._repr_mimebundle_()
    return bundle


def plot(fit: Fit, level: float) -> Any:
    """Return the picture of a fit's estimates."""
    from workbench.report.plots.event_study import fit_plot

    return fit_plot(fit, level)


def maketables_table(fit: Fit) -> pd.DataFrame:
    """Return the coefficient table that maketables reads."""
    from workbench.report.tables.maketables import maketables_table as table

    return table(fit)


def maketables_stat(fit: Fit, key: str) -> Any:
    """Return a figure that maketables asks for, or None."""
    from workbench.report.tables.maketables import maketables_stat as stat

    return stat(fit, key)


def view(run: Run) -> Any:
    """Return the live view of a run."""
    from workbench.notebook.widgets.trace_view import TraceView

    return TraceView(run)
