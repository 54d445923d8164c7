"""Absorbed factors: integer codes with sums over groups, their adjoint, and their rank."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from workbench.errors import DataError
from workbench.protocols import Numpy

Int32 = npt.NDArray[np.int32]

ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""The share of a column's length, 1.4e-14, that demeaning cannot distinguish from zero."""


@dataclass(frozen=True, eq=False)
class Factor:
    """One absorbed factor, or one varying slope of it.

    Attributes
    ----------
    name
        Its name in the formula: ``firm``, or ``firm[trend]`` for a slope.
    codes
        The level of each row, shape ``(n,)``, numbered from 0 without gaps.
    levels
        The number of levels.
    slope
        The variable whose coefficient differs by level, shape ``(n,)``; None for intercepts.
    """

    name: str
    codes: Int32
    levels: int
    slope: Numpy | None = None

    @classmethod
    def of(cls, name: str, values: npt.ArrayLike, slope: npt.ArrayLike | None = None) -> Self:
        """Code the levels of any column of values, shape ``(n,)``, in sorted order.

        Raises
        ------
        DataError
            When a value is missing, or the slope has a value that is not finite.

        Examples
        --------
        >>> Factor.of("region", ["west", "east", "west"]).codes
        array([1, 0, 1], dtype=int32)
        """
        codes, levels = _numbered(name, np.asarray(values))
        if slope is None:
            return cls(name, codes, levels)
        slopes = np.ascontiguousarray(slope, dtype=np.float64)
        if not np.isfinite(slopes).all():
            raise DataError(
                f"The slope of {name!r} has values that are not finite.",
                "leave those rows out.",
                code="slope-not-finite",
                where=name,
            )
        return cls(name, codes, levels, slopes)

    @property
    def values(self) -> Numpy:
        """The value of each row in its level's column: one, or the slope's variable, ``(n,)``."""
        return np.ones(len(self.codes)) if self.slope is None else self.slope

    def dummies(self) -> sparse.csr_array:
        """Return a column for each level, sparse ``(n, levels)``."""
        places = (np.arange(len(self.codes)), self.codes)
        return sparse.csr_array((self.values, places), shape=(len(self.codes), self.levels))

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """The number of rows of each level, shape ``(levels,)``."""
        return np.bincount(self.codes, minlength=self.levels)


@dataclass(frozen=True, eq=False)
class Factors:
    r"""Several factors over the same rows: the sparse design :math:`D`, never formed.

    Attributes
    ----------
    members
        The factors, in the order of the formula.
    rows
        The number of rows ``n``.
    weights
        One positive weight per row, shape ``(n,)``, or None.
    kept
        Results of solvers that depend on the members alone, for the next solve; factors under
        other weights share them.
    """

    members: tuple[Factor, ...]
    rows: int
    weights: Numpy | None = None
    kept: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> int:
        """The number of coefficients of all members."""
        return sum(member.levels for member in self.members)

    def weighted(self, weights: Numpy | None) -> Factors:
        """Return the same factors under other weights, shape ``(n,)``."""
        return replace(self, weights=weights)

    def absorb(self, coefficients: list[Numpy]) -> Numpy:
        r"""Sum the effects of each row: :math:`D\alpha`.

        Parameters
        ----------
        coefficients
            One array ``(levels,)`` or ``(levels, K)`` per member.

        Returns
        -------
        Numpy
            Shape ``(n,)`` or ``(n, K)``.
        """
        total = np.zeros((self.rows, *coefficients[0].shape[1:]))
        for member, effects in zip(self.members, coefficients, strict=True):
            taken = effects[member.codes]
            total += taken if member.slope is None else (taken.T * member.slope).T
        return total

    def adjoint(self, values: Numpy) -> list[Numpy]:
        r"""Sum ``values``, ``(n,)`` or ``(n, K)``, over the levels: :math:`D^\top v`, unweighted.

        Returns
        -------
        list of Numpy
            One array ``(levels,)`` or ``(levels, K)`` per member.
        """
        return [_summed(member, values) for member in self.members]

    def normal_residuals(self, columns: Numpy) -> Numpy:
        r"""Return how far columns are from orthogonal to the factors.

        That is :math:`\lVert M D^\top W r\rVert` for each column ``r``, where :math:`M` scales
        the columns of :math:`W^{1/2} D` to unit norm.

        Returns
        -------
        Numpy
            Shape ``(K,)``, in units of :meth:`lengths`.
        """
        weighted = columns if self.weights is None else columns * self.weights[:, None]
        total = np.zeros(columns.shape[1])
        for member, sums in zip(self.members, self.adjoint(weighted), strict=True):
            mass = self.weight_sums(member)[:, None]
            total += np.sum(np.divide(sums**2, mass, out=np.zeros_like(sums), where=mass > 0), 0)
        return np.sqrt(total)

    def lengths(self, columns: Numpy) -> Numpy:
        """Return the weighted length of each column, shape ``(K,)``."""
        weighted = columns if self.weights is None else columns * self.weights[:, None]
        squares: Numpy = np.einsum("ik,ik->k", columns, weighted)
        lengths: Numpy = np.sqrt(squares)
        return lengths

    def weight_sums(self, member: Factor) -> Numpy:
        """Sum the weights, times squared slopes, of each level, ``(g,)``."""
        ones = np.ones(self.rows) if self.weights is None else self.weights
        return _summed_by(member, ones if member.slope is None else ones * member.slope**2)

    def components(self, first: int = 0, second: int = 1) -> Int32:
        """Find the connected components of the graph of two members.

        Two levels are connected when a row has both.

        Returns
        -------
        Int32
            The component of each row, shape ``(n,)``, numbered from 0.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        a, b = self.members[first], self.members[second]
        order = a.levels + b.levels
        ends = (a.codes, b.codes + np.int32(a.levels))
        graph = coo_array((np.ones(len(a.codes)), ends), shape=(order, order))
        _, labels = connected_components(graph, directed=False)
        found: Int32 = np.asarray(labels, dtype=np.int32)[a.codes]
        return found

    def rank(self) -> int:
        """Count the degrees of freedom that the factors absorb.

        Exact for one factor and for two without slopes: levels less connected components.  Of
        each further factor, the largest number of components with an earlier one is subtracted,
        which may still count some redundant levels, as in reghdfe's pairwise rule.

        References
        ----------
        Abowd, Creecy and Kramarz (2002); Correia (2016), section 3.
        """
        absorbed = 0
        for position, member in enumerate(self.members):
            if member.slope is not None:
                absorbed += self._slopes_absorbed(member)
                continue
            earlier = [j for j in range(position) if self.members[j].slope is None]
            shared = [int(self.components(j, position).max()) + 1 for j in earlier]
            absorbed += member.levels - max(shared, default=0)
        return absorbed

    def _slopes_absorbed(self, member: Factor) -> int:
        """Count the levels in which the slope varies (or, without intercepts, is not zero)."""
        assert member.slope is not None
        intercepts = [other for other in self.members if other.slope is None]
        nested = any(np.array_equal(other.codes, member.codes) for other in intercepts)
        slope = member.slope
        if nested:
            slope = slope - (_summed_by(member, slope) / member.sizes)[member.codes]
        scale = np.abs(member.slope).max(initial=0.0)
        return int(np.count_nonzero(_summed_by(member, slope**2) > (1e-10 * scale) ** 2))


def _numbered(name: str, values: npt.NDArray[Any]) -> tuple[Int32, int]:
    """Code the levels; whole numbers of a small range are counted, anything else is hashed."""
    if values.dtype.kind in "iu" and len(values):
        low, high = int(values.min()), int(values.max())
        if high - low < 4 * len(values) + 1024:
            return _counted(values - low if low else values, high - low + 1)
    from pandas import factorize

    codes, levels = factorize(values, sort=True)
    if codes.min(initial=0) < 0:
        raise DataError(
            f"The factor {name!r} has missing values.",
            "leave those rows out.",
            code="missing-level",
            where=name,
        )
    return codes.astype(np.int32), len(levels)


def _counted(values: npt.NDArray[Any], span: int) -> tuple[Int32, int]:
    seen = np.bincount(values, minlength=span) > 0
    if seen.all():
        return np.ascontiguousarray(values, dtype=np.int32), span
    numbers = (np.cumsum(seen) - 1).astype(np.int32)
    return numbers[values], int(numbers[-1]) + 1


def _summed(member: Factor, values: Numpy) -> Numpy:
    weighted = values if member.slope is None else (values.T * member.slope).T
    if values.ndim == 1:
        return _summed_by(member, weighted)
    return np.stack([_summed_by(member, column) for column in weighted.T], axis=1)


def _summed_by(member: Factor, values: Numpy) -> Numpy:
    sums: Numpy = np.bincount(member.codes, weights=values, minlength=member.levels)  # type: ignore[assignment]
    return sums
