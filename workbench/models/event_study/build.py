"""Plan and build an event study in two stages from a specification and a table."""

from __future__ import annotations

from workbench.data.table import Table
from workbench.estimation.model import Model, Plan
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.models.event_study.did2s import TwoStageProblem


def plan(model: Model, specification: Specification, table: Table) -> Plan:
    """Read both stages."""
    found = TwoStageProblem(specification, table)
    return Plan(
        model,
        specification,
        table,
        found.parameter_names,
        found.design.rows,
        found.dropped,
        prepared=found,
    )


def problem(plan: Plan) -> Problem:
    """Return the problem that the plan was counted from."""
    built: Problem = plan.prepared
    return built
