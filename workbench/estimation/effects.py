"""Options that have no effect on a run: each says what it needs, and what a run lacks is noted.

An option declares ``needs`` where it is declared.  One that would change what is estimated is
refused (`Option.refused`), so that nobody takes the result for what was asked; one that says how
or where something is computed is noted with the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from workbench.covariances.kinds import covariance_of
from workbench.errors import OptionError
from workbench.estimation.model import LIBRARY, NUMPY, Model, model_class
from workbench.estimation.specification import RunOptions, Specification
from workbench.options import Option, options_of, refusal


@dataclass(frozen=True)
class Requirement:
    """What an option needs of a run, and how a sentence says that the run lacks it."""

    met: Callable[[Specification, type[Model]], bool]
    lack: str


REQUIREMENTS: Mapping[str, Requirement] = {
    "weights": Requirement(lambda run, _: run.weights is not None, "there are no weights"),
    "absorbs": Requirement(lambda run, _: run.fixed_effects, "there are no fixed effects"),
    "iterates": Requirement(lambda _, model: not model.solved, "{title} has a closed form"),
    "random": Requirement(lambda _, model: model.uses_seed, "nothing in {title} is random"),
    "library": Requirement(
        lambda _, model: model.computed_by == LIBRARY, "{title} uses neither torch nor JAX"
    ),
    "device": Requirement(
        lambda run, model: model.computed_by != NUMPY or run.fixed_effects,
        "numpy computes {title} on the CPU",
    ),
    "two_values": Requirement(
        lambda run, model: model.two_valued and run.formula is not None,
        "{title} does not read an outcome of two levels",
    ),
    "several_clusters": Requirement(
        lambda run, _: len(run.clusters) > 1, "there is one direction of clusters"
    ),
}
"""What options may need, by the name in `Option.needs`."""


def notes_on_idle(specification: Specification) -> tuple[str, ...]:
    """Return a sentence for each option that was given and has no effect.

    Raises
    ------
    OptionError
        When one of them would change what is estimated.
    """
    idle = [*_idle(specification)]
    for each, lack in idle:
        if each.refused:
            raise _without_effect(each, lack)
    return tuple(f"{each.name} has no effect here: {lack}." for each, lack in idle)


def _idle(specification: Specification) -> Iterator[tuple[Option, str]]:
    """Yield the options that were given without what they need, and what that is in words."""
    model = model_class(specification.model.name)
    named = model.covariance_names.get(specification.se, specification.se)
    errors = covariance_of(named, specification.se_options)
    for owner, given in ((RunOptions, specification), (type(errors), errors)):
        for each in options_of(owner):
            need = REQUIREMENTS.get(each.needs)
            if need is None or getattr(given, each.name) == each.default:
                continue
            if not need.met(specification, model):
                yield each, need.lack.format(title=model.title)


def _without_effect(each: Option, lack: str) -> OptionError:
    return refusal(
        f"{each.subject} has no effect: {lack}.",
        f'{each.needs}="column" with it, or leave {each.name} out.',
        each.name,
        "no-effect",
    )
