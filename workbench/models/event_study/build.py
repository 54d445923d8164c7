"""From what was asked of an event study in two stages, and a table, to a problem."""

from __future__ import annotations

from workbench.data.table import Table
from workbench.estimation.model import Model, Plan
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.models.event_study.did2s import TwoStageProblem


def plan(model: Model, asked: Specification, table: Table) -> Plan:
    """Read both stages."""
    found = TwoStageProblem(asked, table)
    return Plan(
        model, asked, table, found.parameter_names, found.design.rows, found.dropped, prepared=found
    )


def problem(plan: Plan) -> Problem:
    """Return the problem that the plan was counted from."""
    built: Problem = plan.prepared
    return built
