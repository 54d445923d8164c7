"""The record of what is chosen on the Setup tab, and what its check says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.data.complete_cases import Positions
from workbench.estimation.model import Model, model_class
from workbench.estimation.specification import RunOptions, Specification
from workbench.notebook.setup.available import usual_model

AUTOMATIC, GIVEN = "auto", "given"


@dataclass(frozen=True)
class Chosen:
    """Every choice on the Setup tab; an empty text means none or automatic."""

    template: str = field(default_factory=lambda: usual_model("0/1"))
    formula: str = ""
    body: str = ""
    se: str = RunOptions.se
    se_before: str = RunOptions.se
    cluster: str = ""
    weights: str = ""
    weight_kind: str = RunOptions.weight_kind
    offset: str = ""
    positive: str = ""
    device: str = RunOptions.device
    library: str = RunOptions.backend
    dtype: str = RunOptions.dtype
    optimizer: str = AUTOMATIC
    start: str = AUTOMATIC
    max_steps: int | None = None
    name: str = ""
    demeaner: str = AUTOMATIC
    model_options: Mapping[str, Any] = field(default_factory=dict)
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)
    demeaner_options: Mapping[str, Any] = field(default_factory=dict)
    se_options: Mapping[str, Any] = field(default_factory=dict)
    run_options: Mapping[str, Any] = field(default_factory=dict)
    base: Specification | None = None
    """The run being edited, with the settings that the page does not show."""

    @property
    def model(self) -> type[Model]:
        """The class of the model chosen."""
        return model_class(self.template)


@dataclass(frozen=True)
class Check:
    """Whether the choices describe a run that can start, and a sentence on it."""

    ok: bool
    text: str
    detail: str = ""
    where: str = ""
    suggestion: str = ""
    brief: str = ""
    field: str = ""
    """The field that the problem is in: ``"formula"``, ``"body"`` or an option."""
    of: str = ""
    """The group of that field, where it is one of those drawn from options."""
    parameters: int = 0
    rows: int = 0
    used: Positions | None = None
    """The positions of the rows used, shape ``(rows,)``; None where they are not known yet."""
    levels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """The parameters that can be named before the run."""
