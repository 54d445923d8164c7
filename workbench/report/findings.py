"""Diagnose a run that did not end at a maximum, and list the remedies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.estimation.outcome import Outcome
from workbench.report import numbers
from workbench.report.labels import column_spreads
from workbench.report.tables.grid import Grid, Row

if TYPE_CHECKING:
    from workbench.results.fit import Fit

_UNEVEN = 100.0
"""The ratio of two columns' standard deviations from which a first-order method is slowed."""


@dataclass(frozen=True)
class Remedy:
    """One remedy for a failed run: its short name, the label of its button, and its effect."""

    action: str
    label: str
    help: str


@dataclass(frozen=True)
class Diagnosis:
    """The diagnosis of a failed run, in reading order; the safest remedy comes first."""

    status_label: str
    heading: str
    evidence: tuple[str, ...]
    table: Grid | None
    cause: str
    remedies: tuple[Remedy, ...]


def diagnosis_of(fit: Fit) -> Diagnosis:
    """Return what happened to ``fit``: heading, evidence, likely cause and remedies."""
    heading, *rest = _sentences(fit.message or fit.outcome.value)
    return Diagnosis(
        fit.outcome.status_label,
        heading,
        (*rest, *_without_end(fit), *_gain(fit)),
        _table(fit.evidence),
        _cause(fit),
        remedies_of(fit),
    )


def remedies_of(fit: Fit) -> tuple[Remedy, ...]:
    """Return the remedies for the outcome of ``fit``, the safest first."""
    remedies = {
        Outcome.SEPARATED: _after_separation(tuple(fit.evidence.get("regressors", ()))),
        Outcome.NOT_FINITE: (_START, _RESCALE),
        Outcome.SADDLE: (_START, _NEWTON),
        Outcome.PRECISION: (_FLOAT64, _KEEP),
        Outcome.FLAT: _after_flat(fit.flat),
        Outcome.STOPPED: (_NEWTON, _MORE, _KEEP),
        Outcome.STEP_LIMIT: (_NEWTON, _MORE, _RESCALE, _KEEP),
        Outcome.NO_PROGRESS: (_NEWTON, _RESCALE, _KEEP),
    }
    return remedies.get(fit.outcome, ())


_NEWTON = Remedy("continue-newton", "Continue with Newton", "From this point.")
_MORE = Remedy("continue", "Continue", "Same optimizer, same settings, more steps.")
_KEEP = Remedy("keep", "Keep as it is", "Stays in the list, marked; no standard errors.")
_RESCALE = Remedy(
    "rescale", "Rescale the columns, run again", "Bring their standard deviations near 1."
)
_FLOAT64 = Remedy("float64", "Finish in float64", "From this point, on a device that has it.")
_START = Remedy("start", "Give other start values, run again", "Such as those of a simpler model.")


def _after_separation(regressors: tuple[str, ...]) -> tuple[Remedy, ...]:
    what = " or ".join(regressors) or "the regressor named above"
    return (
        Remedy("remove", f"Remove {what}, run again", "The other variables stay."),
        Remedy("rows", "Look at the rows", f"Sort the data by {what}."),
    )


def _after_flat(flat: tuple[str, ...]) -> tuple[Remedy, ...]:
    return (Remedy("fix", f"Remove or fix one of {', '.join(flat)}, run again", ""),)


def _sentences(message: str) -> list[str]:
    parts = message.split(". ")
    return [part if part.endswith((".", "!", "?")) else f"{part}." for part in parts]


def _without_end(fit: Fit) -> tuple[str, ...]:
    """Explain why a separated run has no estimates."""
    names = tuple(fit.evidence.get("regressors", ()))
    if fit.outcome is not Outcome.SEPARATED or not names:
        return ()
    growing = (
        f"the coefficient of {names[0]} grows" if len(names) == 1 else "their coefficients grow"
    )
    return (
        f"The likelihood increases without bound as {growing} in size, so there is no "
        "estimate to report and no standard error.",
    )


def _gain(fit: Fit) -> tuple[str, ...]:
    """State the expected gain of one more Newton step: half the decrement, in nats."""
    if not fit.outcome.can_continue or fit.decrement is None or not fit.decrement > 0:
        return ()
    gain, now = numbers.figure(fit.decrement / 2, 2), numbers.log_likelihood(fit.loglik)
    return (
        f"One more Newton step is expected to raise the log-likelihood by about {gain} from {now}.",
    )


def _cause(fit: Fit) -> str:
    positive = {name: spread for name, spread in column_spreads(fit).items() if spread > 0}
    if fit.outcome not in (Outcome.STEP_LIMIT, Outcome.NO_PROGRESS) or len(positive) < 2:
        return ""
    large, small = max(positive, key=positive.__getitem__), min(positive, key=positive.__getitem__)
    if positive[large] < _UNEVEN * positive[small]:
        return ""
    return (
        f"The columns differ in size: {large} has standard deviation "
        f"{numbers.figure(positive[large], 2)}, {small} {numbers.figure(positive[small], 2)}."
    )


def _table(evidence: Mapping[str, Any]) -> Grid | None:
    """Return the cross table of the evidence, ``{"columns": [...], "rows": [[label, ...]]}``."""
    table = evidence.get("table")
    if not table:
        return None
    rows = tuple(Row(label, tuple(map(numbers.count, cells))) for label, *cells in table["rows"])
    return Grid("", tuple(table["columns"]), (rows,))
