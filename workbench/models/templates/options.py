"""Likelihood templates as models: the options are those of the likelihood."""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields, make_dataclass
from functools import lru_cache
from typing import Any, ClassVar

from workbench.estimation.model import Model
from workbench.likelihoods.base import Likelihood, Support
from workbench.options import Kind, options_of


@dataclass(frozen=True, kw_only=True)
class TemplateModel(Model):
    """A likelihood template joined with what a model declares."""

    built_by: ClassVar[str] = "workbench.models.templates.build"
    results: ClassVar[str] = "workbench.models.templates.results:TemplateFit"
    likelihood_class: ClassVar[type[Likelihood]]

    @property
    def likelihood(self) -> Likelihood:
        """The likelihood with these options."""
        return _likelihood(self.likelihood_class, tuple(self.to_dict().items()))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The further parameters that are known before the data."""
        return self.likelihood_class.further_parameters


@lru_cache
def _likelihood(kind: type[Likelihood], options: tuple[tuple[str, Any], ...]) -> Likelihood:
    """Return one object for equal options, by which compiled code is found again."""
    return kind(**dict(options))


def without_names(likelihood: Likelihood) -> Likelihood:
    """Return a likelihood with other names of columns, by which its formula is compiled once."""
    named = {Kind.FORMULA: "~ 1", Kind.COLUMN: "column"}
    kind = type(likelihood)
    values = [(o.name, named.get(o.kind, getattr(likelihood, o.name))) for o in options_of(kind)]
    return _likelihood(kind, tuple(values))


@lru_cache
def template_model(likelihood: type[Likelihood]) -> type[TemplateModel]:
    """Return the model of a likelihood template."""
    declared = {item.name: item for item in fields(likelihood)}
    copied: list[Any] = []
    for each in options_of(likelihood):
        item = declared[each.name]
        copied.append((each.name, item.type, _copied(item)))
    namespace = {
        "__doc__": likelihood.__doc__,
        "name": likelihood.name,
        "title": likelihood.title,
        "formula": likelihood.formula,
        "outcome": likelihood.support.value,
        "two_valued": likelihood.support is not Support.ORDERED,
        "further_parameters": likelihood.further_parameters,
        "with_effects": likelihood.with_effects,
        "source_text": likelihood.body,
        "usual_for": likelihood.usual_for,
        "textbook": likelihood.textbook,
        "likelihood_class": likelihood,
    }
    made = make_dataclass(
        likelihood.__name__,
        copied,
        bases=(TemplateModel,),
        namespace=namespace,
        frozen=True,
        kw_only=True,
    )
    made.__module__ = likelihood.__module__
    return made


def _copied(item: Field[Any]) -> Any:
    if item.default_factory is not MISSING:
        return field(default_factory=item.default_factory, metadata=item.metadata)
    return field(default=item.default, metadata=item.metadata)


def model_of_likelihood(likelihood: Likelihood) -> TemplateModel:
    """Return the model of a likelihood with its options."""
    kind = template_model(type(likelihood))
    return kind(**{each.name: getattr(likelihood, each.name) for each in options_of(kind)})
