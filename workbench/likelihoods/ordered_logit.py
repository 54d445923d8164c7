"""The ordered logit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from scipy.special import expit, logit, xlogy

from workbench.backends import Array, Backend
from workbench.kernels.likelihood.parameters import ORDERED, Block
from workbench.kernels.likelihood.separation import Separation, separating_direction
from workbench.likelihoods.base import Equation, Likelihood, Observed, Start, Support
from workbench.protocols import Numpy

# From here on a fitted probability is 0 or 1 to eight digits.
_SATURATED = 18.0


@dataclass(frozen=True)
class OrderedLogit(Likelihood):
    r"""Ordered logit: :math:`\Pr(y_i \le j) = \Lambda(\kappa_j - x_i^\top\beta)`.

    .. math:: \ell_i = \log\{\Lambda(\kappa_{y_i} - x_i^\top\beta)
        - \Lambda(\kappa_{y_i-1} - x_i^\top\beta)\}

    There is no constant, since the cutpoints :math:`\kappa` take its place.  Reported are the
    cutpoints as they are; estimated are the first and the logs of the increments.

    References
    ----------
    McCullagh (1980), "Regression models for ordinal data", JRSS B 42(2).
    """

    name: ClassVar[str] = "ordered_logit"
    title: ClassVar[str] = "Ordered logit"
    formula: ClassVar[str] = "Pr(y ≤ j | x) = 1 / (1 + exp(−(κⱼ − x′β)))"
    support: ClassVar[Support] = Support.ORDERED
    equations: ClassVar[tuple[Equation, ...]] = (Equation("mean", thresholds=True),)

    def blocks(self, y: Numpy, levels: Sequence[str]) -> tuple[Block, ...]:
        """Return one cutpoint between each two levels, ``"low|high"``; a row reads its two."""
        names = tuple(f"{a}|{b}" for a, b in pairwise(levels))
        codes = y.astype(np.int64)
        upper, lower = np.minimum(codes, len(names) - 1), np.maximum(codes - 1, 0)
        return (Block(names, ORDERED, reads=(upper, lower)),)

    def derived(self, y: Numpy, levels: Sequence[str]) -> dict[str, Numpy]:
        """Mark the rows of the lowest and of the highest level, which have one cutpoint."""
        return {
            "lowest": (y == 0).astype(np.float64),
            "highest": (y == len(levels) - 1).astype(np.float64),
        }

    def contributions(
        self,
        y: Array,
        predictors: Sequence[Array],
        parameters: Sequence[Array],
        columns: Mapping[str, Array],
        xp: Backend,
    ) -> Array:
        (index,), (upper, lower) = predictors, parameters
        lowest, highest = columns["lowest"], columns["highest"]
        inside = (lowest + highest) == 0
        # log(F(b) - F(a)) = log F(b) + log F(-a) + log(1 - exp(a - b)), which never underflows.
        between = xp.log(-xp.expm1(-xp.where(inside, upper - lower, 0 * index + 1)))
        below = (1 - highest) * xp.log_sigmoid(upper - index)
        above = (1 - lowest) * xp.log_sigmoid(index - lower)
        return below + above + xp.where(inside, between, 0 * index)

    def start(self, data: Observed) -> Start:
        """Start with slopes of zero, from the shares of the levels."""
        counts = np.bincount(data.y.astype(np.int64), data.weights)
        shares = np.cumsum(counts)[:-1] / counts.sum()
        return Start((np.zeros(data.x.shape[1]),), np.asarray(logit(shares)))

    def null_loglik(self, y: Numpy, weights: Numpy | None, offset: Numpy | None) -> float | None:
        if offset is not None:
            return None
        counts = np.bincount(y.astype(np.int64), weights)
        return float(xlogy(counts, counts / counts.sum()).sum())

    def probabilities(self, predictors: Sequence[Numpy], parameters: Numpy) -> Numpy:
        index = predictors[0][:, None]
        upper = np.append(parameters, np.inf) - index
        lower = np.append(-np.inf, parameters) - index
        # The difference of the tails on the side where both are small keeps its digits.
        flipped = upper + lower > 0
        low, high = np.where(flipped, -upper, lower), np.where(flipped, -lower, upper)
        return np.asarray(expit(high) - expit(low))

    def saturated(self, y: Numpy, predictors: Sequence[Numpy], parameters: Numpy) -> list[bool]:
        codes, index = y.astype(np.int64), predictors[0]
        upper, lower = np.append(parameters, np.inf), np.append(-np.inf, parameters)
        margin = np.minimum(upper[codes] - index, index - lower[codes])
        return [float(margin.max(initial=0.0)) >= _SATURATED]

    def separating(self, equation: int, y: Numpy, x: Numpy) -> Separation | None:
        """Look for a direction of coefficients and cutpoints that moves every row inwards.

        Each row requires a predictor below its upper cutpoint and above its lower one, as the two
        binary outcomes on either side of its level do.  Directions that move different rows
        add up, so that the number of rows of one of them has no meaning.
        """
        codes, cuts = y.astype(np.int64), int(y.max())
        cutpoints = np.eye(cuts)
        below, above = codes < cuts, codes > 0
        stacked = np.vstack(
            [
                np.column_stack([x[below], -cutpoints[codes[below]]]),
                np.column_stack([x[above], -cutpoints[codes[above] - 1]]),
            ]
        )
        exceeds = np.append(np.zeros(int(below.sum())), np.ones(int(above.sum())))
        found = separating_direction(exceeds, stacked)
        if found is None:
            return None
        return Separation(found.direction[: x.shape[1]], found.complete, 0)
