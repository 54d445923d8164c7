"""The problems of all models: each class is abstract or final."""

from __future__ import annotations

import inspect

import pytest

from workbench.estimation.problem import Problem
from workbench.estimation.procedure import Optimized, OwnSteps, Solved
from workbench.models.choice import conditional, latent_class, mixed, multinomial, nested
from workbench.models.custom import problem as custom
from workbench.models.event_study import did2s
from workbench.models.fixed_effects import feglm, feols
from workbench.models.linear import ols
from workbench.models.templates import problem as templates

MODULES = (
    *(conditional, latent_class, mixed, multinomial, nested, custom, did2s, feglm, feols),
    *(ols, templates),
)


def below(kind):
    return {kind, *(each for child in kind.__subclasses__() for each in below(child))}


@pytest.mark.parametrize("kind", sorted(below(Problem), key=lambda kind: kind.__name__))
def test_every_class_of_problems_is_abstract_or_final(kind):
    final = getattr(kind, "__final__", False) and "__final__" in vars(kind)

    assert inspect.isabstract(kind) != final
    assert not (final and kind.__subclasses__())


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.split(".")[-1])
def test_how_a_problem_is_estimated_is_an_object(module):
    (kind,) = (
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, Problem)
        and each.__module__ == module.__name__
    )

    said = inspect.signature(kind.procedure.fget, eval_str=True).return_annotation

    assert said in (Solved, Optimized, OwnSteps)
