"""The outer product of gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.covariances.base import Covariance, Facts, Sums
from workbench.covariances.curvature import Curvature
from workbench.covariances.evidence import Need
from workbench.errors import InferenceError
from workbench.protocols import Numpy


@dataclass(frozen=True, kw_only=True)
class OPG(Covariance):
    """The inverse of the summed outer products of the scores."""

    name: ClassVar[str] = "opg"
    title: ClassVar[str] = "Scores (OPG)"
    adjective: ClassVar[str] = "OPG"
    word: ClassVar[str] = "scores (OPG)"
    elsewhere: ClassVar[tuple[str, ...]] = ("bhhh",)
    needs: ClassVar[frozenset[Need]] = frozenset({Need.SCORES})
    by_unit: ClassVar[bool] = True
    trusts_model: ClassVar[bool] = True

    def matrix(
        self, curvature: Curvature, sums: Sums, convention: str | None, facts: Facts
    ) -> Numpy:
        """Return the inverse of the summed outer products."""
        return opg(curvature)

    def note(self, facts: Facts) -> str:
        """Say what is inverted, and by what the scores are summed first."""
        of = f", which are summed by {facts.unit}" if facts.unit else ""
        return f"Scores: inverse of the scores' outer product{of}"


def opg(curvature: Curvature) -> Numpy:
    r"""Estimate the covariance from the scores alone.

    .. math:: \hat V = \Big(\sum_i s_i s_i^\top\Big)^{-1}

    Returns
    -------
    Array ``(k, k)`` in squared units of the parameters; NaN for flat parameters.

    Raises
    ------
    InferenceError
        When the scores were not kept.

    References
    ----------
    Berndt, Hall, Hall and Hausman (1974), "Estimation and inference in nonlinear structural
    models", Annals of Economic and Social Measurement 3(4).
    """
    kept = Curvature(
        information=scores_of(curvature),
        jacobian=curvature.jacobian,
        observations=curvature.observations,
        flat_below=curvature.flat_below,
    )
    covariance = kept.natural(kept.bread)
    withheld = list(curvature.withheld)
    covariance[withheld, :] = np.nan
    covariance[:, withheld] = np.nan
    return covariance


def scores_of(curvature: Curvature) -> Numpy:
    """Return the summed outer products of the scores, or raise when they were not kept."""
    if curvature.opg is None:
        raise InferenceError(
            "The scores of this fit were not kept.",
            hint="run the model again in this session.",
            code="no-scores",
        )
    return curvature.opg
