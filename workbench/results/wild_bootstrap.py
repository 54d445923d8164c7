"""The wild cluster bootstrap of one restriction on a linear regression."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse, stats

from workbench.covariances.delete_cluster import MOST_ROWS, lies_within
from workbench.covariances.regression_rows import Codes, RegressionRows
from workbench.errors import InferenceError, OptionError
from workbench.protocols import Numpy

_ROOT5 = math.sqrt(5)


def _rademacher(rng: np.random.Generator, shape: tuple[int, int]) -> Numpy:
    return np.asarray(rng.integers(0, 2, shape) * 2.0 - 1, dtype=np.float64)


def _webb(rng: np.random.Generator, shape: tuple[int, int]) -> Numpy:
    six = np.sqrt([1.5, 1.0, 0.5])
    return np.asarray(rng.choice(np.concatenate([-six, six]), shape))


def _mammen(rng: np.random.Generator, shape: tuple[int, int]) -> Numpy:
    low = rng.uniform(size=shape) < (_ROOT5 + 1) / (2 * _ROOT5)
    return np.where(low, (1 - _ROOT5) / 2, (1 + _ROOT5) / 2)


def _normal(rng: np.random.Generator, shape: tuple[int, int]) -> Numpy:
    return rng.normal(size=shape)


WEIGHTS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Numpy]] = {
    "rademacher": _rademacher,
    "webb": _webb,
    "mammen": _mammen,
    "normal": _normal,
}
"""What multiplies the residuals of a cluster, by name; each has mean 0 and variance 1."""

# Draws that equal the sample up to sign give its statistic up to the demeaner's tolerance, and do
# not exceed it.
_MORE = 1 + 1e-6
_CELLS_AT_ONCE = 20_000_000
_DEMEANED_AT_ONCE = 16
_DOUBLINGS = 60
_HALVINGS = 50


@dataclass(frozen=True)
class WildBootstrap:
    """A restriction tested by the wild cluster bootstrap.

    Attributes
    ----------
    restriction
        As it was written.
    estimate, statistic
        The left side at the estimate, and the t of the restriction, clustered (CRV1).
    pvalue
        The share of draws with a t further from zero.
    lower, upper, level
        The values of the left side that are not rejected at one minus ``level``; infinite where
        none is rejected.
    cluster, clusters, draws, enumerated
        The column, its number of clusters, the draws, and whether all possible draws were used.
    weights, imposed, seed
        What multiplies residuals, whether the restriction held in the draws, and their seed.
    """

    restriction: str
    estimate: float
    statistic: float
    pvalue: float
    lower: float
    upper: float
    level: float
    cluster: str
    clusters: int
    draws: int
    enumerated: bool
    weights: str
    imposed: bool
    seed: int

    def __repr__(self) -> str:
        shown = "< 0.001" if self.pvalue < 0.001 else f"= {self.pvalue:.3f}"
        every = "all " if self.enumerated else ""
        return (
            f"Wild cluster bootstrap of {self.restriction}: t = {self.statistic:.3f}, p {shown}, "
            f"{100 * self.level:g} % from {self.lower:.4g} to {self.upper:.4g}; "
            f"{every}{self.draws:,} {self.weights} draws over {self.clusters} clusters of "
            f"{self.cluster}, seed {self.seed}"
        )


@dataclass(frozen=True, eq=False)
class Question:
    """The settings of the bootstrap; see `workbench.results.fit.Fit.wild_bootstrap`.

    ``direction (k,)`` is the left side of the restriction in unconstrained parameters, ``estimate``
    the left side at the estimate, ``tested`` the right side, ``factor`` the factor of CRV1.
    """

    restriction: str
    direction: Numpy
    estimate: float
    tested: float
    factor: float
    cluster: str
    draws: int
    weights: str
    seed: int
    imposed: bool
    level: float


def check_question(draws: Any, weights: str, level: float) -> None:
    """Refuse invalid settings.

    Raises
    ------
    OptionError
        Naming the setting and the value found.
    """
    if weights not in WEIGHTS:
        raise _bad("weights", repr(weights), f"one of {list(WEIGHTS)}")
    if isinstance(draws, bool) or not isinstance(draws, Integral) or draws < 1:
        raise _bad("draws", repr(draws), "a whole number from 1: draws=9999")
    if not 0 < level < 1:
        raise _bad("level", repr(level), "between 0 and 1: level=0.95")


def _bad(name: str, found: str, wanted: str) -> OptionError:
    return OptionError(
        f"The option {name} of the wild bootstrap is {found}.",
        hint=f"{wanted}.",
        code="bad-option",
        where=name,
    )


def wild_bootstrap(
    rows: RegressionRows, theta: Numpy, codes: Codes, question: Question
) -> WildBootstrap:
    r"""Test one restriction by multiplying the residuals of each cluster by a random weight.

    With :math:`a = X(X'X)^{-1}R'`, the estimate of a draw moves by :math:`\sum_g v_g a_g'u_g`, and
    the scores of its clusters are :math:`J v` with
    :math:`J_{gh} = 1\{g=h\}\, a_g'u_g - (a_g)'P\,u_h`, so that no draw is estimated anew.  Both
    are linear in the residuals, which are linear in the value tested, so that the interval
    inverts the test at no further cost.

    References
    ----------
    Roodman, MacKinnon, Nielsen and Webb (2019), "Fast and wild: Bootstrap inference in Stata
    using boottest", Stata Journal 19(1), sections 3 and 5; MacKinnon, Nielsen and Webb (2023),
    "Fast and reliable jackknife and bootstrap methods for cluster-robust inference", Journal of
    Applied Econometrics 38(5).
    """
    if rows.instruments is not None:
        raise InferenceError(
            "The wild bootstrap here is that of least squares, not of two-stage least squares.",
            hint='fit.standard_errors("cluster").',
            code="bootstrap-of-instruments",
        )
    parts = _Parts(rows, theta, codes, question)
    lower, upper = parts.interval()
    return WildBootstrap(
        question.restriction,
        question.estimate,
        (question.estimate - question.tested) / parts.spread,
        parts.pvalue(question.tested),
        lower,
        upper,
        question.level,
        question.cluster,
        parts.groups,
        parts.draws.shape[1],
        parts.enumerated,
        question.weights,
        question.imposed,
        question.seed,
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """The sums over clusters from which the statistic of every draw is put together."""

    rows: RegressionRows
    theta: Numpy
    codes: Codes
    question: Question
    groups: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", int(self.codes.max()) + 1)

    @cached_property
    def root(self) -> Numpy:
        weights = self.rows.weights
        return np.ones(len(self.codes)) if weights is None else np.sqrt(weights)

    @cached_property
    def x(self) -> Numpy:
        return self.rows.x * self.root[:, None]

    @cached_property
    def along(self) -> Numpy:
        """How much each row's outcome moves the left side, ``(n,)``."""
        moved: Numpy = self.x @ (self.rows.inverse @ self.question.direction)
        return moved

    @cached_property
    def vary(self) -> tuple[Numpy, Numpy]:
        """The residuals, and what a unit of the value tested adds to those under it."""
        residuals = (self.rows.y - self.rows.x @ self.theta) * self.root
        return residuals, self.along / float(self.along @ self.along)

    def _sum(self, values: Numpy) -> Numpy:
        """Sum rows by cluster."""
        order = np.arange(len(self.codes))
        shape = (self.groups, len(self.codes))
        member = sparse.csr_array((np.ones(len(order)), (self.codes, order)), shape=shape)
        return np.asarray(member @ values)

    @cached_property
    def spread(self) -> float:
        """The standard error of the left side, CRV1."""
        own = self._sum(self.along * self.vary[0])
        return math.sqrt(self.question.factor * float(own @ own))

    @cached_property
    def enumerated(self) -> bool:
        few = self.groups < 30 and 2**self.groups <= self.question.draws
        return self.question.weights == "rademacher" and few

    @cached_property
    def draws(self) -> Numpy:
        """The weights of clusters, ``(g, draws)``."""
        if self.enumerated:
            numbers = np.arange(2**self.groups)
            bits = (numbers >> np.arange(self.groups)[:, None]) & 1
            return np.asarray(bits * 2.0 - 1, dtype=np.float64)
        rng = np.random.default_rng(self.question.seed)
        return WEIGHTS[self.question.weights](rng, (self.groups, int(self.question.draws)))

    @cached_property
    def sums(self) -> tuple[Numpy, Numpy, Numpy, Numpy, Numpy]:
        """Of each draw: two parts of the estimate's move, three of the squared scores."""
        own = [self._sum(self.along * residuals) for residuals in self.vary]
        left = self._sum(self.x * self.along[:, None]) @ self.rows.inverse
        right = [self._sum(self.x * residuals[:, None]) for residuals in self.vary]
        dense = self._across()
        step = max(1, _CELLS_AT_ONCE // self.groups)
        found = []
        for low in range(0, self.draws.shape[1], step):
            some = self.draws[:, low : low + step]
            scores = [
                o[:, None] * some - left @ (r.T @ some) - (0.0 if d is None else d @ some)
                for o, r, d in zip(own, right, dense, strict=True)
            ]
            squares = [scores[i] * scores[j] for i, j in ((0, 0), (0, 1), (1, 1))]
            moves = [o @ some for o in own]
            found.append(np.array([*moves, *(part.sum(axis=0) for part in squares)]))
        one, two, three, four, five = np.concatenate(found, axis=1)
        return one, two, three, four, five

    def _across(self) -> tuple[Numpy | None, Numpy | None]:
        """Project what each cluster adds on the fixed effects, summed by cluster, ``(g, g)``.

        Nothing is left where every level lies within one cluster.
        """
        factors = self.rows.factors
        if factors is None or all(lies_within(each, self.codes) for each in factors.members):
            return None, None
        if len(self.codes) * self.groups > MOST_ROWS:
            raise InferenceError(
                f"The wild bootstrap would demean {len(self.codes):,} rows {self.groups:,} times.",
                hint='clusters that hold the fixed effects; or fit.standard_errors("cluster").',
                code="too-much-to-demean",
            )
        found: list[list[Numpy]] = [[], []]
        for low in range(0, self.groups, _DEMEANED_AT_ONCE):
            some = np.arange(low, min(low + _DEMEANED_AT_ONCE, self.groups))
            added = np.where(self.codes[:, None] == some, (self.along / self.root)[:, None], 0.0)
            taken = (added - self.rows.demeaned(added)) * self.root[:, None]
            for part, residuals in zip(found, self.vary, strict=True):
                part.append(self._sum(taken * residuals[:, None]).T)
        return np.concatenate(found[0]), np.concatenate(found[1])

    def pvalue(self, value: float) -> float:
        """Return the p-value of the left side being ``value``."""
        gap = self.question.estimate - value
        shift = gap if self.question.imposed else 0.0
        one, two, three, four, five = self.sums
        squares = self.question.factor * (three + 2 * shift * four + shift**2 * five)
        moves = np.abs(one + shift * two)
        bound = abs(gap) / self.spread * np.sqrt(np.maximum(squares, 0.0))
        return float(np.mean(moves > bound * _MORE))

    def interval(self) -> tuple[float, float]:
        """Return the values that are not rejected, by doubling and halving steps."""
        reach = float(stats.norm.ppf((1 + self.question.level) / 2)) * self.spread
        return self._end(-reach), self._end(reach)

    def _end(self, reach: float) -> float:
        alpha, centre, inside = 1 - self.question.level, self.question.estimate, 0.0
        for _ in range(_DOUBLINGS):
            if self.pvalue(centre + reach) <= alpha:
                break
            inside, reach = reach, 2 * reach
        else:
            return math.copysign(math.inf, reach)
        for _ in range(_HALVINGS):
            middle = (inside + reach) / 2
            if self.pvalue(centre + middle) <= alpha:
                reach = middle
            else:
                inside = middle
        return centre + reach
