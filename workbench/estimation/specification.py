"""The noun in the middle: a frozen, JSON-able description of one run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from workbench.errors import OptionError

# Settings of the walk, and of what is said of its end: they leave the log-likelihood as it is.
_WALK = {"optimizer", "demeaner", "backend", "device", "dtype", "start", "max_steps", "name"}
_ERRORS = {"se", "se_options", "cluster", "ssc"}


@dataclass(frozen=True)
class Choice:
    """A member of a family by name, with the settings that differ from its defaults."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataReference:
    """Where the data of a run came from, enough to find it again.

    ``kind`` is ``"sample"``, ``"file"``, ``"sql"`` or ``"frame"``; ``name`` is the sample's name,
    the file's path, the database, or the variable's name in the notebook; ``query`` is what is
    asked of a database.  ``fingerprint`` is a SHA-256 of the columns the
    run reads, so that a resumed run refuses other data.
    """

    kind: str
    name: str
    fingerprint: str = ""
    rows: int = 0
    columns: int = 0
    query: str = ""


@dataclass(frozen=True)
class Source:
    """The text of a likelihood a person wrote in a cell, with its declared parameters.

    ``text`` is kept for display and replay by the person's own act; nothing stored is executed.
    """

    text: str
    by: str | None = None


@dataclass(frozen=True)
class Specification:
    """Everything that was asked of one run; two equal specifications give the same estimates."""

    model: Choice
    data: DataReference
    formula: str | None = None
    source: Source | None = None
    se: str = "hessian"
    cluster: str | tuple[str, ...] | None = None
    se_options: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None
    weight_kind: str = "frequency"
    offset: str | None = None
    optimizer: Choice = field(default_factory=lambda: Choice("newton"))
    demeaner: Choice = field(default_factory=lambda: Choice("auto"))
    backend: str = "jax"
    device: str = "cpu"
    dtype: str = "float64"
    start: Mapping[str, float] | None = None
    max_steps: int | None = None
    missing: str = "drop"
    collinear: str = "drop"
    positive: str | None = None
    fixef_rm: str = "singleton"
    seed: int = 0
    ssc: str | None = None
    name: str = ""

    @property
    def clusters(self) -> tuple[str, ...]:
        """The columns to cluster by: none, one or several."""
        if self.cluster is None:
            return ()
        return (self.cluster,) if isinstance(self.cluster, str) else self.cluster

    @cached_property
    def problem(self) -> str:
        """A key that two runs share when they climb the same log-likelihood."""
        from workbench.models.choice.options import MODELS

        besides = _WALK | _ERRORS
        if self.model.name not in MODELS:  # there, other draws are another likelihood
            besides = besides | {"seed"}
        known = self.replace(data=replace(self.data, fingerprint=""))  # which the end alone knows
        stated = {key: value for key, value in known.to_dict().items() if key not in besides}
        return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()[:16]

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
        values["optimizer"] = Choice(**values.get("optimizer", {"name": "newton"}))
        values["demeaner"] = Choice(**values.get("demeaner", {"name": "auto"}))
        if isinstance(values.get("cluster"), list):
            values["cluster"] = tuple(values["cluster"])
        values["data"] = DataReference(**values["data"])
        if values.get("source") is not None:
            values["source"] = Source(**values["source"])
        return cls(**values)

    def replace(self, **changes: Any) -> Specification:
        """Return a copy with some settings changed."""
        return replace(self, **changes)

    def to_python(self) -> str:
        """Return the Python call that repeats this run."""
        from workbench.estimation.code import python_call

        return python_call(self)

    def to_magic(self) -> str:
        """Return the ``%%mle`` cell that repeats this run."""
        from workbench.estimation.code import magic_cell

        return magic_cell(self)
