"""The stages of a model of choice: few draws, then all of them, then another sign; or float32."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any

from workbench.estimation.model import model_class, model_of
from workbench.estimation.stages import FLOAT32, OPTIMIZE, stage_of
from workbench.report import numbers

if TYPE_CHECKING:
    from workbench.protocols import Iterate
    from workbench.runs.run import Run

COMPILING = (
    "The first step waits for its sums to be compiled, once on this machine; later runs begin "
    "at once."
)
# A run without a first step after this many seconds is being compiled.
_SOON = 3.0


def about(run: Run) -> list[dict[str, Any]]:
    """Return the stages of a run for its card; empty when there is only one.

    Returns
    -------
    list
        For each stage its label, the number of its first step, its steps, its highest
        log-likelihood, whether it is rough (fewer draws or float32, so another
        log-likelihood), and whether it looks for another mode.
    """
    specification = run.specification
    model = model_class(specification.model.name)
    simulated = model.seeded
    if not simulated and (not model.float32_first or specification.dtype != FLOAT32):
        return []  # before the trace is looked at, which may be long
    steps = run.trace.since(0)
    if not steps or not (simulated or any(step.stage == FLOAT32 for step in steps)):
        return []
    labels = _labels(run, simulated=simulated)
    found: list[dict[str, Any]] = []
    for stage, of_stage in groupby(steps, key=lambda step: step.stage):
        taken = sum(each["steps"] for each in found)
        label = labels.get(stage) or _label(stage)
        found.append(_stage(stage, label, list(of_stage), run.observations, taken))
    return found


def _labels(run: Run, *, simulated: bool) -> dict[str, str]:
    """Return the words of the stages of all draws, or of a likelihood without draws."""
    if not simulated:
        return {OPTIMIZE: "float64"}
    whole = model_of(run.specification.model).simulation
    if run.specification.dtype != FLOAT32:
        return {OPTIMIZE: whole}
    return {FLOAT32: f"{whole} in float32", OPTIMIZE: f"{whole} in float64"}


def compiles(run: Run) -> bool:
    """Return whether a run waits for compilation first."""
    model, phases = model_class(run.specification.model.name), run.phases
    optimizes = phases["optimize"][0] == "current" and not len(run.trace)
    demeans = phases["demean"][0] == "current" and not len(run.demeaning)
    return ((model.compiled_on_cpu and optimizes) or demeans) and run.elapsed() > _SOON


def found(run: Run) -> str:
    """Return what simulation adds to the estimates of a run that has ended, in sentences."""
    fit, choice = run.fit, run.specification.model
    if fit is None or not model_class(choice.name).seeded or not fit.outcome.at_maximum:
        return ""
    return " ".join(fit.notes)


def _stage(
    stage: str, label: str, steps: list[Iterate], observations: float, before: int
) -> dict[str, Any]:
    finite = [step.objective for step in steps if math.isfinite(step.objective)]
    return {
        "label": label,
        "first": steps[0].number,
        "steps": steps[-1].number - before,
        "loglik": -min(finite) * observations if finite else None,
        "rough": stage_of(stage).rough,
        "other_mode": stage_of(stage).other_mode,
    }


def _label(stage: str) -> str:
    """Return the words of a stage, its draws with a comma in thousands."""
    draws = stage_of(stage).draws
    return stage if draws is None else f"{numbers.count(draws)} draws"
