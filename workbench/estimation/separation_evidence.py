"""Why a likelihood has no maximum: a combination of regressors predicts the outcome exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SeparationEvidence:
    """Why no maximum exists, as the page shows it.

    Attributes
    ----------
    regressors
        Names that take part in the separating direction.
    sentence
        What happened.
    table
        A cross table, ``{"columns": [...], "rows": [[label, count, ...], ...]}``, or None.
    """

    regressors: tuple[str, ...]
    sentence: str
    complete: bool
    table: Mapping[str, Any] | None = None
