"""Turn the arguments of `workbench.fit` into a `Specification`."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

from workbench.api.data_argument import given_table
from workbench.backends.devices import installed
from workbench.covariances.kinds import (
    COVARIANCES,
    covariances,
    name_and_options,
    suggested,
)
from workbench.data.names import quoted
from workbench.data.table import Table
from workbench.demeaners import as_demeaner, choice_of as demeaner_choice_of
from workbench.demeaners.base import Demeaner
from workbench.errors import DeviceError, OptionError
from workbench.estimation.families import FAMILIES
from workbench.estimation.model import LIBRARY, Model
from workbench.estimation.specification import DataReference, Specification
from workbench.extras import install_extra
from workbench.literals import Choice, parse_columns
from workbench.models.registry import as_model, listed, model_class
from workbench.names import nearest
from workbench.optimizers import choice_of, optimizer_named
from workbench.options import Kind, Option, complete, missing_of, options_from, options_of, refusal
from workbench.protocols import Optimizer

# The names of these options in other programs.
_SAME_AS = {
    **dict.fromkeys(("stderr", "vcov", "cov_type", "vce", "std_errors"), "se"),
    **dict.fromkeys(("clusters", "groups", "cluster_var"), "cluster"),
    **dict.fromkeys(("cov_kwds", "vcov_kwargs", "se_kwargs"), "se_options"),
    **dict.fromkeys(("time_id", "panel_id", "panel.id"), "se_options"),
    **dict.fromkeys(("method", "solver"), "optimizer"),
    **dict.fromkeys(("maxiter", "max_iter", "iterations"), "max_steps"),
    **dict.fromkeys(("start_params", "x0", "init"), "start"),
    **dict.fromkeys(("library", "engine"), "backend"),
}
# Options of other programs that are given elsewhere here.
_IN_THE_FORMULA = 'in the formula, as in "y ~ x | firm + year".'
_INSTEAD = {
    "exposure": 'offset="log(hours)", the logarithm of the exposure.',
    **dict.fromkeys(("where", "query", "filter", "if", "keep"), 'subset="year > 1990".'),
    **dict.fromkeys(("absorb", "fe", "fes", "fixef", "fixed_effects"), _IN_THE_FORMULA),
    **dict.fromkeys(("iv", "instruments"), 'in the formula, as in "y ~ x | firm | price ~ cost".'),
    **dict.fromkeys(("fixef_tol", "fixef_iter", "fixef_maxiter"), "demeaner=wb.LSMR(tol=1e-10)."),
}


def specified(
    model: Any, formula: Any, data: Any, options: Mapping[str, Any], caller: FrameType
) -> tuple[Specification, Table, Model | None]:
    """Return the specification of a call, its data, and a model that cannot be recorded.

    Raises
    ------
    WorkbenchError
        When a name is unknown, or a value is not of its kind.
    """
    if data is None and formula is not None and not isinstance(formula, str):
        formula, data = None, formula
    if formula is not None and not isinstance(formula, str):
        called = f'"{model}"' if isinstance(model, str) else "model"
        raise OptionError(
            f"The formula is a {type(formula).__name__}, not a text.",
            hint=f'first the formula, then the data: wb.fit({called}, "y ~ x", df).',
            code="bad-option",
            where="formula",
        )
    chosen, options = _with_options(as_model(model), options)
    table = given_table(data, caller)
    chosen = _with_new_columns(chosen, table)
    reference = DataReference(
        table.reference_kind,
        table.reference_name,
        rows=table.nrows,
        columns=len(table.names),
        query=table.reference_query,
        options=dict(table.reading.options),
    )
    specification = Specification(
        Choice(chosen.name, chosen.changed()),
        reference,
        formula,
        source=getattr(chosen, "source", None),
        **_run_options(options, chosen, table.names),
    )
    return specification, table, None if chosen.recorded else chosen


def _with_options(
    model: Model | type[Model], options: Mapping[str, Any]
) -> tuple[Model, dict[str, Any]]:
    """Give a model those of the options that are its own, and return the rest."""
    kind = model if isinstance(model, type) else type(model)
    known = {each.name for each in options_of(kind)}
    options = _with_new_names(kind, options)
    own = {name: v for name, v in options.items() if name in known and v is not None}
    rest = {name: value for name, value in options.items() if name not in known}
    _refuse_unknown(rest, kind)
    if isinstance(model, type):
        return options_from(model, own), rest
    waiting = {each.name for each in missing_of(model)}
    for name, value in own.items():
        if name not in waiting:
            raise refusal(
                f"The option {name} is given twice: in the model and as an option of the call.",
                f"{kind.__name__}({name}={value!r}) alone.",
                name,
            )
    return complete(replace(model, **own) if own else model), rest


def _with_new_names(kind: type[Model], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by their present names, with a warning for each former name."""
    present = dict(options)
    for old, new in kind.renamed.items():
        if old not in options:
            continue
        warnings.warn(f"The option {old} is called {new} now.", FutureWarning, stacklevel=6)
        if new in options:
            raise refusal(
                f"The option {new} is given twice: as {old}, its former name, too.",
                f"{new}={options[new]!r} alone.",
                new,
            )
        present[new] = present.pop(old)
    return present


def _with_new_columns(model: Model, table: Table) -> Model:
    """Replace the former name of a column that this package made, where the data have the new."""
    found = {}
    for each in options_of(type(model)):
        old = getattr(model, each.name)
        new = model.renamed_columns.get(old, "") if isinstance(old, str) else ""
        if new in table.names and old not in table.names:
            warnings.warn(f"The column {old} is called {new} now.", FutureWarning, stacklevel=5)
            found[each.name] = new
    return replace(model, **found) if found else model


def checked(specification: Specification) -> Specification:
    """Refuse invalid options, before any data are touched."""
    model = model_class(specification.model.name)
    if model.on_host:
        specification = specification.replace(device="cpu", dtype="float64")
    specification = specification.replace(
        se=model.covariance_names.get(specification.se, specification.se)
    )
    for each in options_of(Specification):
        if each.name not in _CHECKED_BY_THE_PROBLEM:
            _checked(each, getattr(specification, each.name))
    covariance = specification.covariance
    covariance.check_clusters(specification.clusters)
    differing = covariance.changed()
    options = {name: value for name, value in specification.se_options.items() if name in differing}
    specification = specification.replace(se_options=options)
    model.check_device(specification.device, specification.backend, specification.dtype)
    return specification


def _checked(each: Option, value: Any) -> Any:
    """Return the value of a common option, or refuse it."""
    if each.name == "se" and value not in COVARIANCES and (near := suggested(value)):
        raise OptionError(
            f'The option se is "{value}".',
            hint=f'"{near}"?',
            code="bad-option",
            where="se",
            suggestion=near,
        )
    return each.checked(value)


def _run_options(
    options: Mapping[str, Any], model: Model, columns: Sequence[str]
) -> dict[str, Any]:
    """Return the common options in the form of a specification."""
    given = {name: value for name, value in options.items() if value is not None}
    chosen: dict[str, Any] = {
        each.name: _checked(each, given[each.name])
        for each in options_of(Specification)
        if each.name in given and each.kind is not Kind.MEMBER and each.name not in _LATER
    }
    se, se_options = name_and_options(given.get("se"), given.get("se_options"))
    chosen |= {} if se is None else {"se": se}
    chosen |= {"device": given["device"]} if "device" in given else {}
    own = {name: given.get(f"{name}_options") for name in ("optimizer", "demeaner")}
    chosen["optimizer"] = _optimizer_choice(given.get("optimizer"), own["optimizer"])
    chosen["demeaner"] = _demeaner_choice(given.get("demeaner"), own["demeaner"])
    chosen["se_options"] = se_options
    if "cluster" in chosen:
        chosen["cluster"] = _one_or_several(chosen["cluster"], columns)
    chosen.setdefault("se", model.usual_covariance(by_cluster="cluster" in chosen))
    if "weights" in chosen:
        chosen.setdefault("weight_kind", model.weight_kind)
    if "start" in given:
        chosen["start"] = _starts(given["start"])
    if "backend" not in chosen and model.computed_by == LIBRARY:
        chosen["backend"] = getattr(model, "library", "") or _default_backend()
    return chosen


# Options that are read by separate functions, or checked when all are known.
_LATER = {"se", "device", "se_options", "start"}
_CHECKED_BY_THE_PROBLEM = {"start"}
"""Options whose values are checked where the names of the parameters are known."""
_OF_MEMBERS = {family.keyword for family in FAMILIES.values()}
"""Options of the optimizer, the demeaner and the errors, where these are given by name."""


def _refuse_unknown(options: Mapping[str, Any], kind: type[Model]) -> None:
    known = [each.name for each in (*options_of(kind), *options_of(Specification))]
    for name in options:
        if name not in known and name not in _OF_MEMBERS:
            raise _no_such_option(name, options[name], known)


def _no_such_option(name: str, value: Any, known: Collection[str]) -> OptionError:
    same = _SAME_AS | dict.fromkeys(_options_of_errors(), "se_options")
    near = [same[name]] if name in same else [nearest(name, known)]
    near = [] if name in _INSTEAD else list(filter(None, near))
    said = f"{near[0]}=?" if near else f"one of {sorted(known)}."
    elsewhere = [
        other
        for other, kind in listed().items()
        if name in {each.name for each in options_of(kind)}
    ]
    said = f"{name} is an option of {', '.join(elsewhere)}." if elsewhere else said
    return OptionError(
        f'There is no option "{name}".',
        hint=f'offset="log({quoted(value)})".'
        if name == "exposure" and isinstance(value, str)
        else _INSTEAD.get(name, said),
        code="no-such-option",
        where=name,
        suggestion=near[0] if near else "",
    )


def _options_of_errors() -> set[str]:
    return {each.name for kind in covariances().values() for each in options_of(kind)}


def _starts(given: Any) -> dict[str, float]:
    """Return start values by parameter name, from a mapping or a Series."""
    if not hasattr(given, "items"):
        raise OptionError(
            f"The option start is a {type(given).__name__}, which has no names of parameters.",
            hint='start={"educ": 0.1}; the others start from the model\'s own.',
            code="bad-option",
            where="start",
        )
    return {str(name): _start_value(str(name), value) for name, value in given.items()}


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


def _optimizer_choice(optimizer: str | Optimizer | None, options: Any) -> Choice:
    if optimizer is None or isinstance(optimizer, str):
        return Choice(*choice_of(optimizer_named(optimizer or "newton", options)))
    _refuse_twice("optimizer", options)
    if not hasattr(optimizer, "iterate"):
        raise OptionError(
            f"The optimizer is {optimizer!r}.",
            hint='a name as in "bfgs", or one with settings as in wb.SGD(lr=0.1).',
            code="bad-option",
            where="optimizer",
        )
    return Choice(*choice_of(optimizer() if isinstance(optimizer, type) else optimizer))


def _demeaner_choice(demeaner: str | Demeaner | None, options: Any) -> Choice:
    if not (demeaner is None or isinstance(demeaner, str)):
        _refuse_twice("demeaner", options)
    return Choice(*demeaner_choice_of(as_demeaner(demeaner or "auto", options)))


def _refuse_twice(name: str, options: Any) -> None:
    if options:
        raise refusal(
            f"The option {name}_options is given together with a {name} that has its options.",
            f'{name}="name" with {name}_options, or the object alone.',
            f"{name}_options",
        )


def _one_or_several(given: Sequence[str], columns: Sequence[str]) -> str | tuple[str, ...] | None:
    """Return no column, one name, or the names of several; one text may be ``"firm + year"``."""
    if len(given) == 1 and given[0] not in columns and {"+", "~"} & {*given[0]}:
        given = parse_columns(given[0].strip().removeprefix("~"))
    names = tuple(dict.fromkeys(given))
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
