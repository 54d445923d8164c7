"""Ridge regression and its option."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from workbench.estimation.model import NUMPY, Model
from workbench.options import Kind, option


@dataclass(frozen=True, kw_only=True)
class Ridge(Model):
    """Least squares with a penalty on the squared coefficients."""

    name: ClassVar[str] = "ridge"
    title: ClassVar[str] = "Ridge regression"
    formula: ClassVar[str] = "min Σ (y − x′β)² + λ β′β"
    built_by: ClassVar[str] = "workbench.models.ridge.build"
    results: ClassVar[str] = "workbench.models.ridge.results:RidgeFit"
    solved: ClassVar[bool] = True
    computed_by: ClassVar[str] = NUMPY
    on_host: ClassVar[bool] = True

    penalty: float = option(1.0, kind=Kind.NUMBER, least=0.0, help="weight of the penalty")
