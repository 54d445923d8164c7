"""The models by name, and the way from a specification and a table to a problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from workbench.backends import Backend, backend_named
from workbench.covariances import groupings
from workbench.covariances.kinds import check_errors, columns_of_errors
from workbench.data.design import Design, build_columns, build_design
from workbench.data.formula.parser import variables
from workbench.data.table import Table
from workbench.errors import LikelihoodError, OptionError
from workbench.estimation.problem import Problem, joint
from workbench.estimation.specification import Source, Specification
from workbench.kernels.parallel.blas import one_blas_thread
from workbench.likelihoods import TEMPLATES, Custom, LinearIndex
from workbench.models.choice.build import choice_problem
from workbench.models.choice.options import MODELS as CHOICE, MultinomialSettings, columns_of_model
from workbench.models.custom.body import Body, parse_body
from workbench.models.custom.problem import CustomProblem, Named, OwnLikelihood
from workbench.models.event_study.did2s import TwoStageProblem, TwoStages
from workbench.models.event_study.results import has_cohorts, with_cohorts
from workbench.models.fixed_effects.families import ABSORBED
from workbench.models.fixed_effects.feglm import AbsorbedProblem
from workbench.models.fixed_effects.feols import FixedEffectsModel, FixedEffectsProblem
from workbench.models.linear.ols import LeastSquares, LeastSquaresProblem
from workbench.models.templates.problem import TemplateProblem
from workbench.results.fit import Fit, Offer

BODY, CUSTOM = "body", "custom"
FIXED_EFFECTS = FixedEffectsModel.name
CLOSED_FORM = (LeastSquares.name, FIXED_EFFECTS)
"""The models that are solved and not walked."""
ABSORBING = (FIXED_EFFECTS, *ABSORBED)
"""The models that take fixed effects behind ``|``."""
IN_NUMPY = (LeastSquares.name, *ABSORBING)
"""The models that need neither torch nor JAX."""


RESULTS = {
    LeastSquares.name: "workbench.models.linear.results:LinearFit",
    FIXED_EFFECTS: "workbench.models.fixed_effects.results:FeolsFit",
    **dict.fromkeys(TEMPLATES, "workbench.models.templates.results:TemplateFit"),
    **dict.fromkeys(ABSORBED, "workbench.models.fixed_effects.results:FeglmFit"),
    **dict.fromkeys(CHOICE, "workbench.models.choice.results:ChoiceFit"),
    MultinomialSettings.name: "workbench.models.choice.results:MultinomialFit",
    TwoStages.name: "workbench.models.event_study.results:TwoStageFit",
    CUSTOM: "workbench.models.custom.results:CustomFit",
    BODY: "workbench.models.custom.results:CustomFit",
}
"""The class of the fits of each model, as ``"module:class"``."""


def results_of(problem: Problem) -> type[Fit]:
    """Return the class of the fits of a problem."""
    return with_cohorts(problem.results) if has_cohorts(problem.design) else problem.results


def results_class(stored: Mapping[str, Any]) -> type[Fit]:
    """Return the class of a fit that was stored; see `Fit.to_dict`."""
    kind = _results_named(stored["specification"]["model"]["name"])
    averaged = "cohorts" in stored or "aggregation" in stored["state"]
    return with_cohorts(kind) if averaged else kind


def _results_named(model: str) -> type[Fit]:
    """Return the class of the fits of a model by its name; `Fit` itself for one unknown here."""
    if model not in RESULTS:
        return Fit
    module, _, name = RESULTS[model].partition(":")
    kind: type[Fit] = getattr(import_module(module), name)
    return kind


def models_with(attribute: str) -> tuple[tuple[str, ...], Offer] | None:
    """Return the models whose fits have a method or property, and what its lack is called."""
    kinds = {model: with_cohorts(_results_named(model)) for model in RESULTS}
    having = {model: kind for model, kind in kinds.items() if hasattr(kind, attribute)}
    if not having:
        return None
    own = next(each for each in next(iter(having.values())).__mro__ if attribute in vars(each))
    plain = Offer(f"has no {attribute}", f'a model such as "{next(iter(having))}".', "not-offered")
    offers: Mapping[str, Offer] = vars(own).get("offers", {})
    return tuple(having), offers.get(attribute, plain)


def model_title(name: str) -> str:
    """Return the title of a model as menus list it, or its name where they do not."""
    return {model.name: model.title for model in describe_models()}.get(name, name)


@dataclass(frozen=True)
class Written:
    """A log-likelihood written as text, which replays from the text alone."""

    source: Source


def likelihood(text: str, *, by: str | None = None) -> Written:
    r"""Make a model of a likelihood body, as a ``%%mle`` cell has it.

    Parameters
    ----------
    text
        ``params:`` lines and assignments, the last of them of ``loglik``.
    by
        The column that groups rows into units, when ``loglik`` has one value a unit.

    Examples
    --------
    >>> model = likelihood("params: mu, sigma > 0\nloglik = normal_logpdf(y, mu, sigma)")
    >>> model.source.by is None
    True
    """
    return Written(Source(text, by))


@dataclass(frozen=True)
class ModelDescription:
    """What a menu shows of a model."""

    name: str
    title: str
    formula: str
    outcome: str
    nuisance: tuple[str, ...]
    roles: tuple[str, ...]


_ROLES = ("outcome", "regressors", "cluster", "weights", "offset")
_CHOICE_ROLES = ("outcome", "regressors", "cluster", "weights")


def describe_models() -> list[ModelDescription]:
    """List the templates in the order of a menu, a person's own likelihood last."""
    kinds: list[type[LinearIndex]] = [LeastSquares, *TEMPLATES.values()]
    listed = [
        ModelDescription(
            kind.name, kind.title, kind.formula, kind.support.value, kind.nuisance, _ROLES
        )
        for kind in kinds
    ]
    absorbing = ModelDescription(
        FixedEffectsModel.name,
        FixedEffectsModel.title,
        FixedEffectsModel.formula,
        "any number",
        (),
        ("fixed effects", *_ROLES),
    )
    beside = [
        ModelDescription(
            kind.name,
            kind.title,
            kind.formula,
            kind.support.value,
            kind.nuisance,
            ("fixed effects", *_ROLES),
        )
        for kind in ABSORBED.values()
    ]
    choices = [
        ModelDescription(
            kind.name, kind.title, kind.formula, kind.outcome, (), (*kind.own_roles, *_CHOICE_ROLES)
        )
        for kind in CHOICE.values()
    ]
    own = ModelDescription(
        CUSTOM, Custom.title, Custom.formula, "any", (), ("columns", "cluster", "weights")
    )
    return [listed[0], absorbing, *listed[1:], *beside, *choices, own]


def models() -> pd.DataFrame:
    """List the models: name, title, formula, what the outcome must be, further parameters.

    Examples
    --------
    >>> [name for name in models().index if name.startswith("fe")]
    ['feols', 'fepois', 'felogit', 'fenegbin']
    """
    rows = [vars(model) for model in describe_models()]
    return pd.DataFrame(rows).set_index("name")


def check_model_name(name: str) -> None:
    """Refuse a name that is not a model, with the nearest one."""
    known = [*CLOSED_FORM, *TEMPLATES, *ABSORBED, *CHOICE, BODY, CUSTOM]
    if name in known:
        return
    near = get_close_matches(name.lower(), known, n=1)
    raise OptionError(
        f'There is no model "{name}".',
        hint=f'"{near[0]}"?' if near else f"one of {known[:-2]}, or wb.custom(...).",
        code="no-such-model",
        where="model",
        suggestion=near[0] if near else "",
    )


@one_blas_thread()
def problem_of(specification: Specification, table: Table, own: Custom | None = None) -> Problem:
    """Join a specification with its data.

    Parameters
    ----------
    specification
        What was asked.
    table
        The data.
    own
        The custom likelihood, when the model is ``"custom"``; a function cannot be stored.

    Raises
    ------
    WorkbenchError
        When the data cannot serve the model, in one sentence with the way out.
    """
    problem = _problem(specification, table, own)
    problem.table = table
    check_errors(problem)
    return problem


def _problem(specification: Specification, table: Table, own: Custom | None) -> Problem:
    name = specification.model.name
    if name == CUSTOM:
        return _custom_problem(specification, table, own)
    if name == BODY:
        return _body_problem(specification, table)
    if name == TwoStages.name:
        return TwoStageProblem(specification, table)
    check_model_name(name)
    if name in CHOICE:
        table.begin_fingerprint(columns_asked(specification, table.names))
        return choice_problem(specification, table, _formula_of(specification))
    if name in ABSORBING:
        kind = FixedEffectsProblem if name == FIXED_EFFECTS else AbsorbedProblem
        formula = _formula_of(specification)
        return kind(specification, _design(specification, table, formula, absorb=True))
    design = _design(specification, table, _formula_of(specification))
    if name == LeastSquares.name:
        return LeastSquaresProblem(specification, design)
    return TemplateProblem(_template(name), specification, design)


@lru_cache
def _template(name: str) -> LinearIndex:
    """Return one object a template, by which compiled code is found again."""
    return TEMPLATES[name]()


def _formula_of(specification: Specification) -> str:
    if not specification.formula:
        raise OptionError(
            f'The model "{specification.model.name}" needs a formula.',
            hint='"outcome ~ x1 + x2".',
            code="no-formula",
            where="formula",
        )
    return specification.formula


def _design(
    specification: Specification,
    table: Table,
    formula: str,
    extra: Sequence[str] = (),
    unit: str | None = None,
    *,
    absorb: bool = False,
) -> Design:
    if not extra and unit is None:
        table.begin_fingerprint(columns_asked(specification, table.names))
    design = build_design(
        table,
        formula,
        cluster=_clusters(specification, unit),
        weights=specification.weights,
        offset=specification.offset,
        missing=specification.missing,
        positive=specification.positive,
        extra_columns=extra,
        fixef_rm=specification.fixef_rm if absorb else None,
    )
    return _grouped(specification, design, unit)


def columns_asked(asked: Specification, names: Sequence[str]) -> list[str]:
    """Return the columns of a table that a formula and its roles read, in the table's order."""
    formula = () if asked.formula is None else variables(asked.formula, names)
    read = {*asked.clusters, asked.weights, asked.offset, *formula, *columns_of_errors(asked)}
    read |= set(columns_of_model(asked, names))
    return [name for name in names if name in read]


def _columns_only(
    specification: Specification, table: Table, columns: Sequence[str], unit: str | None = None
) -> Design:
    if specification.offset is not None:
        raise OptionError(
            f'The offset "{specification.offset}" would have no effect: a likelihood without a '
            "formula has no eta.",
            hint="read the column in the likelihood, or give a formula.",
            code="no-eta",
            where="offset",
        )
    design = build_columns(
        table,
        columns,
        cluster=_clusters(specification, unit),
        weights=specification.weights,
        missing=specification.missing,
    )
    return _grouped(specification, design, unit)


def _clusters(specification: Specification, unit: str | None) -> tuple[str, ...]:
    """Return the columns whose groups are needed, each once."""
    units = [] if unit is None else [unit]
    beside = columns_of_errors(specification)
    return tuple(dict.fromkeys([*specification.clusters, *units, *beside]))


def _grouped(specification: Specification, design: Design, unit: str | None = None) -> Design:
    """Add the combinations of several cluster columns to the groups.

    Columns that the errors read beside them have had their missing rows left out, and are no
    clusters.
    """
    sets = groupings(specification.clusters)
    codes = {key: joint([design.clusters[n] for n in names]) for key, names in sets.items()}
    beside = {*columns_of_errors(specification)} - {unit}
    own = {name: codes for name, codes in design.clusters.items() if name not in beside}
    return replace(design, clusters=own | codes)


def _custom_problem(specification: Specification, table: Table, own: Custom | None) -> Problem:
    if own is None:
        raise LikelihoodError(
            "The run's own log-likelihood is a function, which is not stored.",
            hint="give it again: model=wb.custom(...).",
            code="function-needed",
            where="model",
        )
    loglik = own.loglik

    def rows(params: Mapping[str, Any], columns: Mapping[str, Any], _: Backend) -> Any:
        return loglik(params, columns)

    likelihood = OwnLikelihood(
        Custom.title, rows, own.parameters, linear=specification.formula is not None
    )
    columns = (
        list(own.columns) if own.columns is not None else _columns_read(own, table, specification)
    )
    if specification.formula is not None:
        design = _design(specification, table, specification.formula, own.columns or ())
    else:
        design = _columns_only(specification, table, columns)
    problem = CustomProblem(likelihood, specification, design)
    problem.notes += _notes_on_precision(own, specification.dtype)
    return problem


def _notes_on_precision(own: Custom, dtype: str) -> tuple[str, ...]:
    """Name the arrays that the function brings along with fewer digits than the run has."""
    single = [n for n, v in own.held.items() if str(getattr(v, "dtype", "")).endswith("float32")]
    if dtype != "float64" or not single:
        return ()
    return (f"The function brings {', '.join(single)} in float32, which keeps seven digits.",)


class _Noting(dict[str, Any]):
    """Columns by name that note which of them are asked for."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        super().__init__(columns)
        self.asked: dict[str, None] = {}

    def __getitem__(self, name: str) -> Any:
        self.asked[name] = None
        return super().__getitem__(name)

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise AttributeError(name)
        return self[name]


def _columns_read(own: Custom, table: Table, specification: Specification) -> list[str]:
    """Call the function once on filled columns, and return the ones it asks for by name.

    A row that misses a column the function never reads is a row of the sample all the same.
    """
    asked, names = specification, _numeric(table)
    xp, starts = backend_named(asked.backend, asked.device, asked.dtype), own.parameters.items()
    with xp.scope(), np.errstate(all="ignore"), suppress(Exception, SystemExit):
        filled = {name: xp.array(_filled(table.column(name))) for name in names}
        noting = _Noting(filled)
        own.loglik(Named({k: xp.array(np.float64(q.start)) for k, q in starts}), noting)
        return list(noting.asked) or names
    return names


def _filled(column: pd.Series) -> Any:
    return column.astype(np.float64).fillna(0.0).to_numpy()


def _numeric(table: Table) -> list[str]:
    return [c.name for c in table.summary() if c.kind in {"0/1", "integer", "number"}]


def _body_problem(specification: Specification, table: Table) -> Problem:
    source = specification.source
    if source is None:
        raise LikelihoodError("The run has no likelihood text.", hint="give it again.")
    body = parse_body(source.text, columns=table.names, formula=specification.formula, by=source.by)
    read = [name for name in body.columns if name in table.names]
    _check_unit(source, table)
    if specification.formula is not None:
        design = _design(specification, table, specification.formula, read, source.by)
    else:
        design = _columns_only(specification, table, read, source.by)
    codes = None if source.by is None else design.clusters[source.by]
    likelihood = OwnLikelihood(
        Custom.title,
        _rows_of(body, codes),
        body.parameters,
        units=codes,
        linear=specification.formula is not None,
    )
    return CustomProblem(likelihood, specification, design)


def _check_unit(source: Source, table: Table) -> None:
    if source.by is not None and source.by not in table.names:
        near = get_close_matches(source.by, table.names, n=1)
        raise OptionError(
            f'There is no column "{source.by}" to group rows by.',
            hint=f'"{near[0]}"?' if near else f"one of {list(table.names)}.",
            code="no-such-column",
            where="by",
        )


def _rows_of(
    body: Body, codes: Any
) -> Callable[[Mapping[str, Any], Mapping[str, Any], Backend], Any]:
    def rows(params: Mapping[str, Any], columns: Mapping[str, Any], xp: Backend) -> Any:
        units = None if codes is None else (xp.array(codes), int(codes.max()) + 1)
        return body.evaluate(params, columns, xp, units)

    return rows
