"""Make the plan and the problem of a model of discrete choice from a specification and a table."""

from __future__ import annotations

import numpy as np

from workbench.covariances import groupings, joint
from workbench.data.formula.parser import split_formula
from workbench.data.table import Table
from workbench.errors import DeviceError, OptionError
from workbench.estimation.model import COMPILED, MOST_LEVELS_LISTED, Model, Plan, Suggestion
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.models.choice.conditional import ConditionalProblem
from workbench.models.choice.covariates import covariate_design
from workbench.models.choice.data import labelled, read_choices
from workbench.models.choice.latent_class import LatentClassProblem
from workbench.models.choice.mixed import MixedProblem
from workbench.models.choice.multinomial import MultinomialProblem
from workbench.models.choice.nested import NestedProblem
from workbench.models.choice.options import (
    ChoiceModel,
    ConditionalLogit,
    LatentClass,
    MixedLogit,
    MultinomialLogit,
    NestedLogit,
)
from workbench.models.choice.problem import ChoiceProblem
from workbench.models.design.read import formula_of
from workbench.sentences import counted

_KINDS: dict[type[Model], type[ChoiceProblem]] = {
    ConditionalLogit: ConditionalProblem,
    MixedLogit: MixedProblem,
    NestedLogit: NestedProblem,
    LatentClass: LatentClassProblem,
}


def plan(model: Model, specification: Specification, table: Table) -> Plan:
    """Read choice situations, alternatives and persons."""
    found = _problem(model, specification, table, formula_of(specification))
    return Plan(
        model,
        specification,
        table,
        found.parameter_names,
        found.design.rows,
        found.dropped,
        tuple(filter(None, [*found.left_out, _about(found)])),
        _units(found, len(found.design.rows)),
        prepared=found,
    )


def suggestions(specification: Specification, table: Table) -> dict[str, Suggestion]:
    """Return what options may be with this formula and these alternatives."""
    parts = split_formula(specification.formula or "")
    terms = tuple(term for term in map(str.strip, parts.terms.split("+")) if term in table.names)
    first = next(iter(terms), "price")
    labels = _labels(table, specification.model.settings.get("alternatives"))
    levels = _labels(table, parts.outcome.strip().strip("`"))
    return {
        "fixed": Suggestion({first: -1.0}, terms),
        "random": Suggestion({first: "normal"}, terms),
        "nests": Suggestion(_nests(labels), labels),
        "base": Suggestion(levels[0] if levels else "bus", levels),
    }


def _labels(table: Table, column: str | None) -> tuple[str, ...]:
    """Return the names of the alternatives in a column, none where there are too many."""
    if column is None or column not in table.names:
        return ()
    values = table.column(column).dropna().drop_duplicates()
    return () if len(values) > MOST_LEVELS_LISTED else labelled(values)[1]


def _nests(labels: tuple[str, ...]) -> dict[str, list[str]]:
    if len(labels) < 3:
        return {"fly": ["air"], "ground": ["train", "bus", "car"]}
    return {"alone": [labels[0]], "together": list(labels[1:])}


def problem(plan: Plan) -> Problem:
    """Return the problem that the plan was counted from."""
    built: Problem = plan.prepared
    return built


def _problem(model: Model, specification: Specification, table: Table, formula: str) -> Problem:
    _check_specification(model, specification)
    if isinstance(model, MultinomialLogit):
        return _multinomial(model, specification, table, formula)
    assert isinstance(model, ChoiceModel)
    text = getattr(model, "membership", "") or getattr(model, "scale", "")
    persons = covariate_design(table, formula, text, specification.missing) if text else None
    data = read_choices(
        table,
        formula,
        model.row_columns,
        cluster=specification.clusters,
        weights=specification.weights,
        weight_kind=specification.weight_kind,
        missing=specification.missing,
        positive=specification.positive,
        collinear=specification.collinear,
        also_complete=() if persons is None else (persons.rows,),
    )
    return _KINDS[type(model)](model, specification, data, table, persons)


def _multinomial(
    model: MultinomialLogit, specification: Specification, table: Table, formula: str
) -> Problem:
    columns = tuple(dict.fromkeys([*specification.clusters, *specification.covariance.columns]))
    roles = {
        "cluster": columns,
        "weights": specification.weights,
        "weight_kind": specification.weight_kind,
        "missing": specification.missing,
    }
    problem = MultinomialProblem(model, specification, table, formula, roles)
    single = problem.design.clusters
    sets = groupings(specification.clusters)
    problem.cluster_with({key: joint([single[n] for n in ns]) for key, ns in sets.items()})
    return problem


def _check_specification(model: Model, specification: Specification) -> None:
    title = model.title
    if specification.offset is not None:
        raise OptionError(
            f"{title} has no offset.",
            hint=f'a coefficient fixed at one: fixed={{"{specification.offset}": 1.0}}.',
            code="no-offset",
            where="offset",
        )
    plain = specification.device == "cpu" and specification.dtype == "float64"
    if model.computed_by == COMPILED and not plain:
        raise DeviceError(
            f"{title} is computed on the CPU in float64; device and dtype ask for "
            f"{specification.device} and {specification.dtype}.",
            hint="leave device and dtype out.",
            code="cpu-only",
            where="device",
        )


def _units(problem: Problem, rows: int) -> str:
    if not isinstance(problem, ChoiceProblem):
        return f"{counted(rows, 'row')} used"
    situations = counted(problem.data.situations, "choice situation")
    persons = f" of {counted(problem.data.persons, 'person')}" if problem.settings.panel else ""
    return f"{situations}{persons} in {counted(rows, 'row')}"


def _about(problem: Problem) -> str:
    """Say how often each alternative was chosen."""
    if not isinstance(problem, ChoiceProblem):
        return ""
    data = problem.data
    chosen = np.bincount(data.codes[data.chosen], minlength=len(data.labels))
    if len(chosen) > MOST_LEVELS_LISTED:
        return f"{len(chosen):,} alternatives."
    listed = ", ".join(f"{label} ({n:,})" for label, n in zip(data.labels, chosen, strict=True))
    return f"Chosen: {listed}."
