"""What a problem gives to a covariance; see `workbench.covariances.evidence`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from workbench.covariances import ClusterMeat
from workbench.covariances.evidence import Need
from workbench.covariances.regression_rows import RegressionRows
from workbench.data.complete_cases import Positions
from workbench.estimation.model import models_where
from workbench.estimation.problem import Problem
from workbench.protocols import Numpy


@dataclass(frozen=True, eq=False)
class ProblemEvidence:
    """The evidence of a problem at a point.

    Attributes
    ----------
    clusters
        The columns to cluster by.
    theta
        The estimates in unconstrained parameters, ``(k,)``; None before they are known.
    """

    problem: Problem
    clusters: tuple[str, ...]
    theta: Numpy | None = None

    @property
    def title(self) -> str:
        """The title of the model."""
        return self.problem.title

    @property
    def has(self) -> frozenset[Need]:
        """What the model has."""
        return self.problem.has

    def models_with(self, need: Need) -> tuple[str, ...]:
        """Return the names of the models that have something, for messages."""
        return models_where(lambda kind: need in kind.evidence)

    @property
    def rows(self) -> Positions:
        """The positions of the rows used, ``(n,)``."""
        return self.problem.design.rows

    @property
    def estimate(self) -> Numpy:
        """The estimates in unconstrained parameters, ``(k,)``."""
        assert self.theta is not None, "the estimates are not known yet"
        return self.theta

    @cached_property
    def information(self) -> Numpy:
        """Minus the Hessian of the total log-likelihood, ``(k, k)``, in nats."""
        return self.problem.curvature(self.estimate, scores=False).information

    @property
    def residual_variance(self) -> float:
        """What divides the scores of a linear regression."""
        return self.problem.residual_variance(self.estimate)

    def column(self, name: str) -> pd.Series | None:
        """Return a column over the rows used, ``(n,)``; None where there is none."""
        table = self.problem.table
        if table is None or not table.has(name):
            return None
        return table.column(name).iloc[self.rows]

    def codes_of(self, name: str) -> np.ndarray:
        """Return the cluster of each row used, from 0, ``(n,)``."""
        return np.asarray(self.problem.codes_of(name))

    def groups(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the codes ``(n,)`` of each grouping by columns and by their combinations."""
        return self.problem.groups(names)

    def cluster_meat(self, codes: np.ndarray) -> ClusterMeat:
        """Return the outer products of the scores summed by cluster."""
        return self.problem.cluster_meat(self.estimate, codes)

    def score_rows(self) -> Numpy:
        """Return the score of each row times its weight, ``(n, k)``."""
        return self.problem.score_rows(self.estimate)

    def regression_rows(self) -> RegressionRows:
        """Return the rows of a linear regression."""
        return self.problem.regression_rows()

    def check_leverages(self) -> None:
        """Refuse a regression with leverages that do not exist or are too many to compute."""
        self.problem.check_leverages()
