"""The sandwich of Hessian and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from workbench.covariances.base import Covariance, Facts, Sums, sandwich
from workbench.covariances.curvature import Curvature
from workbench.covariances.evidence import Need
from workbench.covariances.opg import scores_of
from workbench.covariances.small_sample import NO_FACTOR, EstimationMethod, Factor, checked
from workbench.protocols import Numpy


@dataclass(frozen=True, kw_only=True)
class Robust(Covariance):
    """The sandwich of Hessian and scores."""

    name: ClassVar[str] = "robust"
    title: ClassVar[str] = "Robust"
    adjective: ClassVar[str] = "robust"
    elsewhere: ClassVar[tuple[str, ...]] = ("HC0", "HC1", "hetero", "sandwich")
    needs: ClassVar[frozenset[Need]] = frozenset({Need.SCORES})
    by_unit: ClassVar[bool] = True

    def factor(self, convention: str | None, facts: Facts) -> Factor:
        """Return the factor for the units by which scores are summed."""
        return robust_factor(convention, facts.family, facts.units, facts.parameters)

    def matrix(
        self, curvature: Curvature, sums: Sums, convention: str | None, facts: Facts
    ) -> Numpy:
        """Return the sandwich times the factor."""
        return robust(curvature, self.factor(convention, facts).value)

    def note(self, facts: Facts) -> str:
        """Name the parts of the sandwich, and the units by which scores are summed."""
        of = f", which are summed by {facts.unit}" if facts.unit else ""
        return f"Robust: sandwich of Hessian and scores{of}"


def robust(curvature: Curvature, factor: float = 1.0) -> Numpy:
    r"""Estimate the covariance without trusting the model's variance.

    .. math:: \hat V = c\, H^{-1} \Big(\sum_i s_i s_i^\top\Big) H^{-1}

    Parameters
    ----------
    curvature
        Hessian and scores at the estimate.
    factor
        The small-sample factor ``c``.

    Returns
    -------
    Array ``(k, k)`` in squared units of the parameters; NaN for flat parameters.

    Raises
    ------
    SingularHessianError
        When the log-likelihood curves upwards.
    InferenceError
        When the scores were not kept.

    References
    ----------
    White (1982), "Maximum likelihood estimation of misspecified models", theorem 3.2.
    """
    return sandwich(curvature, scores_of(curvature), factor)


def robust_factor(convention: str | None, family: EstimationMethod, n: float, k: int) -> Factor:
    """Return the factor on the robust covariance of ``n`` observations, ``k`` parameters.

    References
    ----------
    Stata 18 manual, [P] _robust, "Methods and formulas"; statsmodels 0.15 documentation of
    ``cov_type="HC1"``; fixest documentation of ``ssc``.
    """
    name = checked(convention)
    least_squares = family == "least squares"
    if name == "none" or (name in {"default", "statsmodels"} and not least_squares):
        return NO_FACTOR
    if name == "stata" and not least_squares:
        return Factor(n / (n - 1), "n/(n−1)")
    return Factor(n / (n - k), "n/(n−k)")
