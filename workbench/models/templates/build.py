"""Plan and build a likelihood template from a specification and a table."""

from __future__ import annotations

from workbench.data.design import Design
from workbench.data.table import Table
from workbench.estimation.model import Plan
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.likelihoods.base import Support
from workbench.models.design.checks import check_outcome
from workbench.models.design.read import design_of, formula_of
from workbench.models.design.scaling import INTERCEPT
from workbench.models.templates.equations import further_names
from workbench.models.templates.options import TemplateModel
from workbench.models.templates.problem import TemplateProblem


def plan(model: TemplateModel, specification: Specification, table: Table) -> Plan:
    """Read the outcome and the regressors of each equation."""
    template = model.likelihood
    named = [getattr(template, role) for role in template.columns]
    design = design_of(
        model,
        specification,
        table,
        formula_of(specification),
        [name for name in named if name],
        template.group if template.unit == "group" else None,
        equations=template.formulas,
        ordered=template.support is Support.ORDERED,
    )
    check_outcome(template, design)
    return Plan(
        model,
        specification,
        table,
        _names(model, design),
        design.rows,
        design.dropped,
        tuple(design.notes),
        design=design,
        prepared=design,
    )


def _names(model: TemplateModel, design: Design) -> tuple[str, ...]:
    """Return the names of all parameters, collinear columns still among them."""
    template = model.likelihood
    first = [n for n in design.names if n != INTERCEPT or not template.equations[0].thresholds]
    blocks = template.blocks(design.outcome, design.outcome_levels or ())
    return (
        *first,
        *further_names(design),
        *(name for block in blocks for name in block.names),
    )


def problem(plan: Plan) -> Problem:
    """Join a template with its design."""
    assert isinstance(plan.model, TemplateModel)
    return TemplateProblem(plan.model.likelihood, plan.specification, plan.prepared)
