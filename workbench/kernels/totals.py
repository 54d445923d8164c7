"""The sums over all rows that a kernel returns."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.protocols import Numpy


@dataclass(frozen=True)
class Totals:
    """Sums over all rows: log-likelihood in nats, gradient ``(k,)``, Hessian ``(k, k)``."""

    value: float
    gradient: Numpy | None = None
    hessian: Numpy | None = None
