"""Differences to the chosen alternative, in one pass of compiled code."""

from __future__ import annotations

from typing import Any

from workbench.kernels.parallel.compiled import compiled


@compiled
def subtracted(x: Any, first: Any, chosen: Any, moved: Any) -> Any:
    """Fill ``moved (m - s, p)`` with the rows not chosen minus their situation's chosen one."""
    place = 0
    for s in range(len(chosen)):
        for row in range(first[s], first[s + 1]):
            if row != chosen[s]:
                for j in range(x.shape[1]):
                    moved[place, j] = x[row, j] - x[chosen[s], j]
                place += 1
    return moved
