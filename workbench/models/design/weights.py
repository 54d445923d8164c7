"""Weights as a likelihood uses them."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import DataError
from workbench.protocols import Numpy

# Weights that add up to one are shares, whatever the last digits say.
_SHARES = 1.5


@dataclass(frozen=True)
class Weights:
    """Weights as the likelihood uses them.

    Attributes
    ----------
    values
        One factor per row, ``(n,)``, or None; those that are not frequencies add up to ``n``.
    observations
        The number of observations they stand for.
    in_scores
        The factor of each row in sums of outer products of scores.
    """

    values: Numpy | None
    observations: float
    in_scores: Numpy | None


def weights_of(values: Numpy | None, kind: str, rows: int) -> Weights:
    """Read weights as frequencies, or as probability or analytic weights free of scale.

    Raises
    ------
    DataError
        When frequencies add up to one observation or less.
    """
    if values is None:
        return Weights(None, float(rows), None)
    if kind == "frequency":
        total = float(values.sum())
        if total < _SHARES:
            raise DataError(
                f"The frequency weights add up to {total:.3g} observations.",
                hint='weight_kind="probability" or "analytic" for weights that count no rows.',
                code="too-few-rows",
                where="weights",
            )
        return Weights(values, total, values)
    relative = values * (rows / values.sum())
    return Weights(relative, float(rows), relative**2)
