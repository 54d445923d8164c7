"""Checks that every model of one outcome makes of its data."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from workbench.data.design import Design
from workbench.errors import DataError
from workbench.estimation.model import models_where
from workbench.likelihoods.base import Support
from workbench.names import either
from workbench.sentences import counted


class OfOneOutcome(Protocol):
    """A model of one outcome: its title, the values allowed, and its further parameters."""

    @property
    def title(self) -> str:
        """What the model is called in a sentence."""

    @property
    def support(self) -> Support:
        """The values that the outcome may take."""

    @property
    def further_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that are not coefficients."""


def check_support(kind: OfOneOutcome, design: Design) -> None:
    """Refuse an outcome outside the support.

    Raises
    ------
    DataError
        Naming the count of bad rows, the first, and the values allowed.
    """
    needed = f"{kind.title} needs {design.outcome_name} to be {kind.support.value}"
    refuse_outside(kind.support, design, needed, _other_templates(kind.support))


def refuse_outside(support: Support, design: Design, needed: str, hint: str) -> None:
    """Refuse an outcome outside a support, with the beginning of the sentence and the hint.

    Raises
    ------
    DataError
        Naming the count of bad rows and the first.
    """
    y = design.outcome
    if len(bad := support.violations(y)):
        raise DataError(
            f"{needed}; {counted(len(bad), 'row')} {'is' if len(bad) == 1 else 'are'} not, "
            f"the first is row {int(design.rows[bad[0]])} with {float(y[bad[0]]):g}.",
            hint=hint,
            code="outside-support",
            where=design.outcome_name,
        )


def check_outcome(kind: OfOneOutcome, design: Design) -> None:
    """Refuse an outcome outside the support, or one that does not vary.

    Raises
    ------
    DataError
        Naming the count of bad rows, the first, and the values allowed.
    """
    check_support(kind, design)
    y, name = design.outcome, design.outcome_name
    if np.ptp(y) > 0:
        return
    if kind.support is not Support.REAL:
        raise DataError(
            f"The outcome {name} does not vary: it is {y[0]:g} in all {len(y)} rows.",
            hint="choose another outcome, or other rows.",
            code="constant-outcome",
            where=name,
        )
    if kind.further_parameters:
        raise DataError(
            f"The outcome {name} is {y[0]:g} in all {len(y)} rows, so "
            f"{kind.further_parameters[0]} would be zero.",
            hint=f"the model {either(_solved())}, which needs no {kind.further_parameters[0]}.",
            code="constant-outcome",
            where=name,
        )


def _other_templates(support: Support) -> str:
    if support is Support.ZERO_ONE:
        names = models_where(lambda kind: kind.usual_for in {"number", "integer"})
        return f"recode the outcome to 0 and 1, or choose {' or '.join(names)}."
    names = models_where(lambda kind: kind.usual_for == "number")
    return f"choose {' or '.join(names)}, or another outcome."


def _solved() -> tuple[str, ...]:
    """Return the models with estimates in closed form that read the same formulas."""
    return models_where(lambda kind: kind.solved and not kind.absorbs)


def check_names(names: tuple[str, ...]) -> None:
    """Refuse a column with the name of another parameter."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f'Two parameters would be called "{twice[0]}".',
            hint=f"rename the column {twice[0]} first.",
            code="name-taken",
            where=twice[0],
        )


def check_enough_rows(rows: int, parameters: tuple[str, ...], columns: tuple[str, ...]) -> None:
    """Refuse fewer rows than parameters."""
    if rows < len(parameters) or rows <= len(columns) < len(parameters):
        raise DataError(
            f"{counted(rows, 'row')} cannot determine {len(parameters)} parameters.",
            hint="use more rows, or fewer variables.",
            code="too-few-rows",
        )
