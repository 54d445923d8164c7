"""Estimates with their intervals, as the numbers of a chart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.report.comparison import compare
from workbench.report.labels import INTERCEPT, column_spreads, shown_errors

if TYPE_CHECKING:
    from workbench.results.fit import Fit


@dataclass(frozen=True)
class CoefficientRow:
    """One estimate on the chart; the interval is None where no standard error exists."""

    parameter: str
    run: str
    estimate: float
    lower: float | None
    upper: float | None


def coefficient_rows(
    fits: Sequence[Fit], *, per_deviation: bool = False, level: float = 0.95
) -> list[CoefficientRow]:
    """Return the regressors' estimates with intervals, parameter by parameter.

    Parameters
    ----------
    per_deviation
        Multiply by the standard deviation of the variable, where the fit has it;
        a parameter without one is left out.
    level
        The probability that the interval covers.

    Raises
    ------
    InferenceError
        When a fit has no estimates, as after separation.
    """
    comparison = compare(fits)
    left_out = {INTERCEPT, *(name for fit in fits for name in fit.further_parameters)}
    left_out |= {n for f in fits for n in f.further_coefficients if n.endswith(f":{INTERCEPT}")}
    return [
        row
        for parameter in comparison.parameters
        if parameter not in left_out
        for name, fit in zip(comparison.names, comparison.fits, strict=True)
        for row in _row(fit, parameter, name, per_deviation=per_deviation, level=level)
    ]


def _row(
    fit: Fit, parameter: str, run: str, *, per_deviation: bool, level: float
) -> Iterable[CoefficientRow]:
    spreads = column_spreads(fit)
    if parameter not in fit.params.index or (per_deviation and parameter not in spreads):
        return
    scale = spreads[parameter] if per_deviation else 1.0
    estimate = float(fit.params[parameter]) * scale
    if np.isnan(shown_errors(fit)[parameter]):
        yield CoefficientRow(parameter, run, estimate, None, None)
        return
    lower, upper = fit.conf_int(level).loc[parameter].to_numpy(np.float64) * scale
    yield CoefficientRow(parameter, run, estimate, float(lower), float(upper))
