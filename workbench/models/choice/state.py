"""The state of a fit of a choice model, from which it predicts later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from workbench.results.state import State


@dataclass(frozen=True)
class PersonState:
    """Columns with one value per person: their design, the positions kept, and their names."""

    design: Mapping[str, Any]
    kept: Sequence[int]
    names: Sequence[str]


def _person_state(stored: Mapping[str, Any] | None) -> PersonState | None:
    return None if stored is None else PersonState(**stored)


@dataclass(frozen=True)
class ChoiceState(State):
    """The state of a fit of a model of choice.

    Attributes
    ----------
    design, kept
        The design for `prediction_matrix`, and the positions of the columns that are estimated.
    columns
        The names of these columns.
    alternatives
        The names of the alternatives.
    levels
        Of a multinomial logit, the levels of the outcome, the base first.
    persons, unit
        The number and the name of the units by which scores are summed.
    held
        Parameters that keep a value, by name.
    scale, members
        The columns that the scale and the membership in classes depend on, or None.
    signs
        The signs of the draws of each random coefficient that make standard deviations positive.
    rejected_modes
        The log-likelihoods at the other candidates for the maximum, by name.
    simulation
        The error of the simulation, as `MixedProblem` measures it.
    class_shares
        The mean membership of each class.
    """

    readers: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "scale": _person_state,
        "members": _person_state,
        "unit": lambda stored: "choice situation" if stored == "chooser" else stored,
    }
    old_words: ClassVar[Mapping[str, str]] = {
        **State.old_words,
        "beaten": "rejected_modes",
    }

    design: Mapping[str, Any] = field(default_factory=dict)
    kept: Sequence[int] = ()
    columns: Sequence[str] = ()
    alternatives: Sequence[str] = ()
    levels: Sequence[str] = ()
    persons: float | None = None
    unit: str = ""
    held: Mapping[str, float] = field(default_factory=dict)
    scale: PersonState | None = None
    members: PersonState | None = None
    signs: Sequence[float] = ()
    rejected_modes: Mapping[str, float] = field(default_factory=dict)
    simulation: Mapping[str, Any] = field(default_factory=dict)
    class_shares: Sequence[float] | None = None

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote, or an older version, which has no parts."""
        parts = {
            part: {each: stored[f"{old}_{each}"] for each in ("design", "kept", "names")}
            for part, old in (("scale", "scale"), ("members", "member"))
            if f"{old}_design" in stored
        }
        return super().from_dict({**stored, **parts})
