"""Plan and build a user's own likelihood from its specification and a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from workbench.backends import Backend, backend_named
from workbench.data.columns import numbers
from workbench.data.design import Design
from workbench.data.table import Table
from workbench.errors import LikelihoodError, OptionError
from workbench.estimation.model import Model, Plan
from workbench.estimation.problem import Problem
from workbench.estimation.specification import Source, Specification
from workbench.models.custom.body import Body, parse_body
from workbench.models.custom.function import Custom
from workbench.models.custom.problem import CustomProblem, Named, OwnLikelihood
from workbench.models.design.read import columns_only, counted_later, design_of
from workbench.names import nearest

Prepared = tuple[OwnLikelihood, Design, tuple[str, ...]]
"""A likelihood, the columns it reads, and notes on it."""


def plan(model: Model, specification: Specification, table: Table) -> Plan:
    """Read the columns of a function or of a body."""
    read = _read_function if isinstance(model, Custom) else _read_body
    likelihood, design, notes = read(model, specification, table)
    return Plan(
        model,
        specification,
        table,
        (*design.names, *likelihood.parameters),
        design.rows,
        design.dropped,
        (*notes, *design.notes),
        design=design,
        prepared=(likelihood, design, notes),
    )


def draft(model: Model, specification: Specification, table: Table) -> Plan:
    """Read the text of a body alone, for data that are read when the run starts."""
    _parsed(specification, table)
    return counted_later(model, specification, table)


def problem(plan: Plan) -> Problem:
    """Join a likelihood with its columns."""
    likelihood, design, notes = plan.prepared
    built = CustomProblem(likelihood, plan.specification, design)
    built.notes += notes
    return built


def _read_function(own: Any, specification: Specification, table: Table) -> Prepared:
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
        design = design_of(own, specification, table, specification.formula, own.columns or ())
    else:
        design = columns_only(specification, table, columns)
    return likelihood, design, _notes_on_precision(own, specification.dtype)


def _notes_on_precision(own: Custom, dtype: str) -> tuple[str, ...]:
    """Name the function's own arrays that have fewer digits than the run."""
    single = [
        n for n, v in own.captured.items() if str(getattr(v, "dtype", "")).endswith("float32")
    ]
    if dtype != "float64" or not single:
        return ()
    return (f"The function uses {', '.join(single)} in float32, which keeps seven digits.",)


class _RecordingColumns(dict[str, Any]):
    """Columns by name that record which of them are read."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        super().__init__(columns)
        self.read: dict[str, None] = {}

    def __getitem__(self, name: str) -> Any:
        self.read[name] = None
        return super().__getitem__(name)

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise AttributeError(name)
        return self[name]


def _columns_read(own: Custom, table: Table, specification: Specification) -> list[str]:
    """Call the function once on filled columns, and return the ones it reads by name.

    A row that misses a column the function never reads is a row of the sample all the same.
    """
    names, starts = _numeric(table), own.parameters.items()
    xp = backend_named(specification.backend, specification.device, specification.dtype)
    with xp.scope(), np.errstate(all="ignore"), suppress(Exception, SystemExit):
        filled = {name: xp.array(_filled(table.column(name))) for name in names}
        recording = _RecordingColumns(filled)
        own.loglik(Named({k: xp.array(np.float64(q.start)) for k, q in starts}), recording)
        return list(recording.read) or names
    return names


def _filled(column: pd.Series) -> Any:
    return np.nan_to_num(numbers(column, str(column.name)), posinf=np.inf, neginf=-np.inf)


def _numeric(table: Table) -> list[str]:
    return [c.name for c in table.summary() if c.kind in {"0/1", "integer", "number"}]


def _parsed(specification: Specification, table: Table) -> tuple[Source, Body]:
    source = specification.source
    if source is None:
        raise LikelihoodError("The run has no likelihood text.", hint="give it again.")
    formula = specification.formula
    return source, parse_body(source.text, columns=table.names, formula=formula, by=source.by)


def _read_body(model: Model, specification: Specification, table: Table) -> Prepared:
    source, body = _parsed(specification, table)
    read = [name for name in body.columns if name in table.names]
    _check_unit(source, table)
    if specification.formula is not None:
        design = design_of(model, specification, table, specification.formula, read, source.by)
    else:
        design = columns_only(specification, table, read, source.by)
    codes = None if source.by is None else design.clusters[source.by]
    likelihood = OwnLikelihood(
        Custom.title,
        _rows_of(body, codes),
        body.parameters,
        units=codes,
        linear=specification.formula is not None,
    )
    return likelihood, design, ()


def _check_unit(source: Source, table: Table) -> None:
    if source.by is not None and source.by not in table.names:
        near = nearest(source.by, table.names)
        raise OptionError(
            f'There is no column "{source.by}" to group rows by.',
            hint=f'"{near}"?' if near else f"one of {list(table.names)}.",
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
