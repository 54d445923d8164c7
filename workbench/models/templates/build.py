"""From what was asked of a likelihood template, and a table, to a problem."""

from __future__ import annotations

from workbench.data.table import Table
from workbench.estimation.model import Plan
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.models.design.checks import check_outcome
from workbench.models.design.read import design_plan
from workbench.models.templates.options import TemplateModel
from workbench.models.templates.problem import TemplateProblem


def plan(model: TemplateModel, asked: Specification, table: Table) -> Plan:
    """Read outcome and regressors."""
    found = design_plan(model, asked, table)
    check_outcome(model.likelihood, found.prepared)
    return found


def problem(plan: Plan) -> Problem:
    """Join a template with its design."""
    assert isinstance(plan.model, TemplateModel)
    return TemplateProblem(plan.model.likelihood, plan.specification, plan.prepared)
