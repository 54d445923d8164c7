"""The models by name: one line each, loaded when it is first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

import pandas as pd

from workbench.data.formula.interactions import cohort_terms
from workbench.data.table import Table
from workbench.errors import OptionError
from workbench.estimation.evidence import ProblemEvidence
from workbench.estimation.families import FAMILIES
from workbench.estimation.model import Model, results_class
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Specification
from workbench.kernels.parallel.blas import one_blas_thread
from workbench.likelihoods.base import Likelihood
from workbench.literals import Choice
from workbench.models.design.read import columns_read
from workbench.models.templates.options import model_of_likelihood, template_model
from workbench.names import nearest
from workbench.options import options_of
from workbench.results.fit import Availability, Fit

MODELS = {
    "ols": "workbench.models.linear.options:OLS",
    "feols": "workbench.models.fixed_effects.options:FEOLS",
    "gaussian": "workbench.likelihoods.gaussian:Gaussian",
    "logit": "workbench.likelihoods.logit:Logit",
    "probit": "workbench.likelihoods.probit:Probit",
    "poisson": "workbench.likelihoods.counts.poisson:Poisson",
    "negbin2": "workbench.likelihoods.counts.negative_binomial:NegativeBinomial",
    "zip": "workbench.likelihoods.counts.zero_inflated:ZeroInflatedPoisson",
    "ordered_logit": "workbench.likelihoods.ordered_logit:OrderedLogit",
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
    model = template_model(found) if issubclass(found, Likelihood) else found
    check_registered(name, model)
    return model


_OF_CALLS = {"model", "data", "formula", *(family.keyword for family in FAMILIES.values())}
"""Parameters of `workbench.fit` that are not options of a run."""


def check_registered(name: str, model: type[Model]) -> None:
    """Refuse a model that is registered under another name, or with options that are also a run's.

    Raises
    ------
    TypeError
        Naming the model and the option, for the author of the model.
    """
    if model.name != name:
        raise TypeError(
            f'The model {model.__name__} is registered as "{name}", and its name is '
            f'"{model.name}": give both the same name.'
        )
    taken = _OF_CALLS | {each.name for each in options_of(Specification)}
    for each in options_of(model):
        if each.name in taken:
            raise TypeError(
                f'The model "{name}" declares the option {each.name}, which every run has: give '
                "it another name."
            )


def check_model_name(name: str) -> None:
    """Refuse a name that is not a model's.

    Raises
    ------
    OptionError
        With the nearest name as the suggestion, or the names of all models.
    """
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


def models_where(test: Callable[[type[Model]], bool]) -> tuple[str, ...]:
    """Return the names of the listed models of which a test is true."""
    return tuple(name for name, kind in listed().items() if test(kind))


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
            "further_parameters": kind.further_parameters,
            "roles": kind.roles,
        }
        for name, kind in listed().items()
    ]
    return pd.DataFrame(rows).set_index("name")


# The model of a call or a record ----------------------------------------------------------------
def as_model(given: Any) -> Model | type[Model]:
    """Return what was given as a model: a name, a class, an object, or a likelihood template.

    A class is a model without its options.

    Raises
    ------
    OptionError
        When it is none of these.
    """
    if isinstance(given, str):
        return model_class(given)
    if isinstance(given, Model) or (isinstance(given, type) and issubclass(given, Model)):
        return given
    if isinstance(given, Likelihood):
        return model_of_likelihood(given)
    if isinstance(given, type) and issubclass(given, Likelihood):
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
    WorkbenchError
        When an option is refused, or the record does not have all of the model.
    """
    return model_class(choice.name).restored(choice.settings)


# Problems and fits ------------------------------------------------------------------------------
@one_blas_thread()
def problem_of(specification: Specification, table: Table, model: Model | None = None) -> Problem:
    """Join a specification with its data.

    Parameters
    ----------
    specification
        The specification of the run.
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
        table.begin_fingerprint(columns_read(model, specification, table.names))
    plan = model.plan(specification, table)
    problem = model.problem(plan)
    problem.table, problem.model = plan.table, model
    specification.covariance.check_evidence(ProblemEvidence(problem, specification.clusters))
    return problem


def results_of(problem: Problem) -> type[Fit]:
    """Return the class of the fits of a problem."""
    kind = results_class(type(problem.model))
    return _with_cohorts(kind) if cohort_terms(problem.design.state) else kind


def class_of_stored(stored: Mapping[str, Any]) -> type[Fit]:
    """Return the class of a fit that was stored; `Fit` itself for a model unknown here.

    Parameters
    ----------
    stored
        What `Fit.to_dict` returned, or an older version of it.
    """
    name = stored["specification"]["model"]["name"]
    kind = results_class(model_class(name)) if name in MODELS else Fit
    averaged = "cohorts" in stored or "aggregation" in stored["state"]
    return _with_cohorts(kind) if averaged else kind


def _with_cohorts(kind: type[Fit]) -> type[Fit]:
    """Return the class that averages the effects of cohorts too; it loads several families."""
    found: type[Fit] = import_module("workbench.models.event_study.results").with_cohorts(kind)
    return found


def models_with(attribute: str) -> tuple[tuple[str, ...], Availability] | None:
    """Return the models with fits that have a method or property, and the words for its lack.

    None where no fit has it.
    """
    kinds = {name: _with_cohorts(results_class(model_class(name))) for name in MODELS}
    having = {model: kind for model, kind in kinds.items() if hasattr(kind, attribute)}
    if not having:
        return None
    first, kind = next(iter(having.items()))
    own = next(each for each in kind.__mro__ if attribute in vars(each))
    availability: Mapping[str, Availability] = vars(own).get("availability", {})
    unnamed = Availability(f"has no {attribute}", f'a model such as "{first}".', "not-offered")
    return tuple(having), availability.get(attribute, unnamed)
