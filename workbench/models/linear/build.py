"""Plan and build least squares from a specification and a table."""

from __future__ import annotations

from workbench.data.table import Table
from workbench.estimation.model import Model, Plan
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.models.design.checks import check_outcome
from workbench.models.design.read import design_plan
from workbench.models.linear.ols import LeastSquares, LeastSquaresProblem


def plan(model: Model, specification: Specification, table: Table) -> Plan:
    """Read outcome and regressors."""
    found = design_plan(model, specification, table)
    check_outcome(LeastSquares(), found.prepared)
    return found


def problem(plan: Plan) -> Problem:
    """Join least squares with its design."""
    return LeastSquaresProblem(plan.specification, plan.prepared)
