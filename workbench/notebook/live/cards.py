"""The card of a run as plain JSON: its texts, its diagnosis and its remedies."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.estimation.model import likelihood_key, model_class
from workbench.estimation.outcome import Outcome
from workbench.notebook.live import inner_trace, stages
from workbench.optimizers import OPTIMIZERS
from workbench.report import numbers
from workbench.report.findings import Diagnosis, Remedy, diagnosis_of, remedies_of
from workbench.sentences import power_of_ten

if TYPE_CHECKING:
    from workbench.estimation.specification import Specification
    from workbench.protocols import Iterate
    from workbench.report.tables.grid import Grid
    from workbench.results.fit import Fit
    from workbench.runs.run import Run

CONVERGED_BELOW = 1e-8
"""The Newton decrement of the total log-likelihood below which a run has converged."""

_GOING = {"running": "● Running", "paused": "❚❚ Paused", "stopping": "■ Stopping"}
_TONES = {"✓": "ok", "!": "warn", "✕": "err", "■": "stop", "❚": "stop", "●": "run"}
_PHASES = {"demean": "Demean", "optimize": "Optimize", "hessian": "Hessian", "report": "Report"}
_LIBRARIES = {"jax": "JAX", "torch": "torch"}
_HALTED = (Outcome.STOPPED, Outcome.STOPPED_EARLY, Outcome.CANCELLED, Outcome.INTERRUPTED)
_MOST_LEFT_OUT = 3
_EDIT = Remedy("edit", "Edit in Setup", "Bring these settings back and change them.")


def card_of(run: Run, *, able: Collection[str] = ()) -> dict[str, Any]:
    """Return everything that the card of ``run`` shows.

    Parameters
    ----------
    run
        A run in any state.
    able
        The remedies that the page can apply; the others are shown as advice.
    """
    specification, outcome, last = run.specification, outcome_of(run), run.trace.last
    status_label = _GOING.get(run.status) or (outcome or Outcome.CANCELLED).status_label
    return {
        "id": run.id,
        "name": run.name or _title(specification.model.name),
        "model": _model(specification),
        "status_label": status_label,
        "tone": _TONES[status_label[0]],
        "state": state_of(run),
        "phases": _phases(run),
        "step": None if last is None else last.number,
        "evaluations": None if last is None else last.evaluations,
        "elapsed": run.elapsed(),
        "loglik": _log_likelihood(run, last),
        "decrement": _decrement(run, last),
        "sentence": sentence_of(run),
        "demeaning": inner_trace.about(run),
        "stages": stages.about(run),
        "solved": model_class(specification.model.name).solved,
        "started": run.started,
        "parameters": list(run.parameter_names),
        "observations": run.observations,
        "data": _data(run),
        "setting": _setting(specification),
        "problem": likelihood_key(specification),
        "outcome": None if outcome is None else outcome.name,
        "comparable": outcome is not None and outcome.comparable,
        **_end(run, able),
    }


def outcome_of(run: Run) -> Outcome | None:
    """Return how the run ended, or None while it goes on."""
    return None if run.status in _GOING else run.outcome


def state_of(run: Run) -> str:
    """Return the state that decides what a page enables."""
    outcome = outcome_of(run)
    if outcome is None:
        return run.status
    if outcome.at_maximum:
        return "done"
    return "stopped" if outcome in _HALTED else "failed"


def sentence_of(run: Run) -> str:
    """Return the sentence below the figures: the distance to convergence, or the outcome."""
    last = run.trace.last
    if run.status == "paused" and last is not None:
        return f"At step {numbers.count(last.number)}. The run can go on from here."
    if run.status == "running" and stages.compiles(run):
        return stages.COMPILING
    if run.status in ("running", "paused") and run.phases["demean"][0] == "current":
        kept = " The run can go on from here." if run.status == "paused" else ""
        return f"{inner_trace.distance(run.demeaning) or run.message}{kept}"
    if run.status == "running" and last is not None and last.number > 0:
        return _distance(last)
    outcome = outcome_of(run)
    if run.fit is not None:
        sentences = (
            run.fit.message or run.fit.outcome.value,
            _left_out(run.fit),
            stages.found(run),
        )
        return " ".join(filter(None, sentences))
    if run.error is not None:
        return _problem_of(run.error)
    return run.message or ("" if outcome is None else outcome.value)


def _left_out(fit: Fit) -> str:
    """Return sentences on the columns left out, the first ones in words."""
    more = len(fit.left_out) - _MOST_LEFT_OUT
    rest = f"{numbers.count(more)} more columns were left out." if more > 0 else ""
    return " ".join((*fit.left_out[:_MOST_LEFT_OUT], rest)).strip()


def _distance(step: Iterate) -> str:
    if step.decrement is not None and math.isfinite(step.decrement):
        line = power_of_ten(round(math.log10(CONVERGED_BELOW)))
        return f"Decrement {numbers.figure(step.decrement, 2)}, to fall below {line}."
    if not math.isfinite(step.gradient_norm):
        return "The gradient is not known yet."
    gradient, length = numbers.figure(step.gradient_norm, 2), numbers.figure(step.step_length, 2)
    return f"Largest gradient {gradient} per row; step length {length}."


def _setting(specification: Specification) -> str:
    """Return library, device and precision; compiled models use neither library."""
    model = model_class(specification.model.name)
    neither = model.without_library(specification.device, specification.dtype)
    library = [] if neither else [_LIBRARIES[specification.backend]]
    return ", ".join([*library, specification.device.upper(), specification.dtype])


def _phases(run: Run) -> list[dict[str, Any]]:
    solved = {"optimize": "Solve"} if model_class(run.specification.model.name).solved else {}
    labels = _PHASES | solved
    return [
        {"key": key, "label": labels.get(key, key.title()), "state": state, "seconds": seconds}
        for key, (state, seconds) in _states(run).items()
    ]


def _states(run: Run) -> dict[str, tuple[str, float | None]]:
    """Return the phases; a halted run did not finish the optimization or what follows."""
    if outcome_of(run) not in _HALTED:
        return run.phases
    at = "demean" if run.phases["demean"][0] == "current" else "optimize"
    kept = run.phases["report"] if run.fit is not None else ("none", None)
    later = {"optimize": ("none", None), "hessian": ("none", None), "report": kept}
    return {**run.phases, **later, at: ("stopped", run.phases[at][1])}


def _log_likelihood(run: Run, last: Iterate | None) -> float | None:
    if run.fit is not None:
        return _finite(run.fit.loglik)
    return None if last is None else _finite(-last.objective * run.observations)


def _decrement(run: Run, last: Iterate | None) -> float | None:
    if run.fit is not None and run.fit.decrement is not None:
        return _finite(run.fit.decrement)
    return None if last is None or last.decrement is None else _finite(last.decrement)


def _model(specification: Specification) -> str:
    model, optimizer = (
        _title(specification.model.name),
        OPTIMIZERS.get(specification.optimizer.name),
    )
    if model_class(specification.model.name).solved or optimizer is None:
        return model
    return f"{model}, {optimizer.title}"


def _title(model: str) -> str:
    """Return the words for a model."""
    return model_class(model).title


def _data(run: Run) -> str:
    """Name the data and their rows, and how many of them the run reads."""
    specification = run.specification
    rows, used = specification.data.rows, run.observations
    by_row = model_class(specification.model.name).observation == "row"
    each = by_row and not specification.weights
    part = f"{numbers.count(used)} of " if each and used < rows else ""
    size = f", {part}{numbers.count(rows)} rows" if rows else ""
    return f"{specification.data.name or 'data'}{size}"


def _end(run: Run, able: Collection[str]) -> dict[str, Any]:
    """Return heading, evidence and remedies of a run that has ended; empty before."""
    if run.fit is not None and state_of(run) == "failed":
        diagnosis = diagnosis_of(run.fit)
        return _ending(
            diagnosis,
            diagnosis.remedies,
            able,
            next(iter(run.fit.evidence.get("regressors", ())), None),
        )
    if run.error is not None:
        return _ending(_diagnosis_of_error(run.error), (), able, None)
    remedies = () if run.fit is None else remedies_of(run.fit)
    return _ending(Diagnosis("", "", (), None, "", ()), remedies, able, None)


def _ending(
    diagnosis: Diagnosis, remedies: Collection[Remedy], able: Collection[str], parameter: object
) -> dict[str, Any]:
    return {
        "heading": diagnosis.heading,
        "evidence": {
            "sentences": list(diagnosis.evidence),
            "table": None if diagnosis.table is None else _table(diagnosis.table),
            "cause": diagnosis.cause,
            "parameter": None if parameter is None else str(parameter),
        },
        "remedies": [
            {
                "action": remedy.action,
                "label": remedy.label,
                "help": remedy.help,
                "able": remedy.action in able,
            }
            for remedy in (*remedies, *([_EDIT] if _EDIT.action in able else []))
        ],
    }


def _table(grid: Grid) -> dict[str, Any]:
    rows = [[row.label, *row.cells] for row in grid.rows]
    return {"columns": [grid.corner, *grid.heads], "rows": rows}


def _diagnosis_of_error(error: BaseException) -> Diagnosis:
    hint = f"Try: {error.hint}" if isinstance(error, WorkbenchError) and error.hint else ""
    return Diagnosis("", _problem_of(error), (hint,) if hint else (), None, "", ())


def _problem_of(error: BaseException) -> str:
    if isinstance(error, WorkbenchError):
        return error.problem
    return f"The run ended with {type(error).__name__}: {error}"


def _finite(value: float | None) -> float | None:
    """Return a number that strict JSON can hold, else None."""
    return float(value) if value is not None and math.isfinite(value) else None
