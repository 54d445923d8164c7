"""Read the design of a specification's formula and roles from a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from workbench.covariances import groupings, joint
from workbench.data.design import Design, build_columns, build_design
from workbench.data.formula.computed import columns_in
from workbench.data.formula.conditions import check_condition
from workbench.data.formula.parser import check_formula, variables
from workbench.data.names import quoted
from workbench.data.table import Table
from workbench.errors import OptionError
from workbench.estimation.model import Model, Plan, models_where
from workbench.estimation.specification import Specification
from workbench.options import Kind, Options

_LATER = "parameters and missing rows are counted when the run starts."


def design_plan(model: Model, specification: Specification, table: Table) -> Plan:
    """Plan a model that reads one formula: names, rows and rows dropped as the design has them."""
    design = design_of(model, specification, table, formula_of(specification))
    endogenous = () if design.endogenous is None else design.endogenous.names
    names = (*design.names, *endogenous, *model.further_parameters)
    return Plan(
        model,
        specification,
        table,
        names,
        design.rows,
        design.dropped,
        tuple(design.notes),
        design=design,
        prepared=design,
    )


def draft_plan(model: Model, specification: Specification, table: Table) -> Plan:
    """Plan a model without reading the columns; rows and parameters are counted later.

    Raises
    ------
    WorkbenchError
        When the formula cannot be read, or names a column that is not there.
    """
    check_formula(formula_of(specification), table.names)
    return counted_later(model, specification, table)


def counted_later(model: Model, specification: Specification, table: Table) -> Plan:
    """Return the plan of data that are read when the run starts."""
    return Plan(model, specification, table, notes=(f"{table.nrows:,} rows; {_LATER}",))


def formula_of(specification: Specification) -> str:
    """Return the formula, or say that one is needed."""
    if not specification.formula:
        raise OptionError(
            f'The model "{specification.model.name}" needs a formula.',
            hint='"outcome ~ x1 + x2".',
            code="no-formula",
            where="formula",
        )
    return specification.formula


def design_of(
    model: Model,
    specification: Specification,
    table: Table,
    formula: str,
    extra: Sequence[str] = (),
    unit: str | None = None,
    *,
    equations: Mapping[str, str] | None = None,
    ordered: bool = False,
) -> Design:
    """Read a formula with the roles of a specification, and the right sides of equations."""
    design = build_design(
        table,
        formula,
        cluster=_clusters(specification, unit),
        weights=specification.weights,
        weight_kind=specification.weight_kind,
        offset=specification.offset,
        missing=specification.missing,
        positive=specification.positive,
        extra_columns=extra,
        fixef_rm=specification.fixef_rm if model.absorbs else None,
        absorbing=absorbing_models(),
        equations=equations,
        ordered=ordered,
    )
    return _grouped(specification, design, unit)


def absorbing_models() -> tuple[str, ...]:
    """Return the names of the models that take fixed effects out."""
    return models_where(lambda kind: kind.absorbs)


def columns_read(model: Model, specification: Specification, names: Sequence[str]) -> list[str]:
    """Return the columns of a table that a formula and its roles read, in the table's order."""
    formula = () if specification.formula is None else variables(specification.formula, names)
    read = {*formula, *columns_of_options(specification.covariance, names)}
    read |= {*columns_of_options(specification, names), *columns_of_options(model, names)}
    return [name for name in names if name in read]


def columns_only(
    specification: Specification, table: Table, columns: Sequence[str], unit: str | None = None
) -> Design:
    """Read the columns of a likelihood without a formula."""
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
        weight_kind=specification.weight_kind,
        missing=specification.missing,
    )
    return _grouped(specification, design, unit)


def _clusters(specification: Specification, unit: str | None) -> tuple[str, ...]:
    """Return the columns that define the groups needed, each once."""
    units = [] if unit is None else [unit]
    further = specification.covariance.columns
    return tuple(dict.fromkeys([*specification.clusters, *units, *further]))


def _grouped(specification: Specification, design: Design, unit: str | None = None) -> Design:
    """Add the combinations of several cluster columns to the groups.

    Further columns that the standard errors read have had their missing rows left out, and are no
    clusters.
    """
    sets = groupings(specification.clusters)
    codes = {key: joint([design.clusters[n] for n in names]) for key, names in sets.items()}
    further = {*specification.covariance.columns} - {unit}
    own = {name: codes for name, codes in design.clusters.items() if name not in further}
    return replace(design, clusters=own | codes)


def columns_of_options(options: Options, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a table that options name, each once."""
    named = options.of_kind(Kind.COLUMN, Kind.COLUMNS).values()
    texts = [each for value in named for each in ((value,) if isinstance(value, str) else value)]
    columns = [name for text in texts for name in columns_in(text, names)]
    anything = quoted(columns[0] if columns else names[0])
    for text in options.of_kind(Kind.CONDITION).values():
        columns += check_condition(text, names)
    for text in options.of_kind(Kind.FORMULA).values():
        columns += variables(f"{anything} {text.strip()}", names)
    return tuple(dict.fromkeys(columns))
