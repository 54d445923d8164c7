"""Parameters of a user's likelihood: a start value and bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbench.errors import OptionError


@dataclass(frozen=True)
class Parameter:
    """A named number to be estimated.

    Estimation works on an unconstrained scale (log for one bound, logistic for two); estimates
    and standard errors are shown on the natural one, by the delta method.

    Parameters
    ----------
    start
        Start value, strictly inside the bounds.
    lower, upper
        Open bounds of the parameter; infinite when there is none.

    Raises
    ------
    OptionError
        When the start does not lie strictly between the bounds.

    Examples
    --------
    >>> Parameter(1.0, lower=0.0)
    Parameter(start=1.0, lower=0.0, upper=inf)
    """

    start: float = 0.0
    lower: float = -math.inf
    upper: float = math.inf

    def __post_init__(self) -> None:
        if not self.lower < self.start < self.upper:
            raise OptionError(
                f"The start value {self.start} does not lie between {self.lower} and {self.upper}.",
                hint="give a start strictly inside the bounds.",
                code="start-outside-bounds",
            )


def positive(start: float = 1.0) -> Parameter:
    """Declare a parameter above zero, such as a standard deviation."""
    return Parameter(start, lower=0.0)


def bounded(lower: float, upper: float, start: float | None = None) -> Parameter:
    """Declare a parameter between two bounds, such as a correlation."""
    return Parameter((lower + upper) / 2 if start is None else start, lower, upper)
