"""Small-sample conventions, by the name of the program, and what absorbed effects count for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from workbench.errors import OptionError

EstimationMethod = Literal["likelihood", "least squares"]
CONVENTIONS = ("default", "stata", "statsmodels", "fixest", "pyfixest", "none")


@dataclass(frozen=True)
class Factor:
    """A factor on the sandwich and its formula as printed, empty when it is one."""

    value: float
    label: str


@dataclass(frozen=True)
class Nested:
    """The absorbed factors with levels inside one cluster each: their number, levels and rank."""

    factors: int
    levels: int
    rank: int


@dataclass(frozen=True)
class Absorbed:
    """The degrees of freedom that absorbed fixed effects take.

    Attributes
    ----------
    rank
        The independent effects, counted by connected components.
    levels, intercepts
        The levels of all factors, and how many of the factors are no slopes.
    nested
        By the name of the clusters, what lies within them.
    """

    rank: int = 0
    levels: int = 0
    intercepts: int = 0
    nested: Mapping[str, Nested] = field(default_factory=dict)

    def count(self, convention: str | None, clusters: str | None = None) -> int:
        """Return the parameters that the effects count for.

        ``"fixest"`` and ``"pyfixest"`` count levels less one for each factor beyond the first,
        as both programs do by default; the other conventions count exactly.  Effects nested in
        the clusters count as one parameter.

        References
        ----------
        fixest 0.13, documentation of ``ssc``: ``K.exact = FALSE``, ``K.fixef = "nonnested"``;
        Cameron and Miller (2015), section III.B, on nested effects.
        """
        inside = self.nested.get(clusters or "")
        if checked(convention) in {"fixest", "pyfixest"}:
            whole = self.levels - max(self.intercepts - 1, 0)
            return whole if inside is None else whole - inside.levels + inside.factors
        return self.rank if inside is None else self.rank - inside.rank + 1


NO_FACTOR = Factor(1.0, "")


def tolerates_negative(convention: str | None) -> bool:
    """Return whether negative eigenvalues of a covariance stay while every variance is positive.

    fixest replaces them only where a variance is negative, pyfixest and statsmodels nowhere;
    reghdfe always.

    References
    ----------
    fixest 0.12, argument ``vcov_fix`` of ``vcov``; Correia (2016), help of ``reghdfe``.
    """
    return checked(convention) in {"fixest", "pyfixest", "statsmodels"}


def checked(convention: str | None) -> str:
    """Return the name of a convention, or refuse one that is unknown."""
    name = "default" if convention is None else convention
    if name not in CONVENTIONS:
        raise OptionError(
            f'There is no small-sample convention "{name}".',
            hint=f"one of {list(CONVENTIONS)}.",
            code="no-such-ssc",
            where="ssc",
        )
    return name
