"""The stages of a simulated likelihood: few draws, then all of them, then another sign."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any

from workbench.estimation.choice_settings import (
    GAUSS_HERMITE,
    MODELS,
    MixedSettings,
    settings_for,
)
from workbench.report import numbers
from workbench.report.labels import has_few_draws, races

if TYPE_CHECKING:
    from workbench.estimation.run import Run
    from workbench.protocols import Iterate

COMPILING = (
    "The first step waits for the model's sums to be compiled, once on this machine; later runs "
    "begin at once."
)
_OPTIMIZE = "optimize"
# Seconds after which no first step means that something is being compiled.
_SOON = 3.0


def about(run: Run) -> list[dict[str, Any]]:
    """Return what a card says of a run's stages; nothing where the draws stay the same.

    Returns
    -------
    list
        Of each stage its words, the number of its first step, its steps, its highest
        log-likelihood, whether it is rough: one of fewer draws, whose log-likelihood is
        another function, and whether it races the others, at another sign.
    """
    asked = run.specification.model
    if asked.name != MixedSettings.name or not len(run.trace):
        return []
    settings = settings_for(asked)
    unit = "nodes" if settings.draw_kind == GAUSS_HERMITE else "draws"
    whole = f"{numbers.count(settings.draws)} {unit}"
    found: list[dict[str, Any]] = []
    for stage, steps in groupby(run.trace.since(0), key=lambda step: step.stage):
        taken = sum(each["steps"] for each in found)
        found.append(_stage(stage, list(steps), whole, run.observations, taken))
    return found


def compiles(run: Run) -> bool:
    """Say whether a run of discrete choice is held up before its first step, by compilation."""
    optimizes = run.phases["optimize"][0] == "current"
    return run.specification.model.name in MODELS and optimizes and run.elapsed() > _SOON


def found(run: Run) -> str:
    """Return what simulation adds to the estimates of a run that has ended, in sentences."""
    fit, asked = run.fit, run.specification.model
    if fit is None or asked.name != MixedSettings.name or not fit.outcome.at_maximum:
        return ""
    return " ".join(fit.notes)


def _stage(
    stage: str, steps: list[Iterate], whole: str, observations: float, before: int
) -> dict[str, Any]:
    finite = [step.objective for step in steps if math.isfinite(step.objective)]
    return {
        "label": whole if stage == _OPTIMIZE else _label(stage),
        "first": steps[0].number,
        "steps": steps[-1].number - before,
        "loglik": -min(finite) * observations if finite else None,
        "rough": has_few_draws(stage),
        "race": races(stage),
    }


def _label(stage: str) -> str:
    """Return the words of a stage, its draws with a comma in thousands."""
    draws, _, rest = stage.partition(" ")
    return f"{numbers.count(int(draws))} {rest}" if has_few_draws(stage) else stage
