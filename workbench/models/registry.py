"""The models by name: one line each, loaded when it is first asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from importlib import import_module
from typing import Any

import pandas as pd

from workbench.covariances import SETTINGS, settings_of
from workbench.covariances.kinds import check_errors
from workbench.data.names import level_text
from workbench.data.table import Table
from workbench.demeaners import DEMEANERS, demeaner_named
from workbench.errors import DeviceError, LikelihoodError, OptionError, WorkbenchError
from workbench.estimation.model import Finding, Model, Plan
from workbench.estimation.problem import Problem
from workbench.estimation.specification import RunOptions, Specification
from workbench.kernels.parallel.blas import one_blas_thread
from workbench.likelihoods.base import LinearIndex
from workbench.literals import Choice
from workbench.models.design.notes import notes_on_design
from workbench.models.design.read import columns_asked, draft_plan
from workbench.models.templates.options import model_of_likelihood, template_model
from workbench.names import nearest
from workbench.optimizers import OPTIMIZERS, optimizer_named
from workbench.options import made, options_of

MODELS = {
    "ols": "workbench.models.linear.options:OLS",
    "feols": "workbench.models.fixed_effects.options:FEOLS",
    "gaussian": "workbench.likelihoods.gaussian:Gaussian",
    "logit": "workbench.likelihoods.logit:Logit",
    "probit": "workbench.likelihoods.probit:Probit",
    "poisson": "workbench.likelihoods.counts.poisson:Poisson",
    "fepois": "workbench.models.fixed_effects.options:FEPoisson",
    "felogit": "workbench.models.fixed_effects.options:FELogit",
    "fenegbin": "workbench.models.fixed_effects.options:FENegativeBinomial",
    "conditional_logit": "workbench.models.choice.options:ConditionalLogit",
    "multinomial_logit": "workbench.models.choice.options:MultinomialLogit",
    "mixed_logit": "workbench.models.choice.options:MixedLogit",
    "nested_logit": "workbench.models.choice.options:NestedLogit",
    "latent_class": "workbench.models.choice.options:LatentClass",
    "did2s": "workbench.models.event_study.options:DID2S",
    "body": "workbench.models.custom.options:Written",
    "custom": "workbench.models.custom.function:Custom",
}
"""Every model by name, in the order of menus, as ``module:class``.

A class is a `Model`, or a likelihood template, which becomes one.
"""

CELLS_AT_ONCE = 15_000_000
"""Cells of a design that are read while a person types; 5 million take 0.13 s."""

_BY_CLUSTER = ("cluster", "CRV3")
"""The kinds of standard errors that need a column to cluster by."""


@lru_cache
def model_class(name: str) -> type[Model]:
    """Return the class of a model.

    Raises
    ------
    OptionError
        When there is none of that name; the nearest one is the suggestion.

    Examples
    --------
    >>> model_class("logit").title
    'Logit'
    """
    check_model_name(name)
    module, _, class_name = MODELS[name].partition(":")
    found = getattr(import_module(module), class_name)
    return template_model(found) if issubclass(found, LinearIndex) else found


def check_model_name(name: str) -> None:
    """Refuse a name that is not a model, with the nearest one."""
    if name in MODELS:
        return
    near = nearest(name.lower(), MODELS)
    raise OptionError(
        f'There is no model "{name}".',
        hint=f'"{near}"?' if near else f"one of {list(listed())}, or wb.custom(...).",
        code="no-such-model",
        where="model",
        suggestion=near,
    )


def listed() -> dict[str, type[Model]]:
    """Return the models that menus list, by name."""
    kinds = {name: model_class(name) for name in MODELS}
    return {name: kind for name, kind in kinds.items() if kind.listed}


def models() -> pd.DataFrame:
    """List the models: name, title, formula, what the outcome must be, further parameters.

    Examples
    --------
    >>> [name for name in models().index if name.startswith("fe")]
    ['feols', 'fepois', 'felogit', 'fenegbin']
    """
    rows = [
        {
            "name": name,
            "title": kind.title,
            "formula": kind.formula,
            "outcome": kind.outcome,
            "nuisance": kind.further_parameters,
            "roles": kind.roles,
        }
        for name, kind in listed().items()
    ]
    return pd.DataFrame(rows).set_index("name")


def as_model(given: Any) -> Model | type[Model]:
    """Return what was given as a model: a name, a class, an object, or a likelihood template.

    A class stands for a model whose options are still to be given.

    Raises
    ------
    OptionError
        When it is none of these.
    """
    if isinstance(given, str):
        return model_class(given)
    if isinstance(given, Model) or (isinstance(given, type) and issubclass(given, Model)):
        return given
    if isinstance(given, LinearIndex):
        return model_of_likelihood(given)
    if isinstance(given, type) and issubclass(given, LinearIndex):
        return template_model(given)
    raise OptionError(
        f"The model is a {type(given).__name__}.",
        hint='a name as in "logit", wb.custom(...) or wb.likelihood(...).',
        code="no-such-model",
        where="model",
    )


def model_of(choice: Choice) -> Model:
    """Return the model of a specification.

    Raises
    ------
    LikelihoodError
        When it holds a function, which is not stored.
    """
    kind = model_class(choice.name)
    if kind.has_function:
        raise LikelihoodError(
            "The run's own log-likelihood is a function, which is not stored.",
            hint="give it again: model=wb.custom(...).",
            code="function-needed",
            where="model",
        )
    return made(kind, choice.settings)


@one_blas_thread()
def problem_of(specification: Specification, table: Table, model: Model | None = None) -> Problem:
    """Join a specification with its data.

    Parameters
    ----------
    specification
        What was asked.
    table
        The data.
    model
        The model, where it holds a function, which a specification cannot.

    Raises
    ------
    WorkbenchError
        When the data or an option are invalid for the model.
    """
    model = model_of(specification.model) if model is None else model
    if model.needs_formula:
        table.begin_fingerprint(columns_asked(model, specification, table.names))
    problem = model.problem(model.plan(specification, table))
    problem.table, problem.model = table, model
    check_errors(problem)
    return problem


@one_blas_thread()
def plan_of(specification: Specification, table: Table) -> Plan:
    """Say what a run would do with its data, and why it cannot start, if so.

    The specification may be incomplete; what is missing is among the findings.  Data of more
    than `CELLS_AT_ONCE` cells are not read: rows and parameters are then counted by the run.
    """
    kind = model_class(specification.model.name)
    blank = Plan(kind, specification, table)
    if findings := tuple(_refused_options(kind, specification)):
        return replace(blank, findings=findings)
    try:
        return _read(specification, table)
    except WorkbenchError as error:
        finding = _finding(kind, specification, error)
        return replace(blank, findings=(finding,), levels=_levels(error, table))


def _read(specification: Specification, table: Table) -> Plan:
    model = model_of(specification.model)
    if _is_large(model, specification, table):
        draft = getattr(import_module(model.built_by), "draft", draft_plan)
        later: Plan = draft(model, specification, table)
        return later
    plan = model.plan(specification, table)
    about = () if plan.design is None else notes_on_design(plan.design)
    return replace(plan, notes=(*about, *plan.notes))


def _is_large(model: Model, asked: Specification, table: Table) -> bool:
    if table.nrows * len(table.names) <= CELLS_AT_ONCE:
        return False
    return table.nrows * max(1, len(columns_asked(model, asked, table.names))) > CELLS_AT_ONCE


def _levels(error: WorkbenchError, table: Table) -> tuple[str, ...]:
    """Return the levels of a text outcome of which one has to be named."""
    if error.code != "which-level" or error.where not in table.names:
        return ()
    return tuple(sorted(map(level_text, table.column(error.where).dropna().unique())))


# What is found in a draft ------------------------------------------------------------------------
def _finding(kind: type[Model], asked: Specification, error: WorkbenchError) -> Finding:
    """Say which option an error of a plan is about."""
    if name := kind.option_at_fault(error, asked):
        return Finding(error, "model", name)
    common = {each.name for each in options_of(RunOptions)}
    if isinstance(error, OptionError | DeviceError) and error.where in common:
        return Finding(error, "run", error.where)
    return Finding(error)


def _refused_options(kind: type[Model], asked: Specification) -> Iterator[Finding]:
    """Yield what is wrong with the options of a run and of its members, before any data."""
    if asked.se in _BY_CLUSTER and not asked.clusters:
        yield Finding(_no_cluster(), "run", "cluster")
    common = {each.name: getattr(asked, each.name) for each in options_of(RunOptions)}
    yield from _refused("run", RunOptions, common, lambda: None)
    optimizer, demeaner = asked.optimizer, asked.demeaner
    yield from _refused(
        "optimizer",
        OPTIMIZERS.get(optimizer.name),
        optimizer.settings,
        lambda: optimizer_named(optimizer.name, optimizer.settings),
    )
    if kind.absorbs:
        yield from _refused(
            "demeaner",
            DEMEANERS.get(demeaner.name),
            demeaner.settings,
            lambda: demeaner_named(demeaner.name, demeaner.settings),
        )
    yield from _refused(
        "se",
        SETTINGS.get(asked.se),
        asked.se_options,
        lambda: settings_of(asked.se, asked.se_options),
    )
    yield from _refused("model", kind, asked.model.settings, lambda: model_of(asked.model))


def _refused(
    of: str, kind: type | None, values: Mapping[str, Any], make: Callable[[], Any]
) -> Iterator[Finding]:
    """Yield the values that their options refuse, else what is refused of them together."""
    names = [] if kind is None else [item.name for item in fields(kind)]
    found = False
    for each in () if kind is None else options_of(kind):
        try:
            if each.name in values:
                each.checked(values[each.name])
        except OptionError as error:
            found = True
            yield Finding(error, of, each.name)
    if found:
        return
    try:
        make()
    except WorkbenchError as error:
        yield Finding(error, of, _option_named(error, names))
    except (TypeError, ValueError) as error:
        yield Finding(
            OptionError(f"{error}.".capitalize(), code="bad-setting"), of, next(iter(values))
        )


def _option_named(error: WorkbenchError, names: Sequence[str]) -> str:
    """Return the option that an error is about: the place it states, or one that it names."""
    words = re.findall(r"\w+", error.problem)
    return error.where if error.where in names else next((n for n in names if n in words), "")


def _no_cluster() -> OptionError:
    return OptionError(
        "Clustered standard errors need a column to cluster by.",
        hint='cluster="region", or --cluster region in a cell.',
        code="no-cluster",
        where="cluster",
    )
