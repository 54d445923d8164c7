"""From what was asked of a model of discrete choice, and a table, to its problem."""

from __future__ import annotations

from workbench.covariances import groupings
from workbench.covariances.kinds import columns_of_errors
from workbench.data.table import Table
from workbench.errors import DeviceError, OptionError
from workbench.estimation.problem import Problem, joint
from workbench.estimation.specification import Specification
from workbench.models.choice.covariates import person_design
from workbench.models.choice.data import read_choices
from workbench.models.choice.latent_class import LatentClassProblem
from workbench.models.choice.mixed import MixedProblem
from workbench.models.choice.multinomial import MultinomialProblem
from workbench.models.choice.nested import NestedProblem
from workbench.models.choice.options import (
    ConditionalSettings,
    LatentClassSettings,
    MixedSettings,
    MultinomialSettings,
    NestedSettings,
    settings_for,
)
from workbench.models.choice.problem import ChoiceProblem

ON_DEVICES = (ConditionalSettings.name, MixedSettings.name)
"""The models whose kernels run on other devices and in other precisions."""


def choice_problem(asked: Specification, table: Table, formula: str) -> Problem:
    """Join a model of discrete choice with its data.

    Raises
    ------
    WorkbenchError
        When the data or an option cannot serve the model.
    """
    _check_asked(asked)
    settings = settings_for(asked.model)
    if isinstance(settings, MultinomialSettings):
        return _multinomial(settings, asked, table, formula)
    text = settings.membership if isinstance(settings, LatentClassSettings) else settings.scale
    beside = person_design(table, formula, text, asked.missing) if text else None
    data = read_choices(
        table,
        formula,
        settings.roles,
        cluster=asked.clusters,
        weights=asked.weights,
        missing=asked.missing,
        positive=asked.positive,
        collinear=asked.collinear,
        beside=() if beside is None else (beside.rows,),
    )
    kind: type[ChoiceProblem] = _KINDS[type(settings)]
    return kind(settings, asked, data, table, beside)


_KINDS: dict[type, type[ChoiceProblem]] = {
    ConditionalSettings: ChoiceProblem,
    MixedSettings: MixedProblem,
    NestedSettings: NestedProblem,
    LatentClassSettings: LatentClassProblem,
}


def _multinomial(
    settings: MultinomialSettings, asked: Specification, table: Table, formula: str
) -> Problem:
    columns = tuple(dict.fromkeys([*asked.clusters, *columns_of_errors(asked)]))
    roles = {"cluster": columns, "weights": asked.weights, "missing": asked.missing}
    problem = MultinomialProblem(settings, asked, table, formula, roles)
    single = problem.design.clusters
    sets = groupings(asked.clusters)
    problem.cluster_with({key: joint([single[n] for n in ns]) for key, ns in sets.items()})
    return problem


def _check_asked(asked: Specification) -> None:
    title = settings_for(asked.model).title
    if asked.offset is not None:
        raise OptionError(
            f"{title} has no offset.",
            hint=f'a coefficient held at one: fixed={{"{asked.offset}": 1.0}}.',
            code="no-offset",
            where="offset",
        )
    plain = asked.device == "cpu" and asked.dtype == "float64"
    if asked.model.name not in ON_DEVICES and not plain:
        raise DeviceError(
            f"{title} is computed on the CPU in float64; device and dtype ask for "
            f"{asked.device} and {asked.dtype}.",
            hint="leave device and dtype out.",
            code="cpu-only",
            where="device",
        )
