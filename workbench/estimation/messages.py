"""The sentence that says how a run ended, with its figures."""

from __future__ import annotations

import math

import numpy as np

from workbench.estimation.inner_trace import Demeaning
from workbench.estimation.optimization import Ending, Measured
from workbench.estimation.outcome import Outcome
from workbench.estimation.problem import Problem
from workbench.sentences import counted, power_of_ten

_MINUS = "A function that returns minus the log-likelihood would look like this."


def message_of(problem: Problem, ending: Ending, measured: Measured, steps: int) -> str:
    """Return one or two sentences that name steps, decrement and parameters."""
    outcome, taken = measured.outcome, counted(steps, "step")
    finish = _power(problem.tolerance)
    gap = (
        ""
        if measured.decrement is None
        else f"the Newton decrement is {_power(measured.decrement)}"
    )
    if outcome is Outcome.CONVERGED:
        if problem.family == "least squares":
            return _solved(problem.record)
        return f"Converged after {taken}: {gap}, below {finish}."
    if outcome is Outcome.FLAT:
        return _flat(problem, measured)
    if outcome is Outcome.BOUNDARY and measured.curvature is not None:
        return _bound(problem, [problem.estimated[i] for i in measured.curvature.at_bound])
    if outcome is Outcome.SEPARATED and ending.evidence is not None:
        return f"No maximum exists: {ending.evidence.sentence}"
    if outcome is Outcome.STOPPED:
        return f"You stopped it at step {steps:,}. Kept without standard errors."
    if outcome is Outcome.NOT_FINITE:
        return _not_finite(steps, ending.detail)
    if outcome is Outcome.SADDLE:
        return (
            f"After {taken} the likelihood still curves upwards in some direction, so this is not "
            f"a maximum. {_MINUS}"
        )
    tail = f" {gap[0].upper()}{gap[1:]}; at a maximum it is below {finish}." if gap else ""
    if measured.curvature is not None and measured.curvature.negative:
        tail = f" The likelihood curves upwards there. {_MINUS}"
    return f"{_why(outcome, taken, ending)}{tail}"


def message_of_stop(demeaning: Demeaning) -> str:
    """Say how far demeaning was when the person stopped it."""
    last = demeaning.last
    assert last is not None
    slowest = demeaning.column_names[int(np.argmax(last.residuals))]
    return (
        f"You stopped the run at iteration {last.number:,} of demeaning, with a relative residual "
        f"of {_power(last.worst)} in {slowest}; there are no estimates."
    )


def _solved(record: str) -> str:
    return f"Demeaned by {record}; solved in closed form." if record else "Solved in closed form."


def notes_on_curvature(problem: Problem, measured: Measured) -> tuple[str, ...]:
    """Warn of an exact fit, and of nearly collinear parameters, by name."""
    curvature = measured.curvature
    if curvature is None and measured.outcome is Outcome.CONVERGED:
        return (f"{problem.depvar} is fitted exactly, so there are no standard errors.",)
    if curvature is None or len(curvature.nearly_flat) < 2:
        return ()
    names = [problem.parameter_names[i] for i in curvature.nearly_flat]
    listed = ", ".join(names[:-1]) + f" and {names[-1]}"
    number = float(curvature.eigenvalues[-1] / curvature.eigenvalues[0])
    return (
        f"{listed} are nearly collinear: the scaled Hessian's condition number is "
        f"{_power(number)}, so their estimates and standard errors keep few digits.",
    )


def _why(outcome: Outcome, taken: str, ending: Ending) -> str:
    if ending.detail:
        return f"Not converged. {ending.detail.rstrip('.')}."
    if outcome is Outcome.STEP_LIMIT:
        return f"Stopped at the limit of {taken}, before the maximum."
    if outcome is Outcome.PRECISION:
        return f"float32 reached its limit after {taken}."
    return f"The optimizer ended after {taken}, before the maximum."


def _flat(problem: Problem, measured: Measured) -> str:
    assert measured.curvature is not None
    names = [problem.estimated[i] for i in measured.curvature.flat]
    direction = measured.curvature.flat_directions[:, 0]
    terms = [(float(direction[i]), problem.estimated[i]) for i in measured.curvature.flat]
    sign = 1.0 if terms[0][0] >= 0 else -1.0
    combination = " ".join(
        f"{'+' if sign * d >= 0 else '−'} {abs(d):.2f} {name}" for d, name in terms[:6]
    ).removeprefix("+ ")
    listed = ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
    return f"The likelihood is flat along {combination}. No standard errors for {listed}."


def _bound(problem: Problem, names: list[str]) -> str:
    """Say what it means that parameters lie at a bound, in the model's own words if it has any."""
    general = _without_end(names) if problem.unbounded else _at_bound(names)
    return problem.bound_message(names) or general


def _at_bound(names: list[str]) -> str:
    listed = " and ".join(names)
    verb, whom = ("lies", "it has") if len(names) == 1 else ("lie", "they have")
    return (
        f"{listed} {verb} at the bound, so {whom} no Wald standard error. Compare with the model "
        "without it by a likelihood-ratio test; at a bound its p-value is half of chi-squared's."
    )


def _without_end(names: list[str]) -> str:
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    grow, whom = ("grows", "it has") if len(names) == 1 else ("grow", "they have")
    return f"{listed} {grow} without end, so {whom} no standard error."


def _not_finite(steps: int, detail: str) -> str:
    said = f" {detail}." if detail else ""
    return (
        f"The log-likelihood is not finite at step {steps:,}; the last finite step is kept.{said} "
        "A smaller learning rate, other start values or Newton avoid this."
    )


def _power(value: float) -> str:
    """Write a small number as in ``1.7 × 10⁻²⁴``, and powers of ten without the factor."""
    if value == 0 or math.isinf(value):
        return "0" if value == 0 else "infinite"
    if 1e-3 <= value < 1e6:
        return f"{value:.3g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    power = power_of_ten(int(exponent))
    return power if mantissa == "1.0" else f"{mantissa} × {power}"
