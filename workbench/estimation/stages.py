"""The stages of an optimization: how they are named in a trace and a record, and what they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

OPTIMIZE = "optimize"
"""The stage of the log-likelihood itself."""
FLOAT32 = "float32"
"""The stage of steps in float32, which steps in float64 follow."""
_OTHER_SIGN = "other sign of "


@dataclass(frozen=True)
class Stage:
    """What a stage does.

    Attributes
    ----------
    name
        The name in a trace and a record.
    draws
        The number of draws of a stage with fewer than the model has; None for all of them.
    other_mode
        Whether it looks for another maximum, at another sign of a parameter.
    """

    name: str
    draws: int | None = None
    other_mode: bool = False

    @property
    def rough(self) -> bool:
        """Whether its log-likelihood differs from the model's: fewer draws, or float32."""
        return self.draws is not None or self.name == FLOAT32


def with_draws(draws: int) -> str:
    """Name the stage with fewer draws.

    >>> stage_of(with_draws(50)).draws
    50
    """
    return f"{draws} draws"


def other_sign(parameter: str) -> str:
    """Name the stage that looks for a maximum at the other sign of a parameter.

    >>> stage_of(other_sign("sd.price")).other_mode
    True
    """
    return f"{_OTHER_SIGN}{parameter}"


@lru_cache(maxsize=1024)
def stage_of(name: str) -> Stage:
    """Return what a stage of this name is.

    >>> stage_of("optimize").rough, stage_of("float32").rough
    (False, True)
    """
    fewer = re.fullmatch(r"(\d+) draws", name)
    return Stage(name, int(fewer[1]) if fewer else None, name.startswith(_OTHER_SIGN))
