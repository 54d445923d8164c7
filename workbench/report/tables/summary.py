"""The summary of one fit: specification, outcome, estimates and notes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.report import numbers
from workbench.report.exports import diagnosis, html, text
from workbench.report.findings import Diagnosis, diagnosis_of
from workbench.report.labels import (
    at_maximum,
    clusters,
    device,
    errors_label,
    figure_of,
    has_errors,
    in_table_order,
    kind_note,
    left_out_count,
    library,
    model_name,
    optimizer_title,
    outcome_name,
    shown_errors,
    weights_label,
)
from workbench.report.tables.grid import Grid, Row

if TYPE_CHECKING:
    from workbench.results.fit import Fit


@dataclass(frozen=True)
class Summary:
    """The summary of a fit as text and as HTML.

    Attributes
    ----------
    heading, chip, sentence
        The name of the fit, its outcome, and a sentence with its figures.
    facts
        Pairs of a label and a value.
    coefficients
        The table of estimates; None when the run has none, as after separation.
    notes
        Sentences below the table.
    """

    heading: str
    status_label: str
    sentence: str
    facts: tuple[tuple[str, str], ...]
    coefficients: Grid | None
    diagnosis: Diagnosis | None
    notes: tuple[str, ...]

    def __str__(self) -> str:
        parts = [
            f"{self.heading}  {self.status_label}",
            self.sentence,
            "",
            *_two_columns(self.facts),
        ]
        if self.coefficients is not None:
            parts.append(text.render(self.coefficients))
        parts += [] if self.diagnosis is None else [diagnosis.as_text(self.diagnosis)]
        return "\n".join([*parts, *self.notes])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        parts = [
            f'<p style="margin:2px 0 4px"><b>{escape(self.heading)}</b> '
            f"{html.status_label(self.status_label)} {escape(self.sentence)}</p>",
            _facts_html(self.facts),
        ]
        if self.coefficients is not None:
            parts.append(html.render(self.coefficients))
        parts += [] if self.diagnosis is None else [diagnosis.as_html(self.diagnosis)]
        parts.append(html.notes(self.notes))
        return f'<div class="{html.NO_MATH}" style="line-height:1.45">{"".join(parts)}</div>'

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}


def summary(fit: Fit) -> Summary:
    """Return the summary of ``fit``: coefficients, how they were computed, rows left out."""
    found = None if at_maximum(fit) else diagnosis_of(fit)
    return Summary(
        heading=model_name(fit),
        status_label=fit.outcome.status_label,
        sentence=found.heading if found else fit.message or fit.outcome.value,
        facts=tuple((label, value) for label, value in _facts(fit) if value),
        coefficients=_coefficients(fit) if fit.outcome.comparable else None,
        diagnosis=found,
        notes=tuple(_notes(fit)),
    )


def _facts(fit: Fit) -> Iterable[tuple[str, str]]:
    known = fit.outcome.comparable
    yield "Model", fit.model_title
    yield "Dependent variable", outcome_name(fit)
    yield "Observations", numbers.count(fit.nobs)
    yield "Rows left out", left_out_count(fit)
    yield "Weights", weights_label(fit)
    yield "Offset", fit.specification.offset or ""
    yield "Log-likelihood", numbers.log_likelihood(fit.loglik) if known else ""
    yield "without regressors", numbers.log_likelihood(fit.loglik_null) if known else ""
    yield "McFadden R²", numbers.r_squared(fit.pseudo_r2) if known else ""
    yield "R²", numbers.r_squared(figure_of(fit, "r2")) if known else ""
    yield "R² within", numbers.r_squared(figure_of(fit, "r2_within")) if known else ""
    for label, figure in fit.further_figures.items():
        yield label, numbers.figure(figure, 4)
    yield "AIC", numbers.criterion(fit.aic) if at_maximum(fit) else ""
    yield "BIC", numbers.criterion(fit.bic) if at_maximum(fit) else ""
    yield "Standard errors", errors_label(fit)
    yield "Clusters", clusters(fit)
    yield "Optimizer", optimizer_title(fit)
    yield "Library", f"{library(fit)}, {device(fit)}, {fit.specification.dtype}"
    yield "Steps", numbers.count(fit.steps)
    yield "Newton decrement", numbers.figure(fit.decrement)
    yield "Time", numbers.duration(fit.timing.get("total"))


def _coefficients(fit: Fit) -> Grid:
    order = list(in_table_order([str(name) for name in fit.params.index], [fit]))
    if not has_errors(fit):
        decimals = (numbers.decimals_of_row([], [value]) for value in fit.params[order])
        cells = map(numbers.in_row, fit.params[order], decimals)
        rows = (Row(n, (c,), is_name=True) for n, c in zip(order, cells, strict=True))
        return Grid("", ("Estimate",), (tuple(rows),))
    return Grid(
        title="",
        heads=("Estimate", "Std. err.", _statistic(fit), "p", "95 % from", "to"),
        subheads=("", errors_label(fit), "", "", "", ""),
        corner="Standard errors",
        sections=(tuple(_rows(fit, order)),),
    )


def _statistic(fit: Fit) -> str:
    """Return ``"t"`` where p-values are from Student's t, else ``"z"``."""
    return "t" if fit.tvalues.name == "t" else "z"


def _rows(fit: Fit, order: list[str]) -> Iterable[Row]:
    errors, interval = shown_errors(fit)[order], fit.conf_int().loc[order]
    known = errors.notna()
    columns = (
        fit.params[order],
        errors,
        fit.tvalues[order].where(known),
        fit.pvalues[order].where(known),
        interval.iloc[:, 0].where(known),
        interval.iloc[:, 1].where(known),
    )
    for name, *line in zip(order, *(column.tolist() for column in columns), strict=True):
        yield Row(name, _cells(line, withheld=name in fit.flat), is_name=True)


def _cells(line: Sequence[float], *, withheld: bool) -> tuple[str, ...]:
    estimate, error, z, p, low, high = line
    decimals = numbers.decimals_of_row([error], [estimate])
    return (
        numbers.in_row(estimate, decimals),
        numbers.NOT_SHOWN if withheld and np.isnan(error) else numbers.in_row(error, decimals),
        numbers.fixed(z, 2),
        numbers.p_value(p),
        numbers.in_row(low, decimals),
        numbers.in_row(high, decimals),
    )


def _notes(fit: Fit) -> Iterable[str]:
    for reason, rows in fit.dropped.items():
        yield f"{numbers.count(rows)} rows are left out: {reason}."
    yield from fit.left_out
    if has_errors(fit):
        yield from filter(None, [kind_note(fit)])
    if fit.flat:
        yield f"The likelihood is flat along {', '.join(fit.flat)}: no standard errors exist."
    if fit.further_parameters and has_errors(fit):
        yield f"{', '.join(fit.further_parameters)}: natural scale, errors by the delta method."
    yield from fit.notes


def _two_columns(facts: Sequence[tuple[str, str]]) -> list[str]:
    """Set facts in two columns, read downwards, each value at the right of its column."""
    half = (len(facts) + 1) // 2
    left, right = _column(facts[:half]), _column(facts[half:])
    right += [""] * (half - len(right))
    return [f"{a}    {b}".rstrip() for a, b in zip(left, right, strict=True)]


def _column(facts: Sequence[tuple[str, str]]) -> list[str]:
    label = max((len(label) for label, _ in facts), default=0)
    value = max((len(value) for _, value in facts), default=0)
    return [f"{name.ljust(label)}  {figure.rjust(value)}" for name, figure in facts]


def _facts_html(facts: Sequence[tuple[str, str]]) -> str:
    half = (len(facts) + 1) // 2
    pairs = [*facts[half:], *[("", "")] * (2 * half - len(facts))]
    lines = "".join(
        f'<tr style="background:transparent">{_fact(*left)}{_fact(*right)}</tr>'
        for left, right in zip(facts[:half], pairs, strict=True)
    )
    style = "border-collapse:collapse;margin:4px 0 8px;font-size:13px"
    return f'<table style="{style}"><tbody>{lines}</tbody></table>'


def _fact(label: str, value: str) -> str:
    style = "padding:1px 6px;white-space:nowrap"
    return (
        f'<th scope="row" style="{style};text-align:left;font-weight:400">{escape(label)}</th>'
        f'<td style="{style};padding-right:28px;text-align:right">{escape(value)}</td>'
    )
