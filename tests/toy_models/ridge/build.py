"""Ridge regression from a plan to a problem."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from workbench.covariances import ClusterMeat, Curvature
from workbench.data.table import Table
from workbench.estimation.model import Model, Plan
from workbench.estimation.problem import Problem
from workbench.estimation.procedure import Solved
from workbench.estimation.specification import Specification
from workbench.models.design.read import design_plan
from workbench.models.ridge.results import RidgeState
from workbench.protocols import Numpy


def plan(model: Model, asked: Specification, table: Table) -> Plan:
    """Read outcome and regressors."""
    return design_plan(model, asked, table)


def problem(plan: Plan) -> Problem:
    """Join the model with its design."""
    return RidgeProblem(plan)


class RidgeProblem(Problem):
    """The penalized likelihood of normal errors with variance one."""

    title: ClassVar[str] = "Ridge regression"
    library: ClassVar[str] = "numpy"

    def __init__(self, plan: Plan) -> None:
        design = plan.prepared
        super().__init__(plan.specification, design)
        self.penalty = plan.model.penalty
        self.parameter_names, self.depvar = design.names, design.outcome_name
        self.dropped, self.clusters = dict(design.dropped), dict(design.clusters)
        self.observations = float(len(design.outcome))

    @property
    def procedure(self) -> Solved:
        return Solved(lambda: self.start)

    @property
    def start(self) -> Numpy:
        x, y = self.design.matrix, self.design.outcome
        return np.linalg.solve(self._information(), x.T @ y)

    def _information(self) -> Numpy:
        x = self.design.matrix
        return x.T @ x + self.penalty * np.eye(x.shape[1])

    def _residuals(self, theta: Numpy) -> Numpy:
        return self.design.outcome - self.design.matrix @ theta

    def natural(self, theta: Numpy) -> Numpy:
        return theta

    def unconstrained(self, params: Numpy) -> Numpy:
        return params

    def score(self, theta: Numpy) -> Numpy:
        return self.design.matrix.T @ self._residuals(theta) - self.penalty * theta

    def loglik(self, theta: Numpy) -> float:
        squares = (self._residuals(theta) ** 2).sum() + self.penalty * (theta**2).sum()
        return float(-squares / 2 - self.observations * math.log(2 * math.pi) / 2)

    def curvature(self, theta: Numpy, *, scores: bool = True) -> Curvature:
        rows = self.score_rows(theta)
        hessian = -self._information()
        return self.curved(theta, hessian, np.eye(len(theta)), rows.T @ rows, scores=scores)

    def score_rows(self, theta: Numpy) -> Numpy:
        return self.design.matrix * self._residuals(theta)[:, None]

    def cluster_meat(self, theta: Numpy, codes: Any) -> ClusterMeat:
        rows, groups = self.score_rows(theta), int(codes.max()) + 1
        sums = np.zeros((groups, rows.shape[1]))
        np.add.at(sums, codes, rows)
        return ClusterMeat(sums.T @ sums, groups)

    def state(self) -> RidgeState:
        kept = tuple(range(len(self.parameter_names)))
        return RidgeState(design=self.design.state, kept=kept, penalty=self.penalty)
