"""What is chosen on the Setup tab: its checks, and the run it describes.

Nothing here knows of a widget: `Chosen` is a frozen record of choices, the functions turn it into
the next record, into a check against the data, and into a `Specification`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.covariances import BY_ROWS, KINDS as KNOWN_ERRORS, TITLES, TOGETHER, settings_of
from workbench.data.design import Design, build_columns, build_design
from workbench.data.formula import check_formula, formula_roles
from workbench.data.names import quoted
from workbench.data.sample import Positions
from workbench.data.table import ColumnSummary
from workbench.demeaners import DEMEANERS
from workbench.errors import DataError, LikelihoodError, OptionError, WorkbenchError
from workbench.estimation.choice_settings import MODELS as CHOICE, ConditionalSettings
from workbench.estimation.models import ABSORBING, BODY, CLOSED_FORM, FIXED_EFFECTS
from workbench.estimation.option_text import parse_settings, settings_text
from workbench.estimation.separated import informative
from workbench.estimation.specification import Choice, DataReference, Source, Specification
from workbench.estimation.two_stage_did import TwoStages
from workbench.likelihoods import TEMPLATES
from workbench.likelihoods.absorbed import ABSORBED
from workbench.likelihoods.body import parse_body
from workbench.notebook import choice_form, optimizer_settings
from workbench.notebook.data_choice import Opened
from workbench.notebook.formula_text import (
    effects,
    sides,
    with_effect,
    with_outcome,
    with_replaced,
    with_term,
    without_term,
)
from workbench.notebook.offer import Offer
from workbench.optimizers.newton import Newton

OWN = BODY
"""The model whose log-likelihood a person writes."""

AUTOMATIC, GIVEN = "auto", "given"
NEWTON_LIMIT = 300
"""Parameters up to which the exact Hessian is the automatic choice (DESIGN: a few hundred)."""

ERRORS = {
    "hessian": "Hessian",
    "opg": "Scores (OPG)",
    "robust": "Robust",
    "cluster": "Cluster",
    "newey_west": "Newey-West",
    "driscoll_kraay": "Driscoll-Kraay",
    "conley": "Conley",
    "none": "None",
}
LINEAR_ERRORS = {
    "hessian": "iid",
    "robust": "HC1 (robust)",
    "HC2": "HC2",
    "HC3": "HC3",
    "cluster": "Cluster",
    "CRV3": "CRV3 (jackknife)",
    "newey_west": "Newey-West",
    "driscoll_kraay": "Driscoll-Kraay",
    "conley": "Conley",
    "none": "None",
}
"""The errors of least squares, as econometricians call them."""
BY_CLUSTER = ("cluster", "CRV3")
"""The errors that need a column to cluster by."""
WEIGHT_KINDS = ("frequency", "probability", "analytic")

CLASSICS = (
    ("logit", "inlf ~ nwifeinc + educ + exper + expersq + age + kidslt6 + kidsge6"),
    ("logit", "GRADE ~ GPA + TUCE + PSI"),
    ("logit", "vote ~ TVnews + selfLR + age + educ + income"),
    (
        "poisson",
        "mdvis ~ lncoins + idp + lpi + fmde + physlm + disea + hlthg + hlthf + hlthp",
    ),
    ("feols", "lwage ~ expersq + married + union | nr + year"),
    ("feols", "y ~ x + sunab(first_treated, year) | unit + year"),
    ("ols", "lwage ~ educ + exper + expersq + black + smsa + south"),
    ("gaussian", "lwage ~ educ + exper + tenure"),
    ("gaussian", "affairs ~ rate_marriage + age + yrs_married + children + religious + educ"),
    ("gaussian", "TOTEMP ~ GNPDEFL + GNP + UNEMP + ARMED + POP + YEAR"),
)
"""A template and a formula, for data sets that textbooks use."""

CELLS_AT_ONCE = 15_000_000
"""Cells of a design that are read while a person types; 5 million take 0.13 s."""

_LATER = "parameters and missing rows are counted when the run starts."

OWN_STARTS = {
    "logit": "loglik = log_sigmoid((2*y - 1) * eta)",
    "probit": "loglik = log_ndtr((2*y - 1) * eta)",
    "poisson": "loglik = y*eta - exp(eta) - lgamma(y + 1)",
}
BESIDE_EFFECTS = {
    "ols": FIXED_EFFECTS,
    "gaussian": FIXED_EFFECTS,
    "logit": "felogit",
    "poisson": "fepois",
}
"""The template that absorbs fixed effects in the place of one that has none."""
_OWN_GAUSSIAN = "params: sigma > 0 = 1.0\nloglik = normal_logpdf(y, eta, sigma)"
_FEW_REGRESSORS = 5
_NAMES = {title.partition(" ")[0] for title in TITLES.values()} - {"Clustered"}
"""People after whom standard errors are called."""


@dataclass(frozen=True)
class Chosen:
    """Every choice on the Setup tab; an empty text means none or automatic."""

    template: str = "logit"
    formula: str = ""
    body: str = ""
    se: str = "hessian"
    se_before: str = "hessian"
    cluster: str = ""
    se_options: str = ""
    weights: str = ""
    weight_kind: str = "frequency"
    offset: str = ""
    positive: str = ""
    choosers: str = ""
    alternatives: str = ""
    panel: str = ""
    model_settings: str = ""
    device: str = "cpu"
    library: str = "jax"
    dtype: str = "float64"
    optimizer: str = AUTOMATIC
    settings: str = ""
    start: str = AUTOMATIC
    max_steps: int | None = None
    name: str = ""
    demeaner: str = AUTOMATIC
    fixef_rm: str = "singleton"
    base: Specification | None = None
    """The run brought back for editing, which keeps the settings that the page does not show."""

    @property
    def choice_columns(self) -> dict[str, str]:
        """The columns that a model of discrete choice reads, by role."""
        return {"choosers": self.choosers, "alternatives": self.alternatives, "panel": self.panel}


KINDS: dict[str, Any] = {
    item.name: str for item in fields(Chosen) if item.name not in {"base", "se_before"}
} | {"max_steps": (int, type(None))}
"""The choices that the page may change by name, with the type of each."""

_COLUMN_FIELDS = {"cluster", "weights", "offset", *choice_form.COLUMNS}


@dataclass(frozen=True)
class Check:
    """Whether the choices describe a run that can start, and the sentence that says so."""

    ok: bool
    text: str
    detail: str = ""
    where: str = ""
    suggestion: str = ""
    brief: str = ""
    field: str = ""
    """The field that the problem is in: ``"formula"``, ``"body"`` or an option."""
    parameters: int = 0
    rows: int = 0
    used: Positions | None = None
    """The positions of the rows used, shape ``(rows,)``; None where they are not known yet."""
    levels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """The parameters that can be named before the run."""


# Choosing ---------------------------------------------------------------------------------------
def opening(opened: Opened | None, offer: Offer) -> Chosen:
    """Return the choices the page opens with: a known model of the data, or a simple one."""
    there = [item.key for item in offer.libraries if item.enabled]
    chosen = Chosen(library="torch" if there == ["torch"] else "jax")
    if opened is None:
        return chosen
    if (choice := choice_form.proposed(opened.table.names)) is not None:
        formula, columns = choice
        return replace(chosen, template=ConditionalSettings.name, formula=formula, **columns)
    template, formula = _first_model(opened.table.summary())
    return replace(chosen, template=template, formula=formula)


def changed(chosen: Chosen, choice: str, value: object, opened: Opened | None) -> Chosen:
    """Change one choice by name, together with those that follow from it.

    Raises
    ------
    OptionError
        When the field is unknown, or the value is not of its kind or not a column.
    """
    if choice not in KINDS or not isinstance(value, KINDS[choice]) or isinstance(value, bool):
        raise OptionError(f"Setup has no choice {choice!r} of that kind.", code="bad-choice")
    if choice == "demeaner" and value not in DEMEANERS:
        raise OptionError(f"There is no demeaner {value!r}.", code="bad-choice", where=choice)
    if choice in _COLUMN_FIELDS and value and (opened is None or value not in opened.table.names):
        raise OptionError(f"The data have no column {value!r}.", code="no-column", where=choice)
    chosen = replace(chosen, **{choice: value})
    if choice == "template":
        chosen = _with_columns(replace(chosen, model_settings=""), opened)
    return _consequences(chosen, choice)


def _with_columns(chosen: Chosen, opened: Opened | None) -> Chosen:
    """Choose the columns of known choice data, where none are chosen."""
    if chosen.template not in CHOICE or opened is None or any(chosen.choice_columns.values()):
        return chosen
    if (known := choice_form.proposed(opened.table.names)) is None:
        return chosen
    return replace(chosen, **known[1])


def assigned(chosen: Chosen, name: str, role: str) -> Chosen:
    """Give a variable a role, or take it away again: x, y, f (fixed effect), w or c (cluster).

    Without a name, role f takes all fixed effects away.
    """
    if role == "y":
        return replace(chosen, formula=with_outcome(chosen.formula, name), positive="")
    if role == "x":
        return replace(chosen, formula=with_term(chosen.formula, name))
    if role == "f":
        absorbing = replace(chosen, formula=with_effect(chosen.formula, name))
        if not name or chosen.template in ABSORBING:
            return absorbing
        beside = BESIDE_EFFECTS.get(chosen.template, FIXED_EFFECTS)
        return changed(absorbing, "template", beside, None)
    if role == "w":
        return replace(chosen, weights="" if chosen.weights == name else name)
    if role == "c":
        return _clustered(chosen, "" if chosen.cluster == name else name)
    raise OptionError(f"A variable has no role {role!r} here.", code="bad-role")


def repaired(chosen: Chosen, check: Check) -> Chosen:
    """Put the suggestion of a refused check in the place of the name it refuses."""
    return replace(chosen, formula=with_replaced(chosen.formula, check.where, check.suggestion))


def without(chosen: Chosen, term: str) -> Chosen:
    """Take a term off the right side of the formula."""
    return replace(chosen, formula=without_term(chosen.formula, term))


def from_specification(spec: Specification) -> Chosen:
    """Return the choices that describe a run, for "Edit in Setup"; its name is made anew.

    Raises
    ------
    OptionError
        When the run has two stages, for which the page has no fields.
    """
    if spec.model.name == TwoStages.name:
        raise OptionError(
            "A run in two stages cannot be edited here.",
            hint="copy its code, and change the call of wb.did2s.",
            code="two-stages",
        )
    return Chosen(
        template=spec.model.name,
        formula=(spec.formula or (spec.source.by if spec.source else "")) or "",
        body=spec.source.text if spec.source else "",
        se=spec.se,
        cluster=TOGETHER.join(spec.clusters),
        se_options=settings_text(spec.se_options),
        weights=spec.weights or "",
        weight_kind=spec.weight_kind,
        offset=spec.offset or "",
        positive=spec.positive or "",
        **_told_model(spec.model),
        device=spec.device,
        library=spec.backend,
        dtype=spec.dtype,
        optimizer=spec.optimizer.name,
        settings=optimizer_settings.written(spec.optimizer),
        start=GIVEN if spec.start else AUTOMATIC,
        max_steps=spec.max_steps,
        demeaner=spec.demeaner.name,
        fixef_rm=spec.fixef_rm,
        base=spec,
    )


def _told_model(model: Choice) -> dict[str, Any]:
    """Return what a model of discrete choice was told, by field."""
    if model.name not in CHOICE:
        return {}
    columns = {name: model.settings.get(name) or "" for name in choice_form.COLUMNS}
    return {**columns, "model_settings": choice_form.written(model)}


# Checking ---------------------------------------------------------------------------------------
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
        _check_outcome(design, chosen.template)
        if chosen.template in ABSORBED:
            design = informative(design, ABSORBED[chosen.template], chosen.fixef_rm)
    except WorkbenchError as error:
        return _refused(error, chosen, opened)
    return _accepted(design, (*extra, *_nuisance(chosen.template)), opened.table.nrows)


def _gap(chosen: Chosen) -> Check | None:
    """Return what is still to be chosen before anything can be checked."""
    if chosen.se in BY_CLUSTER and not chosen.cluster:
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
    return settings_of(chosen.se, parse_settings(chosen.se_options)).reads


def _is_large(chosen: Chosen, opened: Opened) -> bool:
    read = len(formula_roles(chosen.formula, opened.table.names))
    return chosen.template != OWN and opened.table.nrows * read > CELLS_AT_ONCE


def _design(chosen: Chosen, opened: Opened) -> tuple[Design, tuple[str, ...]]:
    """Build the design, and name the parameters that a body declares."""
    columns = {"cluster": (*_clusters(chosen), *_columns_of_errors(chosen))}
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


def _check_outcome(design: Design, template: str) -> None:
    """Refuse an outcome that the template cannot have, counting its rows."""
    kind = (TEMPLATES | ABSORBED).get(template)
    if kind is None:
        return
    wrong = len(kind.support.violations(design.outcome))
    if wrong:
        raise DataError(
            f"{kind.title} needs an outcome that is {kind.support.value}; "
            f"{wrong:,} rows of {design.outcome_name} are not.",
            hint="another template, or another outcome.",
            code="outcome-support",
            where=design.outcome_name,
        )


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


# What the run is --------------------------------------------------------------------------------
def optimizer_choice(chosen: Chosen, check: Check) -> str:
    """Return the optimizer's name, with "automatic" resolved by the number of parameters."""
    if chosen.template in ABSORBED:
        return Newton.name
    if chosen.optimizer != AUTOMATIC:
        return chosen.optimizer
    return Newton.name if check.parameters <= NEWTON_LIMIT else "l-bfgs-b"


def run_name(chosen: Chosen, offer: Offer, taken: Sequence[str] = ()) -> str:
    """Return the name of the run: the person's own, or template and errors, made unique."""
    if chosen.name.strip():
        return chosen.name.strip()
    errors = {"hessian": "", "cluster": f"cluster {chosen.cluster}", "none": "no errors"}
    errors |= {kind: TITLES[kind] for kind in BY_ROWS}
    parts = (offer.title(chosen.template), errors.get(chosen.se, chosen.se))
    return unlike(", ".join(filter(None, parts)), taken)


def unlike(base: str, taken: Sequence[str]) -> str:
    """Return a name that is not taken: the one given, or numbered."""
    names = (base, *(f"{base} {number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def specification(
    chosen: Chosen,
    check: Check,
    reference: DataReference,
    name: str,
    start: Mapping[str, float] | None = None,
) -> Specification:
    """Return the specification of the run that the choices describe."""
    own = chosen.template == OWN
    base = chosen.base or Specification(Choice(chosen.template), reference)
    return base.replace(
        model=_model(chosen, base.model),
        data=reference,
        formula=chosen.formula.strip() or None,
        source=Source(chosen.body) if own else None,
        se=chosen.se,
        cluster=_one_or_several(_clusters(chosen)),
        se_options=_told_errors(chosen),
        weights=chosen.weights or None,
        weight_kind=chosen.weight_kind if chosen.weights else "frequency",
        offset=chosen.offset or None,
        optimizer=_optimizer(chosen, check),
        backend=chosen.library,
        device=chosen.device,
        dtype=chosen.dtype,
        start=base.start if chosen.start == GIVEN else start,
        max_steps=chosen.max_steps,
        positive=chosen.positive or None,
        demeaner=_kept_choice(chosen.demeaner, base.demeaner),
        fixef_rm=chosen.fixef_rm,
        name=name,
    )


def _model(chosen: Chosen, base: Choice) -> Choice:
    """Return the model with its settings; those of discrete choice stand on the page."""
    if chosen.template not in CHOICE:
        return _kept_choice(chosen.template, base)
    return choice_form.half_typed(chosen.template, chosen.choice_columns, chosen.model_settings)


def _told_errors(chosen: Chosen) -> dict[str, Any]:
    """Return what the standard errors are told, nothing while it is half typed."""
    try:
        return parse_settings(chosen.se_options)
    except OptionError:
        return {}


def _optimizer(chosen: Chosen, check: Check) -> Choice:
    """Return the optimizer with its settings, without them while they are half typed."""
    name = optimizer_choice(chosen, check)
    if chosen.template in ABSORBED:
        return Choice(name)
    try:
        return optimizer_settings.read(name, chosen.settings)
    except OptionError:
        return Choice(name)


def _clusters(chosen: Chosen) -> tuple[str, ...]:
    """Return the cluster columns: the one chosen, or those of the run brought back."""
    if chosen.base is not None and chosen.cluster == TOGETHER.join(chosen.base.clusters):
        return chosen.base.clusters
    return (chosen.cluster,) if chosen.cluster else ()


def _one_or_several(names: tuple[str, ...]) -> str | tuple[str, ...] | None:
    return names if len(names) > 1 else next(iter(names), None)


def start_from(params: pd.Series, check: Check) -> dict[str, float]:
    """Return another run's estimates of the parameters that this run has too."""
    return {str(name): float(params[name]) for name in params.index if name in check.names}


def _kept_choice(name: str, base: Choice) -> Choice:
    """Return the choice of that name, with the settings of ``base`` when it is the same one."""
    return base if base.name == name else Choice(name)


# Helpers ----------------------------------------------------------------------------------------
def _consequences(chosen: Chosen, choice: str) -> Chosen:
    if choice == "cluster":
        return _clustered(chosen, chosen.cluster)
    if choice == "se":
        chosen = replace(chosen, se_options="")
    if choice == "se" and chosen.se not in BY_CLUSTER:
        return replace(chosen, cluster="", se_before=chosen.se)
    if choice == "optimizer":
        return replace(chosen, settings="")
    if choice == "template":
        chosen = _with_known_errors(chosen)
    if choice == "template" and chosen.template in ABSORBING:
        return replace(chosen, weight_kind="analytic")
    if choice == "formula" and chosen.template in BESIDE_EFFECTS and effects(chosen.formula):
        return changed(chosen, "template", BESIDE_EFFECTS[chosen.template], None)
    if choice == "template" and chosen.template == OWN and not chosen.body:
        return replace(chosen, body=_OWN_GAUSSIAN)
    if choice == "device" and chosen.device == "mps":
        return replace(chosen, dtype="float32", library="torch")
    return chosen


def errors_of(template: str) -> dict[str, str]:
    """Return the kinds of standard errors that a template has, with their words."""
    if template in CHOICE:
        return choice_form.ERRORS
    if template in CLOSED_FORM:
        return {kind: label for kind, label in LINEAR_ERRORS.items() if kind in KNOWN_ERRORS}
    return ERRORS


def _with_known_errors(chosen: Chosen) -> Chosen:
    """Go back to the template's first kind of errors when it does not have the one chosen."""
    known = errors_of(chosen.template)
    kept = [kind if kind in known else "hessian" for kind in (chosen.se, chosen.se_before)]
    told = chosen.se_options if kept[0] == chosen.se else ""
    return replace(chosen, se=kept[0], se_before=kept[1], se_options=told)


def own_likelihood(chosen: Chosen) -> Chosen:
    """Switch to a person's own log-likelihood, started from the template chosen so far."""
    body = chosen.body or OWN_STARTS.get(chosen.template, _OWN_GAUSSIAN)
    return replace(chosen, template=OWN, body=body)


def _clustered(chosen: Chosen, column: str) -> Chosen:
    """Cluster by a column; without one, go back to the errors chosen before."""
    before = chosen.se_before if chosen.se in BY_CLUSTER else chosen.se
    by_cluster = chosen.se if chosen.se in BY_CLUSTER else "cluster"
    chosen = chosen if chosen.se in BY_CLUSTER else replace(chosen, se_options="")
    return replace(chosen, cluster=column, se=by_cluster if column else before, se_before=before)


def _first_model(summaries: Sequence[ColumnSummary]) -> tuple[str, str]:
    """Return the textbook's model of known columns, else a first model of any table."""
    names = {item.name for item in summaries}
    for template, formula in CLASSICS:
        if names.issuperset(re.findall(r"\w+", formula.replace("sunab(", ""))):
            return template, formula
    numeric = [item for item in summaries if _is_number(item)]
    usable = [item for item in numeric if not item.missing] or numeric
    outcome = _likely_outcome(usable)
    if outcome is None:
        return "gaussian", ""
    others = [quoted(item.name) for item in usable if item is not outcome]
    if not all(re.fullmatch(r"x\d+", name) for name in others):
        others = others[:_FEW_REGRESSORS]  # a table of y and x1 to x100 is all model
    counts = outcome.kind == "integer" and outcome.minimum == 0
    template = "logit" if outcome.kind == "0/1" else "poisson" if counts else "gaussian"
    return template, f"{quoted(outcome.name)} ~ {' + '.join(others) or '1'}"


def _likely_outcome(usable: Sequence[ColumnSummary]) -> ColumnSummary | None:
    called_y = (item for item in usable if item.name.lower() == "y")
    binary = (item for item in usable if item.kind == "0/1")
    return next(called_y, None) or next(binary, None) or next(iter(usable), None)


def _is_number(item: ColumnSummary) -> bool:
    return item.kind in {"0/1", "integer", "number"} and item.minimum != item.maximum


def _brief(text: str) -> str:
    """Return a sentence to go on with after a colon, a name at its head as it is."""
    text, head = text.rstrip("."), text.partition(" ")[0]
    return text if head in _NAMES or text[:2].isupper() else text[:1].lower() + text[1:]
