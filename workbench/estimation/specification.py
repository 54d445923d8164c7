"""The specification of a run: a frozen description that is written as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from workbench.backends import BACKENDS
from workbench.covariances.base import Covariance
from workbench.covariances.kinds import COVARIANCES, covariance_of
from workbench.covariances.small_sample import CONVENTIONS
from workbench.data.formula.fixed_effects import RULES
from workbench.data.formula.parser import formula_roles
from workbench.errors import OptionError
from workbench.literals import Choice
from workbench.options import Kind, Option, Options, option, options_of

WEIGHT_KINDS = ("frequency", "probability", "analytic")
DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class DataReference:
    """Where the data of a run came from, enough to find it again.

    ``kind`` is ``"sample"``, ``"file"``, ``"sql"`` or ``"frame"``; ``name`` is the sample's name,
    the file's path, the database, or the variable's name in the notebook; ``query`` is the
    SQL query; ``options`` are those of `workbench.read_csv` or
    `workbench.read_excel`.  ``fingerprint`` is a SHA-256 of the
    columns the run reads, so that a resumed run refuses other data.
    """

    kind: str
    name: str
    fingerprint: str = ""
    rows: int = 0
    columns: int = 0
    query: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """The text of a likelihood that a user wrote in a cell, with its declared parameters.

    ``text`` is kept for display and replay by the user; nothing stored is executed.
    """

    text: str
    by: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunOptions(Options):
    """The options that every model has in common."""

    se: str = option(
        "hessian",
        kind=Kind.CHOICE,
        choices=tuple(COVARIANCES),
        help="kind of standard errors",
        label="Standard errors",
        in_likelihood=False,
    )
    cluster: str | tuple[str, ...] | None = option(
        None,
        kind=Kind.COLUMNS,
        help="column to cluster by, or several; firm^year is a combination",
        label="Cluster by",
        in_likelihood=False,
    )
    se_options: Mapping[str, Any] = option(
        {},
        kind=Kind.SETTINGS,
        help="options of the standard errors",
        label="Settings of the errors",
        example={"time": "year", "lag": 2},
        in_likelihood=False,
    )
    weights: str | None = option(
        None, kind=Kind.COLUMN, help="column of weights, or an expression as in 1/w"
    )
    weight_kind: str = option(
        "frequency",
        kind=Kind.CHOICE,
        choices=WEIGHT_KINDS,
        help="what weights are, by default analytic with fixed effects and else frequencies",
        label="Kind of weights",
        needs="weights",
        refused=True,
    )
    offset: str | None = option(
        None,
        kind=Kind.COLUMN,
        help="column added to the linear predictor, or an expression as in log(hours)",
    )
    subset: str | None = option(
        None,
        kind=Kind.CONDITION,
        help="condition that a row meets to be used; the others are left out and counted",
        example="year > 1990",
    )
    optimizer: Choice = option(
        Choice("newton"),
        kind=Kind.MEMBER,
        help="optimizer, by name or with its options",
        example="bfgs",
        needs="iterates",
        in_likelihood=False,
    )
    demeaner: Choice = option(
        Choice("auto"),
        kind=Kind.MEMBER,
        help="what takes fixed effects out, by name or with its options",
        example="lsmr",
        needs="absorbs",
        in_likelihood=False,
    )
    backend: str = option(
        "jax",
        kind=Kind.CHOICE,
        choices=BACKENDS,
        help="library that computes",
        label="Library",
        needs="library",
        in_likelihood=False,
    )
    device: str = option(
        "cpu",
        kind=Kind.TEXT,
        choices=("cpu", "cuda", "mps"),
        help="where it computes",
        example="cuda:0",
        needs="device",
        in_likelihood=False,
    )
    dtype: str = option(
        "float64",
        kind=Kind.CHOICE,
        choices=DTYPES,
        help="precision of the numbers",
        label="Numbers",
        needs="library",
        in_likelihood=False,
    )
    start: Mapping[str, float] | None = option(
        None,
        kind=Kind.NUMBERS,
        help="start values by parameter",
        example={"educ": 0.1},
        needs="iterates",
        in_likelihood=False,
        key="parameter",
    )
    max_steps: int | None = option(
        None,
        kind=Kind.COUNT,
        least=1,
        help="step limit",
        label="Step limit",
        needs="iterates",
        in_likelihood=False,
    )
    missing: str = option(
        "drop",
        kind=Kind.CHOICE,
        choices=("drop", "raise"),
        help="rows with missing values: left out and counted, or refused",
        label="Missing values",
    )
    collinear: str = option(
        "drop",
        kind=Kind.CHOICE,
        choices=("drop", "refuse"),
        help="columns that are combinations of others: left out and listed, or refused",
        label="Collinear columns",
    )
    positive: str | None = option(
        None,
        kind=Kind.TEXT,
        help="level of a two-valued text outcome that counts as 1",
        label="Level that counts as 1",
        needs="two_values",
    )
    fixef_rm: str = option(
        "singleton",
        kind=Kind.CHOICE,
        choices=RULES,
        help="rows alone in a level of a fixed effect: left out and counted, or kept",
        label="Singletons",
        needs="absorbs",
    )
    seed: int = option(
        0,
        kind=Kind.COUNT,
        least=0,
        help="seed of everything random",
        needs="random",
        in_likelihood="seeded",
    )
    ssc: str | None = option(
        None,
        kind=Kind.CHOICE,
        choices=CONVENTIONS,
        help="small-sample convention",
        label="Small-sample factor",
        in_likelihood=False,
    )
    name: str = option("", kind=Kind.TEXT, help="name of the run", in_likelihood=False)

    def __post_init__(self) -> None:
        """Take values as they are: a draft may be incomplete, and a record is not refused."""


@dataclass(frozen=True, kw_only=True)
class Specification(RunOptions):
    """Everything that describes one run; two equal specifications give the same estimates."""

    model: Choice = field(kw_only=False)
    data: DataReference = field(kw_only=False)
    formula: str | None = field(default=None, kw_only=False)
    source: Source | None = field(default=None, kw_only=False)

    @property
    def clusters(self) -> tuple[str, ...]:
        """The columns to cluster by: none, one or several."""
        if self.cluster is None:
            return ()
        return (self.cluster,) if isinstance(self.cluster, str) else self.cluster

    @property
    def covariance(self) -> Covariance:
        """The kind of standard errors with its options.

        Raises
        ------
        OptionError
            When an option is unknown, missing, or not what it must be.
        """
        return covariance_of(self.se, self.se_options)

    @property
    def fixed_effects(self) -> bool:
        """Whether the formula has a part after ``|``; the first stage of two has one too."""
        return "|" in (self.formula or "") or "|" in str(self.model.settings.get("first_stage"))

    def reads_in_formula(self, column: str) -> bool:
        """Return whether the formula, however unfinished, names a column.

        >>> data = DataReference("sample", "mroz")
        >>> Specification(Choice("feols"), data, "hours ~ educ | age").reads_in_formula("age")
        True
        """
        return bool(formula_roles((self.formula or "").replace("|", "+"), {column}))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return dict(json.loads(json.dumps(asdict(self))))

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Specification:
        """Rebuild a specification from :meth:`to_dict`; an unknown field is refused by name."""
        known = {item.name for item in fields(cls)}
        if unknown := sorted(set(stored) - known):
            raise OptionError(
                f"A stored run has the unknown settings {unknown}.",
                hint="open it with the version of workbench that wrote it.",
                code="unknown-setting",
            )
        values = dict(stored)
        values["model"] = Choice(**values["model"])
        for each in options_of(cls):
            if each.name in values:
                values[each.name] = _from_json(each, values[each.name])
        values["data"] = DataReference(**values["data"])
        if values.get("source") is not None:
            values["source"] = Source(**values["source"])
        return cls(**values)

    def replace(self, **changes: Any) -> Specification:
        """Return a copy with some settings changed."""
        return replace(self, **changes)


def _from_json(each: Option, value: Any) -> Any:
    """Return the value of an option whose plain JSON types are given."""
    if each.kind is Kind.MEMBER:
        return Choice(**value)
    return tuple(value) if each.kind is Kind.COLUMNS and isinstance(value, list) else value
