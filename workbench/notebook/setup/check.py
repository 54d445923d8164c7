"""The check of the choices on the Setup tab against the data, as a run would check them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.covariances.kinds import covariance_class, covariance_of, covariances
from workbench.data.design import Design, build_columns, build_design
from workbench.data.formula.parser import check_formula, formula_roles
from workbench.errors import LikelihoodError, OptionError, WorkbenchError
from workbench.likelihoods import TEMPLATES
from workbench.literals import parse_settings
from workbench.models.custom.body import parse_body
from workbench.models.design.checks import check_support
from workbench.models.fixed_effects.families import ABSORBED
from workbench.models.fixed_effects.separation import informative
from workbench.notebook.setup import fields as choice_form, optimizer_settings
from workbench.notebook.setup.data import Opened
from workbench.notebook.setup.form import ABSORBING, CHOICE, OWN, Check, Chosen
from workbench.notebook.setup.formula_text import sides
from workbench.notebook.setup.specification import clusters_of, optimizer_choice, specification

CELLS_AT_ONCE = 15_000_000
"""Cells of a design that are read while a person types; 5 million take 0.13 s."""
_LATER = "parameters and missing rows are counted when the run starts."
_NAMES = {
    kind.adjective.partition(" ")[0]
    for kind in covariances().values()
    if kind.adjective[0].isupper()
}
"""Names of standard errors that keep their capital within a sentence."""


def checked(chosen: Chosen, opened: Opened | None) -> Check:
    """Check the choices against the data, as a run would at its start."""
    if opened is None:
        return Check(False, "Choose a data source to begin.", brief="there are no data yet")
    if (gap := _gap(chosen)) is not None:
        return gap
    try:
        if _is_large(chosen, opened):
            check_formula(chosen.formula, opened.table.names)
            return Check(True, f"{opened.table.nrows:,} rows; {_LATER}", rows=opened.table.nrows)
        if chosen.template in CHOICE:
            return _counted_choices(chosen, opened)
        design, extra = _design(chosen, opened)
        if (kind := (TEMPLATES | ABSORBED).get(chosen.template)) is not None:
            check_support(kind, design)
        if chosen.template in ABSORBED:
            design = informative(design, ABSORBED[chosen.template], chosen.fixef_rm)
    except WorkbenchError as error:
        return _refused(error, chosen, opened)
    return _accepted(design, (*extra, *_nuisance(chosen.template)), opened.table.nrows)


def _gap(chosen: Chosen) -> Check | None:
    """Return what is still to be chosen before anything can be checked."""
    if covariance_class(chosen.se).by_cluster and not chosen.cluster:
        text = "Clustered standard errors need a column to cluster by."
        return Check(
            False, text, "Choose it under Cluster by.", brief=_brief(text), field="cluster"
        )
    if chosen.template != OWN and not chosen.formula.strip():
        text = "Write a formula, or press y and Enter on variables of the list."
        return Check(False, text, brief="the formula is empty")
    if chosen.max_steps is not None and chosen.max_steps < 1:
        text = f"The step limit is {chosen.max_steps}."
        detail = "Type 1 or more, or nothing for the optimizer's own."
        return Check(False, text, detail, brief=_brief(text), field="max_steps")
    return _unreadable_settings(chosen)


def _unreadable_settings(chosen: Chosen) -> Check | None:
    """Return what is wrong with the settings of the optimizer or of the standard errors."""
    field = "settings"
    try:
        optimizer_settings.read(optimizer_choice(chosen, Check(True, "")), chosen.settings)
        field = "se_options"
        _columns_of_errors(chosen)
        field = "model_settings"
        if chosen.template in CHOICE:
            choice_form.read(chosen.template, chosen.choice_columns, chosen.model_settings)
    except OptionError as error:
        return _unreadable(error, field)
    return None


def _unreadable(error: OptionError, field: str) -> Check:
    brief = _brief(error.problem)
    if error.where in choice_form.COLUMNS:
        detail = f"Choose it under {error.where.capitalize()}."
        return Check(False, error.problem, detail, brief=brief, field=error.where)
    hint = error.hint.removeprefix("se_options=dict(").replace('"', "").replace(").", ".")
    return Check(False, error.problem, f"Try: {hint}", brief=brief, field=field)


def _counted_choices(chosen: Chosen, opened: Opened) -> Check:
    """Count the choice situations, as the run will find them."""
    asked = specification(chosen, Check(True, ""), opened.reference, "")
    found = choice_form.counted(asked, opened.table)
    return Check(
        True,
        found.text,
        found.about,
        parameters=len(found.names),
        rows=len(found.used),
        used=found.used,
        names=found.names,
    )


def _columns_of_errors(chosen: Chosen) -> tuple[str, ...]:
    return covariance_of(chosen.se, parse_settings(chosen.se_options)).columns


def _is_large(chosen: Chosen, opened: Opened) -> bool:
    read = len(formula_roles(chosen.formula, opened.table.names))
    return chosen.template != OWN and opened.table.nrows * read > CELLS_AT_ONCE


def _design(chosen: Chosen, opened: Opened) -> tuple[Design, tuple[str, ...]]:
    """Build the design, and name the parameters that a body declares."""
    columns = {"cluster": (*clusters_of(chosen), *_columns_of_errors(chosen))}
    options: dict[str, Any] = {"weights": chosen.weights or None, **columns}
    of_formula: dict[str, Any] = {
        "offset": chosen.offset or None,
        "positive": chosen.positive or None,
    }
    formula = chosen.formula.strip()
    if chosen.template in ABSORBING:
        of_formula |= {"fixef_rm": chosen.fixef_rm}
    if chosen.template != OWN:
        return build_design(opened.table, formula, **options, **of_formula), ()
    body = parse_body(chosen.body, columns=opened.table.names, formula=formula or None)
    declared = tuple(body.parameters)
    if not formula:
        return build_columns(opened.table, body.columns, **options), declared
    options |= of_formula | {"extra_columns": body.columns}
    return build_design(opened.table, formula, **options), declared


def _nuisance(template: str) -> tuple[str, ...]:
    kind = (TEMPLATES | ABSORBED).get(template)
    return () if kind is None else kind.nuisance


def _accepted(design: Design, extra: Sequence[str], total: int) -> Check:
    endogenous = () if design.endogenous is None else design.endogenous.names
    names = (*design.names, *endogenous, *extra)
    parameters, rows = len(names), len(design.rows)
    lost = total - rows
    why = ", ".join(f"{count:,} {reason}" for reason, count in design.dropped.items() if count)
    text = (
        f"{parameters:,} parameter{'s' * (parameters != 1)}, {rows:,} rows used, {lost:,} dropped"
        + (f" ({why})." if lost and why else ".")
    )
    about = " ".join(filter(None, [_about_outcome(design), _about_effects(design)]))
    return Check(True, text, about, parameters=parameters, rows=rows, used=design.rows, names=names)


def _about_effects(design: Design) -> str:
    """Count the levels of the fixed effects."""
    counts = [f"{factor.name} ({factor.levels:,} levels)" for factor in design.fixed_effects]
    return f"Absorbed: {', '.join(counts)}." if counts else ""


def _about_outcome(design: Design) -> str:
    """Describe the outcome in a sentence: the share of ones, or range and mean."""
    outcome, name = design.outcome, design.outcome_name
    if not len(outcome):
        return ""
    if np.isin(outcome, (0.0, 1.0)).all():
        level = design.outcome_levels[1] if design.outcome_levels else "1"
        share = 100 * outcome.mean()
        return f"{name} = {level} in {int(outcome.sum()):,} rows ({share:.1f} %)."
    low, high, mean = (
        f"{value:,.4g}".replace("-", "−")
        for value in (outcome.min(), outcome.max(), outcome.mean())
    )
    return f"{name} runs from {low} to {high}, mean {mean}."


def _refused(error: WorkbenchError, chosen: Chosen, opened: Opened) -> Check:
    data = opened.reference.name
    field = "body" if isinstance(error, LikelihoodError) else "formula"
    if chosen.template in CHOICE:
        field = choice_form.field_of(error, chosen.choice_columns, chosen.template)
    if error.code == "which-level":
        outcome = sides(chosen.formula).outcome.strip("`")
        levels = tuple(sorted(map(str, opened.table.column(outcome).dropna().unique())))
        text = f"Which level of {outcome} is 1?"
        return Check(False, text, brief="say which level is 1", levels=levels)
    if error.code == "unknown-column" and error.suggestion:
        text = f"{data} has no column “{error.where}”."
        nearest = f"The nearest name is {error.suggestion}."
        brief = f"the formula names a column that {data} lacks"
        return Check(False, text, nearest, error.where, error.suggestion, brief, field)
    hint = f"Try: {error.hint}" if error.hint else ""
    return Check(False, error.problem, hint, error.where, brief=_brief(error.problem), field=field)


def _brief(text: str) -> str:
    """Return a sentence to go on with after a colon, a name at its head as it is."""
    text, head = text.rstrip("."), text.partition(" ")[0]
    return text if head in _NAMES or text[:2].isupper() else text[:1].lower() + text[1:]
