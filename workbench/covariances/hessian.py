"""The inverse Hessian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from workbench.covariances.base import Covariance, Facts, Sums
from workbench.covariances.curvature import Curvature
from workbench.covariances.evidence import Need
from workbench.covariances.small_sample import NO_FACTOR, Factor, checked
from workbench.protocols import Numpy


@dataclass(frozen=True, kw_only=True)
class Hessian(Covariance):
    """The inverse of the information; for least squares errors of one variance."""

    name: ClassVar[str] = "hessian"
    title: ClassVar[str] = "Hessian"
    run_word: ClassVar[str] = ""
    elsewhere: ClassVar[tuple[str, ...]] = ("nonrobust", "iid", "oim", "eim")
    needs: ClassVar[frozenset[Need]] = frozenset({Need.INFORMATION})
    trusts_model: ClassVar[bool] = True

    def factor(self, convention: str | None, facts: Facts) -> Factor:
        """Return the factor with absorbed effects; else there is none."""
        if not facts.absorbs:
            return NO_FACTOR
        return hessian_factor(convention, facts.observations, facts.parameters)

    def matrix(
        self, curvature: Curvature, sums: Sums, convention: str | None, facts: Facts
    ) -> Numpy:
        """Return the inverse information times the factor."""
        return hessian(curvature) * self.factor(convention, facts).value / facts.mean_weight

    def label(self, facts: Facts) -> str:
        """Return ``"iid"`` for least squares."""
        return "iid" if facts.family == "least squares" else self.word

    def note(self, facts: Facts) -> str:
        """Name the assumption of least squares."""
        least_squares = facts.family == "least squares"
        return "Iid: independent errors of one variance" if least_squares else ""


def hessian(curvature: Curvature) -> Numpy:
    r"""Estimate the covariance from the curvature alone, trusting the model.

    .. math:: \hat V = \Big(-\sum_i \nabla^2 \ell_i\Big)^{-1}

    Returns
    -------
    Array ``(k, k)`` in squared units of the parameters; NaN for flat parameters.

    Raises
    ------
    SingularHessianError
        When the log-likelihood curves upwards.

    References
    ----------
    Fisher (1922), "On the mathematical foundations of theoretical statistics", section 12.
    """
    return curvature.natural(curvature.bread)


def hessian_factor(convention: str | None, n: float, k: int) -> Factor:
    """Return the factor on the inverse Hessian of a likelihood with absorbed effects.

    References
    ----------
    fixest 0.13, documentation of ``ssc``: ``K.adj`` concerns every model and kind of error.
    """
    if checked(convention) not in {"fixest", "pyfixest"}:
        return NO_FACTOR
    return Factor((n - 1) / (n - k), "(n−1)/(n−k)")
