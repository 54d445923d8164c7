"""The products that LSMR needs, with the dummies of absorbed factors, in two layouts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from workbench.backends import Array, Backend
from workbench.kernels.factors import Factors, Int32
from workbench.kernels.lsmr import Limits, Numbers, rotate
from workbench.protocols import Numpy

STEPS_A_CALL = 8
"""Steps in one compiled call: enough to hide the 0.1 ms of the call, few enough to stop soon."""


class Codes(NamedTuple):
    """The arrays of a design in gathers: nothing is stored for the ones.

    ``codes`` and ``slopes`` have one ``(n,)`` a factor, ``slopes`` None for intercepts;
    ``scale (p, 1)`` is the preconditioner and ``root (n, 1)`` the square root of the weights,
    or None.
    """

    codes: tuple[Array, ...]
    slopes: tuple[Array | None, ...]
    scale: Array
    root: Array | None


class GatherSum:
    """Products by gathers and segment sums over integer codes, in any backend's verbs."""

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
    """Products by torch's sparse matrices, which hold weights, slopes and preconditioner too.

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
    """Return the order of rows by the factor with most levels; None where they stand so already.

    Rows of one level side by side keep the products within the cache, whatever order they came in.
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
    slopes = tuple(
        None if member.slope is None else xp.array(member.slope[:, None])
        for member in factors.members
    )
    codes = tuple(xp.array(member.codes) for member in factors.members)
    root = None if factors.weights is None else xp.array(np.sqrt(factors.weights)[:, None])
    levels = tuple(member.levels for member in factors.members)
    return GatherSum(xp, levels, Codes(codes, slopes, xp.array(scale[:, None]), root), compiled)


def sparse_products(
    factors: Factors, scale: Numpy, xp: Backend, *, compiled: bool, compressed: bool
) -> SparseProducts:
    """Store the scaled design and its transpose, as CSR or (not ``compressed``) as COO."""
    matrix = _design(factors, scale)
    store = _compressed if compressed else _coordinates
    return SparseProducts(xp, store(matrix, xp), store(matrix.T.tocsr(), xp), compiled)


def _design(factors: Factors, scale: Numpy) -> sparse.csr_array:
    """Lay the scaled dummies out row by row: one entry a factor in each row."""
    n, width = factors.rows, len(factors.members)
    columns, values = np.empty((n, width), dtype=np.int32), np.empty((n, width))
    root = None if factors.weights is None else np.sqrt(factors.weights)
    first = 0
    for position, member in enumerate(factors.members):
        np.add(member.codes, first, out=columns[:, position], dtype=np.int32)
        values[:, position] = scale[first : first + member.levels][member.codes]
        for factor in (member.slope, root):
            if factor is not None:
                values[:, position] *= factor
        first += member.levels
    pointers = np.arange(0, n * width + 1, width, dtype=np.int32)
    return sparse.csr_array((values.ravel(), columns.ravel(), pointers), shape=(n, first))


def _compressed(matrix: sparse.csr_array, xp: Backend) -> Any:
    import torch

    _announce_sparse()
    parts = (xp.array(part) for part in (matrix.indptr, matrix.indices, matrix.data))
    return torch.sparse_csr_tensor(*parts, matrix.shape, check_invariants=False)


def _coordinates(matrix: sparse.csr_array, xp: Backend) -> Any:
    import torch

    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    places = xp.array(np.stack([rows, matrix.indices.astype(np.int64)]))
    values = xp.array(matrix.data)
    return torch.sparse_coo_tensor(
        places, values, matrix.shape, is_coalesced=True, check_invariants=False
    )


@lru_cache
def _announce_sparse() -> None:
    """Let torch 2.13 say once, unheard, that its compressed tensors are in beta."""
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support", category=UserWarning)
        torch.sparse_csr_tensor([0, 1], [0], [1.0], (1, 1), check_invariants=False)
