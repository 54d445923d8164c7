"""The rim, where names are looked up: what a person asks for becomes one `Specification`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from difflib import get_close_matches
from numbers import Integral
from types import FrameType
from typing import Any

import numpy as np

from workbench.api.data_argument import given_table
from workbench.backends import BACKENDS
from workbench.backends.devices import check_device, installed
from workbench.covariances import ALIASES, KINDS, settings_of
from workbench.covariances.settings import plain_options
from workbench.covariances.small_sample import CONVENTIONS
from workbench.data.formula.fixed_effects import RULES
from workbench.data.table import Table
from workbench.demeaners import as_demeaner, choice_of as demeaner_choice_of
from workbench.demeaners.base import Demeaner
from workbench.errors import DeviceError, OptionError
from workbench.estimation.specification import Choice, DataReference, Specification
from workbench.extras import install_extra
from workbench.likelihoods import Custom, LinearIndex, Parameter
from workbench.models.choice.options import MODELS as CHOICE, choice_with, option_names
from workbench.models.event_study.did2s import TwoStages
from workbench.models.linear.ols import LeastSquares
from workbench.models.registry import (
    ABSORBING,
    BODY,
    CUSTOM,
    IN_NUMPY,
    Written,
    check_model_name,
)
from workbench.optimizers import choice_of, optimizer_named
from workbench.protocols import Optimizer

_CHOICES = {
    "weight_kind": ("frequency", "probability", "analytic"),
    "missing": ("drop", "raise"),
    "collinear": ("drop", "refuse"),
    "fixef_rm": RULES,
    "ssc": (None, *CONVENTIONS),
    "se": KINDS,
}
# What other programs call these options.
_SAME_AS = {
    **dict.fromkeys(("stderr", "vcov", "cov_type", "vce", "std_errors"), "se"),
    **dict.fromkeys(("clusters", "groups", "cluster_var"), "cluster"),
    **dict.fromkeys(("cov_kwds", "vcov_kwargs", "se_kwargs"), "se_options"),
    **dict.fromkeys(("time", "unit", "lag", "lat", "lon", "cutoff"), "se_options"),
    **dict.fromkeys(("time_id", "panel_id", "panel.id"), "se_options"),
    **dict.fromkeys(("method", "solver"), "optimizer"),
    **dict.fromkeys(("maxiter", "max_iter", "iterations"), "max_steps"),
    **dict.fromkeys(("start_params", "x0", "init"), "start"),
    **dict.fromkeys(("library", "engine"), "backend"),
}
# What they have options for, and what stands elsewhere here.
_IN_THE_FORMULA = 'in the formula, as in "y ~ x | firm + year".'
_INSTEAD = {
    "exposure": 'offset="log_hours", a column with the logarithm of the exposure.',
    **dict.fromkeys(("absorb", "fe", "fes", "fixef", "fixed_effects"), _IN_THE_FORMULA),
    **dict.fromkeys(("iv", "instruments"), 'in the formula, as in "y ~ x | firm | price ~ cost".'),
    **dict.fromkeys(("fixef_tol", "fixef_iter", "fixef_maxiter"), "demeaner=wb.LSMR(tol=1e-10)."),
}
# What other programs, and least squares, call the kinds of standard error of a likelihood.
_ERRORS_ELSEWHERE = {
    **dict.fromkeys(("HC0", "HC1", "hetero", "sandwich"), "robust"),
    **dict.fromkeys(("nonrobust", "iid", "oim", "eim"), "hessian"),
}

_WHOLE_NUMBERS = ("max_steps", "seed")


def specified(
    model: Any, formula: Any, data: Any, options: Mapping[str, Any], caller: FrameType
) -> tuple[Specification, Table, Custom | None]:
    """Return the specification of a call, its data, and the likelihood that stands in no text.

    Raises
    ------
    WorkbenchError
        When a name is unknown, or a value is not of its kind.
    """
    if data is None and formula is not None and not isinstance(formula, str):
        formula, data = None, formula
    if formula is not None and not isinstance(formula, str):
        raise OptionError(
            f"The formula is a {type(formula).__name__}, not a text.",
            hint='first the formula, then the data: wb.fit("ols", "y ~ x", df).',
            code="bad-option",
            where="formula",
        )
    choice, own, source = _model(model)
    choice, options = _with_own_options(choice, options)
    table = given_table(data, caller)
    specification = Specification(
        model=choice,
        data=DataReference(
            table.reference_kind,
            table.reference_name,
            rows=table.nrows,
            columns=len(table.names),
            query=table.reference_query,
        ),
        formula=formula,
        source=source,
        **_options(options, choice.name, "" if own is None else own.library),
    )
    return specification, table, own


def checked(asked: Specification) -> Specification:
    """Refuse options that are not among the choices, before any data are touched."""
    if asked.model.name == LeastSquares.name:  # solved by numpy alone
        asked = asked.replace(device="cpu", dtype="float64")
    if asked.model.name in IN_NUMPY:
        asked = asked.replace(se=ALIASES.get(asked.se, asked.se))
    for name, choices in _CHOICES.items():
        value = getattr(asked, name)
        if value not in choices:
            near = get_close_matches(str(value), [str(c) for c in choices], n=1)
            near = [_ERRORS_ELSEWHERE[value]] if str(value) in _ERRORS_ELSEWHERE else near
            raise OptionError(
                f'The option {name} is "{value}".',
                hint=f'"{near[0]}"?' if near else f"one of {[c for c in choices if c]}.",
                code="bad-option",
                where=name,
                suggestion=near[0] if near else "",
            )
    if asked.backend not in BACKENDS:
        raise OptionError(
            f'There is no library "{asked.backend}".',
            hint=f"one of {list(BACKENDS)}.",
            code="bad-option",
            where="backend",
        )
    if asked.se in {"cluster", "CRV3"} and asked.cluster is None:
        raise OptionError(
            "Clustered standard errors need a column.",
            hint='cluster="region", or --cluster region in a cell.',
            code="no-cluster",
            where="cluster",
        )
    settings_of(asked.se, asked.se_options)
    if asked.seed < 0:
        raise OptionError(
            f"The seed is {asked.seed}.", hint="0 or more.", code="bad-option", where="seed"
        )
    if asked.max_steps is not None and asked.max_steps < 1:
        raise OptionError(
            f"The step limit is {asked.max_steps}.",
            hint="at least 1.",
            code="bad-option",
            where="max_steps",
        )
    if asked.model.name not in IN_NUMPY:
        check_device(asked.device, asked.backend, asked.dtype)
    return asked


def _with_own_options(
    choice: Choice, options: Mapping[str, Any]
) -> tuple[Choice, Mapping[str, Any]]:
    """Move the options that are the model's own to its settings."""
    names = option_names(choice.name)
    if not names:
        return choice, options
    own = {name: v for name, v in options.items() if name in names and v is not None}
    rest = {name: value for name, value in options.items() if name not in names}
    return choice_with(choice.name, own), rest


def _model(model: Any) -> tuple[Choice, Custom | None, Any]:
    if isinstance(model, Custom):
        return Choice(CUSTOM, _custom_settings(model)), model, None
    if isinstance(model, Written):
        return Choice(BODY), None, model.source
    if isinstance(model, TwoStages):
        return Choice(TwoStages.name, asdict(model)), None, None
    if isinstance(model, LinearIndex) or (
        isinstance(model, type) and issubclass(model, LinearIndex)
    ):
        return Choice(model.name), None, None
    if not isinstance(model, str):
        raise OptionError(
            f"The model is a {type(model).__name__}.",
            hint='a name as in "logit", wb.custom(...) or wb.likelihood(...).',
            code="no-such-model",
            where="model",
        )
    check_model_name(model)
    return Choice(model), None, None


def _custom_settings(model: Custom) -> dict[str, Any]:
    params = {name: _declared(parameter) for name, parameter in model.parameters.items()}
    name = getattr(model.loglik, "__name__", "loglik")
    settings: dict[str, Any] = {"function": name, "params": params}
    return settings if model.columns is None else {**settings, "columns": list(model.columns)}


def _declared(parameter: Parameter) -> float | list[float]:
    unbounded = parameter == Parameter(parameter.start)
    return parameter.start if unbounded else [parameter.start, parameter.lower, parameter.upper]


def _options(options: Mapping[str, Any], model: str, written_in: str) -> dict[str, Any]:
    known = {item.name for item in fields(Specification)} - {"model", "data", "formula", "source"}
    known |= {*option_names(model)}
    for name in options:
        if name not in known:
            raise _no_such_option(name, known)
    _check_types(options)
    chosen = {
        **options,
        "optimizer": _optimizer_choice(options.get("optimizer")),
        "demeaner": _demeaner_choice(options.get("demeaner")),
    }
    if isinstance(chosen.get("cluster"), (list, tuple)):
        chosen["cluster"] = _one_or_several(chosen["cluster"])
    if model in ABSORBING and chosen.get("weights") is not None:
        chosen.setdefault("weight_kind", "analytic")
    chosen["se_options"] = plain_options(options.get("se_options"))
    if chosen.get("start") is not None:
        chosen["start"] = _starts(chosen["start"])
    for name in _WHOLE_NUMBERS:
        if chosen.get(name) is not None:
            chosen[name] = int(chosen[name])
    if "backend" not in chosen or chosen["backend"] is None:
        chosen["backend"] = written_in or _default_backend()
    if chosen.get("cluster") is not None and "se" not in chosen:
        chosen["se"] = "cluster"
    return chosen


def _no_such_option(name: str, known: Collection[str]) -> OptionError:
    near = [_SAME_AS[name]] if name in _SAME_AS else get_close_matches(name, known, n=1)
    near = [] if name in _INSTEAD else near
    said = f"{near[0]}=?" if near else f"one of {sorted(known)}."
    elsewhere = [other for other in CHOICE if name in option_names(other)]
    said = f"{name} is an option of {', '.join(elsewhere)}." if elsewhere else said
    return OptionError(
        f'There is no option "{name}".',
        hint=_INSTEAD.get(name, said),
        code="no-such-option",
        where=name,
        suggestion=near[0] if near else "",
    )


def _starts(asked: Any) -> dict[str, float]:
    """Return start values by parameter name, from a mapping or a Series."""
    if not hasattr(asked, "items"):
        raise OptionError(
            f"The option start is a {type(asked).__name__}, which has no names of parameters.",
            hint='start={"educ": 0.1}; the others start from the model\'s own.',
            code="bad-option",
            where="start",
        )
    return {str(name): _start_value(str(name), value) for name, value in asked.items()}


def _start_value(name: str, value: Any) -> float:
    try:
        if not isinstance(value, str | bool):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise OptionError(
        f"The start value of {name} is {value!r:.80}.",
        hint="give a finite number.",
        code="start-not-finite",
        where=name,
    )


def _check_types(options: Mapping[str, Any]) -> None:
    """Refuse arrays where a column's name is wanted, and texts where a number is."""
    for name in ("weights", "offset", "positive", "name"):
        value = options.get(name)
        if value is not None and not isinstance(value, str):
            raise OptionError(
                f"The option {name} is a {type(value).__name__}, not a text.",
                hint=f'{name}="{value!s}".'
                if np.isscalar(value)
                else f'add a column to the data and name it: {name}="column".',
                code="bad-option",
                where=name,
            )
    cluster = options.get("cluster")
    several = isinstance(cluster, list | tuple) and all(isinstance(name, str) for name in cluster)
    if not (several or isinstance(cluster, str | None)):
        raise OptionError(
            f"The option cluster is a {type(cluster).__name__}, not a text or a list of texts.",
            hint='name columns of the data: cluster="column", or cluster=["one", "other"].',
            code="bad-option",
            where="cluster",
        )
    for name in _WHOLE_NUMBERS:
        value = options.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, Integral)):
            raise OptionError(
                f"The option {name} is {value!r}.",
                hint="a whole number.",
                code="bad-option",
                where=name,
            )


def _optimizer_choice(optimizer: str | Optimizer | None) -> Choice:
    if optimizer is None:
        return Choice("newton")
    if isinstance(optimizer, str):
        return Choice(*choice_of(optimizer_named(optimizer)))
    if not hasattr(optimizer, "iterate"):
        raise OptionError(
            f"The optimizer is {optimizer!r}.",
            hint='a name as in "bfgs", or one with settings as in wb.SGD(lr=0.1).',
            code="bad-option",
            where="optimizer",
        )
    return Choice(*choice_of(optimizer() if isinstance(optimizer, type) else optimizer))


def _demeaner_choice(demeaner: str | Demeaner | None) -> Choice:
    return Choice(*demeaner_choice_of(as_demeaner("auto" if demeaner is None else demeaner)))


def _one_or_several(columns: Sequence[str]) -> str | tuple[str, ...] | None:
    """Return no column, one name, or the names of several."""
    names = tuple(dict.fromkeys(columns))
    return names if len(names) > 1 else next(iter(names), None)


def _default_backend() -> str:
    """Return JAX, or torch where JAX is not installed."""
    there = [name for name in ("jax", "torch") if installed(name)]
    if not there:
        raise DeviceError(
            "Neither torch nor JAX is installed, and one of them is needed to estimate.",
            hint=f"{install_extra('jax')}, or {install_extra('torch')}.",
            code="no-library",
            where="backend",
        )
    return there[0]
