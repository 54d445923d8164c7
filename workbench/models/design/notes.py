"""What a plan says of a design: its outcome and its fixed effects."""

from __future__ import annotations

import numpy as np

from workbench.data.design import Design


def notes_on_design(design: Design) -> tuple[str, ...]:
    """Describe the outcome and count the levels of the fixed effects, a sentence each."""
    return tuple(filter(None, (_outcome(design), _effects(design))))


def _outcome(design: Design) -> str:
    """Describe the outcome in a sentence: its levels, the share of ones, or range and mean."""
    outcome, name = design.outcome, design.outcome_name
    if not len(outcome):
        return ""
    levels = design.outcome_levels or ()
    if len(levels) > 2:
        return f"{name} has {len(levels)} levels, from {levels[0]} up to {levels[-1]}."
    if np.isin(outcome, (0.0, 1.0)).all():
        level = levels[1] if levels else "1"
        share = 100 * outcome.mean()
        return f"{name} = {level} in {int(outcome.sum()):,} rows ({share:.1f} %)."
    low, high, mean = (
        f"{value:,.4g}".replace("-", "−")
        for value in (outcome.min(), outcome.max(), outcome.mean())
    )
    return f"{name} runs from {low} to {high}, mean {mean}."


def _effects(design: Design) -> str:
    counts = [f"{factor.name} ({factor.levels:,} levels)" for factor in design.fixed_effects]
    return f"Absorbed: {', '.join(counts)}." if counts else ""
