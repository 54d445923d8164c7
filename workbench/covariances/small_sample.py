"""Small-sample factors, by the name of the program whose habit they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from workbench.errors import OptionError

Family = Literal["likelihood", "least squares"]
CONVENTIONS = ("default", "stata", "statsmodels", "fixest", "pyfixest", "none")


@dataclass(frozen=True)
class Factor:
    """A factor on the sandwich and its formula as printed, empty when it is one."""

    value: float
    label: str


@dataclass(frozen=True)
class Nested:
    """The absorbed factors whose levels lie within one cluster each: how many, levels, rank."""

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

        ``"fixest"`` and ``"pyfixest"`` count levels less one a factor beyond the first, as both
        programs do by default; the other conventions count exactly.  Effects nested in the
        clusters count as one parameter.

        References
        ----------
        fixest 0.13, documentation of ``ssc``: ``K.exact = FALSE``, ``K.fixef = "nonnested"``;
        Cameron and Miller (2015), section III.B, on nested effects.
        """
        inside = self.nested.get(clusters or "")
        if _checked(convention) in {"fixest", "pyfixest"}:
            whole = self.levels - max(self.intercepts - 1, 0)
            return whole if inside is None else whole - inside.levels + inside.factors
        return self.rank if inside is None else self.rank - inside.rank + 1


_NONE = Factor(1.0, "")


def tolerates_negative(convention: str | None) -> bool:
    """Tell whether negative eigenvalues of a covariance stay while every variance is positive.

    fixest replaces them only where a variance is negative, pyfixest and statsmodels nowhere;
    reghdfe always.

    References
    ----------
    fixest 0.12, argument ``vcov_fix`` of ``vcov``; Correia (2016), help of ``reghdfe``.
    """
    return _checked(convention) in {"fixest", "pyfixest", "statsmodels"}


def robust_factor(convention: str | None, family: Family, n: float, k: int) -> Factor:
    """Return the factor on the robust covariance of ``n`` observations, ``k`` parameters.

    References
    ----------
    Stata 18 manual, [P] _robust, "Methods and formulas"; statsmodels 0.15 documentation of
    ``cov_type="HC1"``; fixest documentation of ``ssc``.
    """
    name = _checked(convention)
    least_squares = family == "least squares"
    if name == "none" or (name in {"default", "statsmodels"} and not least_squares):
        return _NONE
    if name == "stata" and not least_squares:
        return Factor(n / (n - 1), "n/(n−1)")
    return Factor(n / (n - k), "n/(n−k)")


def hessian_factor(convention: str | None, n: float, k: int) -> Factor:
    """Return the factor on the inverse Hessian of a likelihood beside absorbed effects.

    References
    ----------
    fixest 0.13, documentation of ``ssc``: ``K.adj`` concerns every model and kind of error.
    """
    if _checked(convention) not in {"fixest", "pyfixest"}:
        return _NONE
    return Factor((n - 1) / (n - k), "(n−1)/(n−k)")


def cluster_factor(convention: str | None, family: Family, n: float, k: int, groups: int) -> Factor:
    """Return the factor on the clustered covariance with ``groups`` clusters.

    Raises
    ------
    OptionError
        When there is a single cluster.
    """
    name = _checked(convention)
    if groups < 2:
        raise OptionError(
            "Clustered standard errors need at least two clusters; there is 1.",
            hint='another cluster column, or se="robust".',
            code="one-cluster",
            where="cluster",
        )
    if name == "none":
        return _NONE
    by_groups = groups / (groups - 1)
    if name in {"default", "stata"} and family == "likelihood":
        return Factor(by_groups, "g/(g−1)")
    return Factor(by_groups * (n - 1) / (n - k), "g/(g−1)·(n−1)/(n−k)")


def leverage_factor(convention: str | None, n: float, k: int) -> Factor:
    """Return the factor on HC2 and HC3, whose corrections leave none but pyfixest's n/(n-k)."""
    return Factor(n / (n - k), "n/(n−k)") if _checked(convention) == "pyfixest" else _NONE


def jackknife_factor(convention: str | None, n: float, k: int, groups: int) -> Factor:
    """Return the factor on CRV3: ``(g-1)/g``, but that of CRV1 in pyfixest.

    References
    ----------
    MacKinnon, Nielsen and Webb (2023), equation 10; pyfixest 0.60, ``vcov={"CRV3": ...}``.
    """
    name = _checked(convention)
    if name == "none":
        return _NONE
    if name == "pyfixest":
        return cluster_factor(name, "least squares", n, k, groups)
    return Factor((groups - 1) / groups, "(g−1)/g")


def time_factor(
    convention: str | None,
    family: Family,
    n: float,
    k: int,
    periods: int,
    over: Literal["series", "units", "sums"],
) -> Factor:
    """Return the factor on Newey-West and Driscoll-Kraay covariances over ``periods`` periods.

    ``over`` says whether lags connect the rows of one series or of several units, or the sums of
    periods.  Likelihoods have a factor only where a convention of fixest's is asked for by name.

    References
    ----------
    fixest 0.12, documentation of ``vcov_hac``; Stata 18 manual, [TS] newey, "Methods and
    formulas"; statsmodels 0.15, defaults of ``cov_type="HAC"``, ``"hac-panel"`` and
    ``"hac-groupsum"``.
    """
    name = _checked(convention)
    plain = name in {"default", "stata", "statsmodels"} and family == "likelihood"
    if name == "none" or plain or (name == "statsmodels" and over == "series"):
        return _NONE
    if name in {"stata", "statsmodels"} and over != "sums":
        return Factor(n / (n - k), "n/(n−k)")
    return Factor(periods / (periods - 1) * (n - 1) / (n - k), "t/(t−1)·(n−1)/(n−k)")


def space_factor(convention: str | None, family: Family, n: float, k: int) -> Factor:
    """Return the factor on Conley's covariance: fixest's ``(n-1)/(n-k)`` for least squares."""
    name = _checked(convention)
    if name in {"fixest", "pyfixest"} or (name == "default" and family == "least squares"):
        return Factor((n - 1) / (n - k), "(n−1)/(n−k)")
    return _NONE


def _checked(convention: str | None) -> str:
    name = "default" if convention is None else convention
    if name not in CONVENTIONS:
        raise OptionError(
            f'There is no small-sample convention "{name}".',
            hint=f"one of {list(CONVENTIONS)}.",
            code="no-such-ssc",
            where="ssc",
        )
    return name
