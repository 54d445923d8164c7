"""Scores of rows, held by the arguments of their formula, and the sums that covariances need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from scipy import sparse

from workbench.kernels.likelihood.parameters import Codes
from workbench.kernels.linear.gram import cross_gram, cross_product, gram
from workbench.protocols import Numpy

_NOTHING: Any = None


@dataclass(frozen=True, eq=False)
class Argument:
    """One argument of a row's formula, and the parameters from ``start`` to ``stop`` behind it.

    Attributes
    ----------
    kind
        ``"design"``: a row of a design times them.  ``"shared"``: one parameter that every row
        reads.  ``"picked"``: the one of them that the row's code names.
    design, design_number
        The design ``(n, p)`` and its position among the designs.
    codes
        The row's choice, ``(n,)``, from 0.
    """

    kind: Literal["design", "shared", "picked"]
    start: int
    stop: int
    design: Numpy = field(default=_NOTHING, repr=False)
    design_number: int = 0
    codes: Codes | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.stop - self.start

    def members(self) -> sparse.csr_array:
        """Return which rows pick each parameter, ``(m, n)``."""
        assert self.codes is not None
        return indicators(self.codes, self.size)


def indicators(codes: Codes, groups: int) -> sparse.csr_array:
    """Return the matrix ``(groups, n)`` that has a one where a row belongs to a group."""
    rows = len(codes)
    return sparse.csr_array((np.ones(rows), (codes, np.arange(rows))), shape=(groups, rows))


def sum_by_code(members: sparse.csr_array, x: Numpy, weights: Numpy) -> Numpy:
    """Sum weighted rows ``(n, p)`` by code, ``(m, p)``."""
    return np.asarray(members @ (x * weights[:, None]))


@dataclass(frozen=True)
class RowScores:
    """The score of each row by the arguments of its formula, ``(n,)`` each.

    Attributes
    ----------
    arguments, first
        The arguments and the derivatives by them.
    size
        The number of parameters ``k``.
    change
        The derivative of the natural parameters by those wanted, ``(k, k)``, or None.
    """

    arguments: tuple[Argument, ...]
    first: tuple[Numpy, ...]
    size: int
    change: Numpy | None = None

    def by(self, matrix: Numpy) -> RowScores:
        """Return the scores by parameters of which the present ones are ``matrix`` times those."""
        change = matrix if self.change is None else self.change @ matrix
        return RowScores(self.arguments, self.first, self.size, change)

    def finite(self) -> Any:
        """Return which rows have finite derivatives, ``(n,)``."""
        return np.all([np.isfinite(d) for d in self.first], axis=0)

    def total(self, weights: Numpy | None) -> Numpy:
        """Return the sum over the rows, ``(k,)``."""
        found = np.zeros(self.size)
        for argument, d in zip(self.arguments, self._times(weights), strict=True):
            found[argument.start : argument.stop] += _summed(argument, d)
        return found if self.change is None else np.asarray(self.change.T @ found)

    def outer(self, factor: Numpy | None) -> Numpy:
        """Return the sum of outer products ``(k, k)``, each row's times its factor ``(n,)``."""
        rows = self._times(None if factor is None else np.sqrt(factor))
        sums = np.zeros((self.size, self.size))
        for i, one in enumerate(self.arguments):
            for j, other in enumerate(self.arguments[i:], start=i):
                _add(sums, one, other, _product(one, rows[i], other, rows[j]), same=i == j)
        return self._carried_twice(sums)

    def grouped(self, weights: Numpy | None, codes: Codes, groups: int) -> Numpy:
        """Return the sums by group ``(groups, k)``."""
        return self._carried(np.asarray(indicators(codes, groups) @ self._each(weights)))

    def rows(self, weights: Numpy | None) -> Numpy:
        """Return the weighted score of each row, ``(n, k)``."""
        return self._carried(self._each(weights))

    def _each(self, weights: Numpy | None) -> Numpy:
        """Return the weighted score of each row by natural parameters, ``(n, k)``."""
        found = np.zeros((len(self.first[0]), self.size))
        each = np.arange(len(found))
        for argument, d in zip(self.arguments, self._times(weights), strict=True):
            if argument.kind == "design":
                found[:, argument.start : argument.stop] += argument.design * d[:, None]
            elif argument.codes is None:
                found[:, argument.start] += d
            else:
                found[each, argument.start + argument.codes] += d
        return found

    def _carried(self, scores: Numpy) -> Numpy:
        return scores if self.change is None else np.asarray(scores @ self.change)

    def _times(self, factor: Numpy | None) -> Sequence[Numpy]:
        return self.first if factor is None else [d * factor for d in self.first]

    def _carried_twice(self, sums: Numpy) -> Numpy:
        return sums if self.change is None else np.asarray(self.change.T @ sums @ self.change)


@dataclass(frozen=True)
class UnitScores:
    """The score of each unit, ``(u, k)``, with the sums of a `RowScores`."""

    values: Numpy

    def by(self, matrix: Numpy) -> UnitScores:
        """Return the scores by parameters of which the present ones are ``matrix`` times those."""
        return UnitScores(np.asarray(self.values @ matrix))

    def finite(self) -> Any:
        """Return which units have finite derivatives, ``(u,)``."""
        return np.isfinite(self.values).all(axis=1)

    def total(self, weights: Numpy | None) -> Numpy:
        """Return the sum over the units, ``(k,)``."""
        return np.asarray(self.rows(weights).sum(axis=0))

    def outer(self, factor: Numpy | None) -> Numpy:
        """Return the sum of outer products ``(k, k)``, each unit's times its factor ``(u,)``."""
        return np.asarray(self.values.T @ self.rows(factor))

    def grouped(self, weights: Numpy | None, codes: Codes, groups: int) -> Numpy:
        """Return the sums by group ``(groups, k)``."""
        return np.asarray(indicators(codes, groups) @ self.rows(weights))

    def rows(self, weights: Numpy | None) -> Numpy:
        """Return the weighted score of each unit, ``(u, k)``."""
        return self.values if weights is None else self.values * weights[:, None]


def _summed(argument: Argument, rows: Numpy) -> Numpy:
    if argument.kind == "design":
        return cross_product(argument.design, rows)
    if argument.codes is None:
        return np.atleast_1d(rows.sum())
    return np.asarray(np.bincount(argument.codes, rows, argument.size), dtype=np.float64)


def _product(one: Argument, d: Numpy, other: Argument, e: Numpy) -> Numpy:
    """Return the sum over rows of ``d_i a_i e_i b_i'``, of factors a and b of the derivatives."""
    if one is other and one.kind == "design":
        return gram(one.design, d)
    both = d * e
    if one.kind == "design":
        if other.kind == "design":
            return cross_gram(one.design, both, other.design)
        if other.codes is None:
            return np.asarray(both @ one.design)[:, None]
        return sum_by_code(other.members(), one.design, both).T
    left = np.zeros(len(d), dtype=np.int64) if one.codes is None else one.codes
    right = np.zeros(len(d), dtype=np.int64) if other.codes is None else other.codes
    flat = np.bincount(left * other.size + right, both, one.size * other.size)
    return np.asarray(flat, dtype=np.float64).reshape(one.size, other.size)


def _add(sums: Numpy, one: Argument, other: Argument, block: Numpy, *, same: bool) -> None:
    down, across = slice(one.start, one.stop), slice(other.start, other.stop)
    sums[down, across] += block
    if not same:
        sums[across, down] += block.T
