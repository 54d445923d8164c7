"""No standard errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from workbench.covariances.base import Covariance, Facts, Sums
from workbench.covariances.curvature import Curvature
from workbench.protocols import Numpy


@dataclass(frozen=True, kw_only=True)
class NoErrors(Covariance):
    """The estimates alone."""

    name: ClassVar[str] = "none"
    title: ClassVar[str] = "None"
    adjective: ClassVar[str] = "no"
    word: ClassVar[str] = "none"
    run_word: ClassVar[str] = "no errors"
    estimates_errors: ClassVar[bool] = False

    def matrix(
        self, curvature: Curvature, sums: Sums, convention: str | None, facts: Facts
    ) -> Numpy:
        """Return NaN for every parameter."""
        return np.full_like(curvature.information, np.nan)
