"""Plans of runs before they start, also where options are incomplete."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

from workbench.covariances.kinds import COVARIANCES, covariance_class, covariance_of
from workbench.data.names import level_text
from workbench.data.table import Table
from workbench.demeaners import DEMEANERS, demeaner_named
from workbench.errors import DeviceError, OptionError, WorkbenchError
from workbench.estimation.effects import notes_on_idle
from workbench.estimation.model import Finding, Model, Plan
from workbench.estimation.specification import RunOptions, Specification
from workbench.kernels.parallel.blas import one_blas_thread
from workbench.models.design.notes import notes_on_design
from workbench.models.design.read import columns_read, draft_plan
from workbench.models.registry import model_class, model_of
from workbench.optimizers import OPTIMIZERS, optimizer_named
from workbench.options import Kind, options_of

_WITH_COLUMNS = {Kind.COLUMN, Kind.COLUMNS, Kind.CONDITION}
"""The kinds of options that name columns, or compute with them."""

CELLS_AT_ONCE = 15_000_000
"""Cells of a design that are read while a person types; 5 million take 0.13 s."""


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
    """Return the plan of options that are complete; of large data only what needs no reading."""
    model = model_of(specification.model)
    if _is_large(model, specification, table):
        draft = getattr(import_module(model.built_by), "draft", draft_plan)
        later: Plan = draft(model, specification, table)
        return later
    plan = model.plan(specification, table)
    about = () if plan.design is None else notes_on_design(plan.design)
    return replace(plan, notes=(*about, *plan.notes))


def _is_large(model: Model, specification: Specification, table: Table) -> bool:
    """Tell whether a run reads more cells than are read while a person types."""
    if table.nrows * len(table.names) <= CELLS_AT_ONCE:
        return False
    return (
        table.nrows * max(1, len(columns_read(model, specification, table.names))) > CELLS_AT_ONCE
    )


def _levels(error: WorkbenchError, table: Table) -> tuple[str, ...]:
    """Return the levels of a text outcome of which one has to be named."""
    if error.code != "which-level" or error.where not in table.names:
        return ()
    return tuple(sorted(map(level_text, table.column(error.where).dropna().unique())))


# What keeps a run from starting ------------------------------------------------------------------
def _finding(kind: type[Model], specification: Specification, error: WorkbenchError) -> Finding:
    """Say which option an error of a plan is about."""
    if name := kind.option_at_fault(error, specification):
        return Finding(error, "model", name)
    if isinstance(error, OptionError | DeviceError) and error.where in _values_of_run(
        specification
    ):
        return Finding(error, "run", error.where)
    of, option = _naming(error.where, specification)
    return Finding(error, of, option)


def _naming(column: str, specification: Specification) -> tuple[str, str]:
    """Return the option of the standard errors or of the run that names a column, if one does."""
    if not column or specification.reads_in_formula(column):
        return "", ""
    named = re.compile(rf"(?<![\w.]){re.escape(column)}(?![\w.])")
    groups = (
        ("se", covariance_class(specification.se), specification.se_options),
        ("run", RunOptions, _values_of_run(specification)),
    )
    for of, kind, values in groups:
        for each in options_of(kind):
            value = values.get(each.name)
            texts = value if isinstance(value, list | tuple) else (value,)
            if each.kind in _WITH_COLUMNS and any(named.search(text) for text in texts if text):
                return of, each.name
    return "", ""


def _values_of_run(specification: Specification) -> dict[str, Any]:
    """Return the options that every run has, by name."""
    return {each.name: getattr(specification, each.name) for each in options_of(RunOptions)}


def _refused_options(kind: type[Model], specification: Specification) -> Iterator[Finding]:
    """Yield what is wrong with the options of a run and of its members, before any data."""
    yield from _refused("run", RunOptions, _values_of_run(specification), lambda: None)
    optimizer, demeaner = specification.optimizer, specification.demeaner
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
            lambda: demeaner_named(demeaner.name, demeaner.settings).on(
                specification.device, specification.backend
            ),
        )
    yield from _device(kind, specification)
    if specification.se in COVARIANCES:
        yield from _refused(
            "se",
            covariance_class(specification.se),
            specification.se_options,
            lambda: covariance_of(specification.se, specification.se_options),
        )
        yield from _clusters(specification)
        yield from _idle(specification)
    yield from _refused(
        "model", kind, specification.model.settings, lambda: model_of(specification.model)
    )


def _refused(
    of: str, kind: type | None, values: Mapping[str, Any], make: Callable[[], Any]
) -> Iterator[Finding]:
    """Yield the values that their options refuse, else what is refused of them together.

    Parameters
    ----------
    of
        The group of options, as `Finding.of` has it.
    kind
        The class that declares them; None where a member's name is unknown.
    values
        The values given, by option.
    make
        What makes the object of them, and raises where they do not fit each other.
    """
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
        yield Finding(error, of, error.where)


def _device(kind: type[Model], specification: Specification) -> Iterator[Finding]:
    """Yield why the model is not computed by this library, on this device, in this precision."""
    try:
        kind.check_device(specification.device, specification.backend, specification.dtype)
    except DeviceError as error:
        yield Finding(error, "run", error.where)


def _clusters(specification: Specification) -> Iterator[Finding]:
    """Yield what the standard errors refuse of the columns to cluster by."""
    try:
        specification.covariance.check_clusters(specification.clusters)
    except OptionError as error:
        if error.where == "cluster":  # others are found among the options of the errors
            yield Finding(error, "run", "cluster")


def _idle(specification: Specification) -> Iterator[Finding]:
    """Yield the option that is refused because it would have no effect."""
    try:
        notes_on_idle(specification)
    except OptionError as error:
        if error.code == "no-effect":  # others are found among the options of the errors
            yield Finding(error, "run", error.where)
