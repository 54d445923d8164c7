"""The products that LSMR needs, with the dummies of absorbed factors, in two layouts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from workbench.backends import Array, Backend
from workbench.kernels.absorption.factors import Factors, Int32
from workbench.kernels.absorption.lsmr import Limits, Numbers, rotate
from workbench.protocols import Numpy

STEPS_A_CALL = 8
"""Steps in one compiled call: enough to hide the 0.1 ms of the call, few enough to stop soon."""


class Codes(NamedTuple):
    """The arrays of a design in gathers: nothing is stored for the ones.

    ``codes`` and ``slopes`` have one ``(n,)`` per factor, ``slopes`` None for intercepts;
    ``scale (p, 1)`` is the preconditioner and ``root (n, 1)`` the square root of the weights,
    or None.
    """

    codes: tuple[Array, ...]
    slopes: tuple[Array | None, ...]
    scale: Array
    root: Array | None


class GatherSum:
    """Products by gathers and segment sums over integer codes, in the operations of any backend."""

    def __init__(self, xp: Backend, levels: tuple[int, ...], arrays: Codes, compiled: bool) -> None:
        self.xp = xp
        self.levels = levels
        self.arrays = arrays
        self.compiled = compiled
        self.steps = STEPS_A_CALL if compiled else 1
        self.width = sum(levels)

    def forward(self, v: Array, a: Array, u: Array, b: Array) -> Array:
        xp, arrays = self.xp, self.arrays
        pieces = xp.split(v * arrays.scale, self.levels)
        total: Array = 0.0
        for piece, codes, slope in zip(pieces, arrays.codes, arrays.slopes, strict=True):
            taken = xp.take(piece, codes)
            total = total + (taken if slope is None else taken * slope)
        return xp.blend(a, total if arrays.root is None else total * arrays.root, b, u)

    def backward(self, u: Array, a: Array, v: Array, b: Array) -> Array:
        xp, arrays = self.xp, self.arrays
        weighted = u if arrays.root is None else u * arrays.root
        sums = [
            xp.segment_sum(weighted if slope is None else weighted * slope, codes, levels)
            for codes, slope, levels in zip(arrays.codes, arrays.slopes, self.levels, strict=True)
        ]
        return xp.blend(a, xp.concatenate(sums) * arrays.scale, b, v)

    def rotate(self, old: Numbers, beta: Array, alpha: Array, limits: Limits) -> Numbers:
        return rotate(old, beta, alpha, limits, self.xp if self.compiled else np)

    def run(self, function: Callable[..., Any], *arrays: Any) -> Any:
        if not self.compiled:
            return function(self, *arrays)
        return _compiled(function, self.xp, self.levels)(self.arrays, *arrays)


class SparseProducts:
    """Products by torch's sparse matrices, which include weights, slopes and preconditioner.

    Indices are 32-bit: MKL takes 64-bit ones only after a copy in every product.
    """

    def __init__(self, xp: Backend, matrix: Any, transpose: Any, compiled: bool) -> None:
        import torch

        self.xp = xp
        self.matrix = matrix
        self.transpose = transpose
        self.compiled = compiled
        self.steps = 1
        self.width = matrix.shape[1]
        self._by_vectors = matrix.layout == torch.sparse_csr
        turn = partial(rotate, xp=xp if compiled else np)
        self.rotate = xp.fuse(turn) if compiled else turn

    def forward(self, v: Array, a: Array, u: Array, b: Array) -> Array:
        import torch

        if self._by_vectors and isinstance(a, np.ndarray) and len(a) == 1:
            out = u[:, 0]
            torch.addmv(out, self.matrix, v[:, 0], beta=float(b[0]), alpha=float(a[0]), out=out)
            return u
        factor = torch.as_tensor(a, dtype=v.dtype, device=v.device)
        u.mul_(torch.as_tensor(b, dtype=u.dtype, device=u.device))
        return torch.addmm(u, self.matrix, v * factor, out=u)

    def backward(self, u: Array, a: Array, v: Array, b: Array) -> Array:
        import torch

        if self._by_vectors and isinstance(a, np.ndarray) and len(a) == 1:
            out = v[:, 0]
            torch.addmv(out, self.transpose, u[:, 0], beta=float(b[0]), alpha=float(a[0]), out=out)
            return v
        return self.xp.blend(a, self.transpose @ u, b, v)

    def run(self, function: Callable[..., Any], *arrays: Any) -> Any:
        return function(self, *arrays)


@lru_cache(maxsize=64)
def _compiled(
    function: Callable[..., Any], xp: Backend, levels: tuple[int, ...]
) -> Callable[..., Any]:
    def with_operator(arrays: Codes, *rest: Any) -> Any:
        return function(GatherSum(xp, levels, arrays, compiled=True), *rest)

    return xp.compile(with_operator)


def grouping(factors: Factors) -> Int32 | None:
    """Return the order of rows by the factor with most levels; None where they are sorted already.

    With the rows of a level next to each other, products stay within the cache.
    """
    largest = max(factors.members, key=lambda member: member.levels)
    if (np.diff(largest.codes) >= 0).all():
        return None
    rows = np.arange(factors.rows + 1, dtype=np.int32)
    shape = (factors.rows, largest.levels)
    ones = np.ones(factors.rows, dtype=np.int8)
    order: Int32 = sparse.csr_array((ones, largest.codes, rows), shape=shape).tocsc().indices
    return order


def reordered(factors: Factors, order: Int32) -> Factors:
    """Return the factors of the rows in another order."""
    members = tuple(
        replace(
            member,
            codes=member.codes[order],
            slope=None if member.slope is None else member.slope[order],
        )
        for member in factors.members
    )
    weights = None if factors.weights is None else factors.weights[order]
    return Factors(members, factors.rows, weights)


def column_scale(factors: Factors, *, precondition: bool = True) -> Numpy:
    """Return one over the norm of each weighted dummy column, shape ``(p,)``.

    A column of zeros keeps zero; without preconditioning all others get one.
    """
    weights = np.ones(factors.rows) if factors.weights is None else factors.weights
    squares = [
        np.bincount(
            member.codes,
            weights if member.slope is None else weights * member.slope**2,
            minlength=member.levels,
        )
        for member in factors.members
    ]
    norms = np.sqrt(np.concatenate(squares))
    divisor = norms if precondition else np.ones_like(norms)
    return np.divide(1.0, divisor, out=np.zeros_like(norms), where=norms > 0)


def gather_sum(factors: Factors, scale: Numpy, xp: Backend, *, compiled: bool) -> GatherSum:
    """Move the codes of the factors to a device, with ``scale (p,)`` of the columns."""
    key = ("gather", xp.name, xp.device, xp.dtype)
    if key not in factors.kept:
        codes = tuple(xp.array(member.codes) for member in factors.members)
        slopes = tuple(
            None if member.slope is None else xp.array(member.slope[:, None])
            for member in factors.members
        )
        factors.kept[key] = (codes, slopes)
    root = None if factors.weights is None else xp.array(np.sqrt(factors.weights)[:, None])
    levels = tuple(member.levels for member in factors.members)
    codes, slopes = factors.kept[key]
    arrays = Codes(codes, slopes, xp.array(scale[:, None]), root)
    return GatherSum(xp, levels, arrays, compiled)


def sparse_products(
    factors: Factors, scale: Numpy, xp: Backend, *, compiled: bool, compressed: bool
) -> SparseProducts:
    """Store the scaled design and its transpose, as CSR or (not ``compressed``) as COO."""
    key = ("sparse", xp.name, xp.device, compressed)
    if key not in factors.kept:
        pattern = _pattern(factors)
        places = [_places(part, xp, compressed) for part in (pattern, pattern.transposed)]
        factors.kept[key] = (*places, pattern.order)
    here, there, order = factors.kept[key]
    values, shape = _values(factors, scale), (factors.rows, factors.size)
    store = _compressed if compressed else _coordinates
    matrix = store(here, values, shape, xp)
    return SparseProducts(xp, matrix, store(there, values[order], shape[::-1], xp), compiled)


@dataclass(frozen=True, eq=False)
class Pattern:
    """Where a sparse matrix has entries, row by row, as CSR: no values."""

    pointers: Int32
    columns: Int32
    width: int

    @cached_property
    def order(self) -> Int32:
        """Which entry of this matrix each entry of the transpose is."""
        return self._turned[1]

    @cached_property
    def transposed(self) -> Pattern:
        """The pattern of the transpose."""
        return self._turned[0]

    @cached_property
    def _turned(self) -> tuple[Pattern, Int32]:
        entries = np.arange(len(self.columns), dtype=np.int32)
        shape = (len(self.pointers) - 1, self.width)
        turned = sparse.csr_array((entries, self.columns, self.pointers), shape=shape).tocsc()
        return Pattern(turned.indptr, turned.indices, shape[0]), turned.data


def _pattern(factors: Factors) -> Pattern:
    """Arrange the dummies row by row: one entry per factor in each row."""
    n, width = factors.rows, len(factors.members)
    columns, first = np.empty((n, width), dtype=np.int32), 0
    for position, member in enumerate(factors.members):
        np.add(member.codes, first, out=columns[:, position], dtype=np.int32)
        first += member.levels
    pointers = np.arange(0, n * width + 1, width, dtype=np.int32)
    return Pattern(pointers, columns.ravel(), first)


def _values(factors: Factors, scale: Numpy) -> Numpy:
    """Return the entries of the scaled design in the order of its `_pattern`."""
    values, first = np.empty((factors.rows, len(factors.members))), 0
    root = None if factors.weights is None else np.sqrt(factors.weights)
    for position, member in enumerate(factors.members):
        values[:, position] = scale[first : first + member.levels][member.codes]
        for factor in (member.slope, root):
            if factor is not None:
                values[:, position] *= factor
        first += member.levels
    return values.ravel()


def _places(pattern: Pattern, xp: Backend, compressed: bool) -> tuple[Array, ...]:
    """Move a pattern to a device: pointers and columns, or pairs of coordinates."""
    if compressed:
        return xp.array(pattern.pointers), xp.array(pattern.columns)
    rows = np.repeat(np.arange(len(pattern.pointers) - 1), np.diff(pattern.pointers))
    return (xp.array(np.stack([rows, pattern.columns.astype(np.int64)])),)


def _compressed(
    places: tuple[Array, ...], values: Numpy, shape: tuple[int, int], xp: Backend
) -> Any:
    import torch

    _announce_sparse()
    return torch.sparse_csr_tensor(*places, xp.array(values), shape, check_invariants=False)


def _coordinates(
    places: tuple[Array, ...], values: Numpy, shape: tuple[int, int], xp: Backend
) -> Any:
    import torch

    return torch.sparse_coo_tensor(
        *places, xp.array(values), shape, is_coalesced=True, check_invariants=False
    )


@lru_cache
def _announce_sparse() -> None:
    """Suppress the warning of torch 2.13 that its compressed tensors are in beta."""
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support", category=UserWarning)
        torch.sparse_csr_tensor([0, 1], [0], [1.0], (1, 1), check_invariants=False)
