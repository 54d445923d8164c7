"""Diagnostics of each run's outcome: condition of the Hessian, ratios of errors, one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import WorkbenchError
from workbench.report import numbers
from workbench.report.labels import at_maximum, unique_names

if TYPE_CHECKING:
    from workbench.results.fit import Fit

WELL_CONDITIONED = 1e4
"""Up to this condition number of the scaled Hessian, at most four digits are lost in inverting."""
ILL_CONDITIONED = 1e8

_CLOSE = 0.1
_ZERO = 1e-10


@dataclass(frozen=True)
class DiagnosticsRow:
    """The diagnostics of one run.

    Attributes
    ----------
    decrement
        Newton decrement of the total log-likelihood, in nats; None where it is unknown.
    eigenvalues
        Those of the Hessian scaled to a unit diagonal, in rising order; empty when unknown.
    condition
        Largest over smallest eigenvalue; None unless all are positive.
    ratio
        Smallest and largest ratio of robust to Hessian standard errors; None when not known.
    finding
        A sentence on the figures and the fit's warnings: few clusters, near collinearity.
    """

    name: str
    status_label: str
    decrement: float | None
    eigenvalues: tuple[float, ...]
    condition: float | None
    ratio: tuple[float, float] | None
    finding: str

    @property
    def cells(self) -> dict[str, str]:
        """The figures as texts, for a table."""
        return {
            "Run": self.name,
            "Outcome": self.status_label,
            "Newton decrement": numbers.figure(self.decrement) or numbers.NOT_SHOWN,
            "Condition": numbers.figure(self.condition, 3) or numbers.NOT_SHOWN,
            "Robust / Hessian": numbers.NOT_SHOWN
            if self.ratio is None
            else " to ".join(numbers.fixed(end, 2) for end in self.ratio),
        }


def diagnostics(fits: Iterable[Fit]) -> list[DiagnosticsRow]:
    """Return one row per fit; the finding says where figures are missing."""
    given = list(fits)
    return [_diagnose(name, fit) for name, fit in zip(unique_names(given), given, strict=True)]


def _diagnose(name: str, fit: Fit) -> DiagnosticsRow:
    found = fit.eigenvalues if fit.outcome.comparable else None
    eigenvalues = () if found is None else tuple(np.sort(found).tolist())
    condition = eigenvalues[-1] / eigenvalues[0] if eigenvalues and eigenvalues[0] > 0 else None
    ratio = _ratio(fit)
    finding = " ".join([_finding(fit, eigenvalues, condition, ratio), *fit.notes])
    return DiagnosticsRow(
        name,
        fit.outcome.status_label,
        fit.decrement,
        eigenvalues,
        condition,
        ratio,
        f"{name}: {finding}",
    )


def _ratio(fit: Fit) -> tuple[float, float] | None:
    """Return the range of robust over Hessian errors, where both exist."""
    if not fit.outcome.converged:
        return None
    try:
        ratio = fit.standard_errors("robust") / fit.standard_errors("hessian")
    except WorkbenchError:
        return None
    finite = ratio[np.isfinite(ratio)]
    return None if finite.empty else (float(finite.min()), float(finite.max()))


def _finding(
    fit: Fit,
    eigenvalues: tuple[float, ...],
    condition: float | None,
    ratio: tuple[float, float] | None,
) -> str:
    if fit.flat:
        return _flat_finding(fit, eigenvalues)
    if not at_maximum(fit):
        return fit.message or fit.outcome.value
    clauses = [_condition_clause(condition), *([] if ratio is None else [_ratio_clause(ratio)])]
    return "; ".join(filter(None, clauses)).rstrip(".") + "."


def _flat_finding(fit: Fit, eigenvalues: tuple[float, ...]) -> str:
    zeros = sum(value <= _ZERO * eigenvalues[-1] for value in eigenvalues) or 1
    count = "one eigenvalue is" if zeros == 1 else f"{zeros} eigenvalues are"
    names = ", ".join(fit.flat)
    return f"{count} zero to working precision; errors for {names} do not exist."


def _condition_clause(condition: float | None) -> str:
    if condition is None:
        return "the Hessian was not kept"
    if condition <= WELL_CONDITIONED:
        return "well conditioned"
    lost = f"the condition number is {numbers.figure(condition, 2)}"
    if condition <= ILL_CONDITIONED:
        return f"{lost}, so some columns move nearly together"
    return f"{lost}, so estimates and errors have few reliable digits"


def _ratio_clause(ratio: tuple[float, float]) -> str:
    low, high = ratio
    if max(high - 1, 1 - low) <= _CLOSE:
        return f"robust errors lie within {numbers.percent(_CLOSE)} of Hessian errors"
    return (
        f"robust errors are {numbers.fixed(low, 2)} to {numbers.fixed(high, 2)} times the Hessian "
        "errors, which hints at a wrong variance or likelihood"
    )
