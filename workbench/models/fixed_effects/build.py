"""Plan and build a model with fixed effects from a specification and a table."""

from __future__ import annotations

from dataclasses import replace

from workbench.data.table import Table
from workbench.estimation.model import Model, Plan
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.models.design.checks import check_outcome
from workbench.models.design.read import design_plan
from workbench.models.fixed_effects.families import family_of
from workbench.models.fixed_effects.feglm import FeglmProblem
from workbench.models.fixed_effects.feols import FeolsProblem
from workbench.models.fixed_effects.options import FEGLM
from workbench.models.fixed_effects.separation import informative


def plan(model: Model, specification: Specification, table: Table) -> Plan:
    """Read outcome, regressors and fixed effects; leave out rows without information."""
    found = design_plan(model, specification, table)
    if not isinstance(model, FEGLM):
        return found
    kind = family_of(model)
    check_outcome(kind, found.prepared)
    left = informative(found.prepared, kind, specification.fixef_rm)
    return replace(found, rows=left.rows, dropped=left.dropped, design=left, prepared=left)


def problem(plan: Plan) -> Problem:
    """Join a model with its design."""
    if isinstance(plan.model, FEGLM):
        return FeglmProblem(family_of(plan.model), plan.specification, plan.prepared)
    return FeolsProblem(plan.specification, plan.prepared)
