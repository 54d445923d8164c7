"""From what was asked of a model with fixed effects, and a table, to a problem."""

from __future__ import annotations

from dataclasses import replace

from workbench.data.table import Table
from workbench.estimation.model import Model, Plan
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.models.design.checks import check_outcome
from workbench.models.design.read import design_plan
from workbench.models.fixed_effects.families import ABSORBED
from workbench.models.fixed_effects.feglm import FeglmProblem
from workbench.models.fixed_effects.feols import FeolsProblem
from workbench.models.fixed_effects.separation import informative


def plan(model: Model, asked: Specification, table: Table) -> Plan:
    """Read outcome, regressors and fixed effects; leave out rows without information."""
    found = design_plan(model, asked, table)
    kind = ABSORBED.get(model.name)
    if kind is None:
        return found
    check_outcome(kind, found.prepared)
    left = informative(found.prepared, kind, asked.fixef_rm)
    return replace(found, rows=left.rows, dropped=left.dropped, design=left, prepared=left)


def problem(plan: Plan) -> Problem:
    """Join a model with its design."""
    kind = FeglmProblem if plan.model.name in ABSORBED else FeolsProblem
    return kind(plan.specification, plan.prepared)
