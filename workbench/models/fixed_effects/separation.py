"""Rows that absorbed effects and regressors predict exactly.

With such rows there is no maximum: their index goes to infinity.  Without them the
other rows have the limit as their estimates (Correia, Guimarães and Zylkin 2019, section 3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linprog

from workbench.data.design import Design
from workbench.data.formula.fixed_effects import leave_singletons
from workbench.errors import DataError
from workbench.kernels.absorption.factors import Factors
from workbench.kernels.linear.gram import cross_product, gram, times
from workbench.models.fixed_effects.families import Family
from workbench.protocols import Numpy

Mask = npt.NDArray[np.bool_]
Demean = Callable[[Numpy, Numpy, float], Numpy]
"""``demean(columns, weights, tolerance)``: the columns without the effects."""

SEPARATED = "separated by the regressors"

# The weight of interior rows, and the number of passes that remove the rest of their fit.
_HEAVY, _PASSES = 1e5, 3
_TOLERANCE, _ROUNDS = 1e-6, 50
# Without separation the guess shrinks from round to round; below this there is none.
_NOTHING_LEFT = 1e-5
_PRECISE = 1e-12
_MOVED = 1e-4
_LARGEST_PROGRAM = 2_000_000


def informative(design: Design, kind: type[Family], fixef_rm: str) -> Design:
    """Leave out levels in which every row has the same extreme outcome, and count their rows.

    Rows that are then alone in a level are left out too, under the rule "singleton".

    Raises
    ------
    DataError
        When no row is left.
    """
    divergence = kind.divergence(design.outcome)
    plain = {f.name: f.codes for f in design.fixed_effects if f.slope is None}
    keep = np.ones(len(divergence), dtype=bool)
    dropped: dict[str, int] = {}
    while True:
        before = int(keep.sum())
        for name, codes in plain.items():
            alike = keep & _alike(codes, divergence, keep)
            keep &= ~alike
            _count(dropped, kind.uninformative.format(name), int(alike.sum()))
        if fixef_rm == "singleton":
            for reason, count in leave_singletons(plain, keep, design.copies).items():
                _count(dropped, reason, count)
        if int(keep.sum()) == before:
            break
    if not keep.any():
        listed = ", ".join(f"{count:,} rows {reason}" for reason, count in dropped.items())
        raise DataError(
            f"No row is left after the fixed effects: {listed}.",
            hint="fixed effects within which the outcome varies.",
            code="no-rows-left",
            where="|",
        )
    return design if keep.all() else design.keeping(keep, dropped)


def _alike(codes: npt.NDArray[np.integer], divergence: Numpy, keep: Mask) -> Mask:
    """Mark the rows of levels in which all kept rows diverge in one direction."""
    levels = int(codes.max()) + 1
    sizes = np.bincount(codes[keep], minlength=levels)
    found = np.zeros(levels, dtype=bool)
    for side in (-1.0, 1.0):
        found |= (np.bincount(codes[keep & (divergence == side)], minlength=levels) == sizes) & (
            sizes > 0
        )
    marked: Mask = found[codes]
    return marked


def _count(dropped: dict[str, int], reason: str, count: int) -> None:
    if count:
        dropped[reason] = dropped.get(reason, 0) + count


def separated_rows(divergence: Numpy, x: Numpy, guess: Numpy, demean: Demean) -> Mask | None:
    r"""Find separated rows by the iterative rectifier.

    Separation is a combination :math:`z` of regressors and effects that is zero in rows with an
    inner outcome and raises the likelihood of all others, of some of them strictly.  In turn, a
    guess is projected on the combinations that are zero in inner rows, and negative parts are set
    to zero.

    Parameters
    ----------
    divergence
        The sign of the infinite index at which the likelihood of each row is largest; 0 in inner
        rows, ``(n,)``.
    x
        Regressors ``(n, k)``, independent given the effects.
    guess
        A first guess of the combination, ``(n,)``.
    demean
        Partials the effects out of columns under weights.

    Returns
    -------
    Which rows are separated, ``(n,)``, or None when that was not decided.

    References
    ----------
    Correia, Guimarães and Zylkin (2019), "Verifying the existence of maximum likelihood estimates
    for generalized linear models", algorithm 1.
    """
    outer = divergence != 0
    weights = np.where(outer, 1.0, _HEAVY) if not outer.all() else np.ones(len(divergence))
    project = _Projection(x, weights, demean)
    ahead = np.where(outer, np.maximum(guess, 0), 0.0)
    nothing = np.zeros(len(divergence), dtype=bool)
    left = 1.0 / max(float(ahead.max(initial=0.0)), np.finfo(float).tiny)
    for _ in range(_ROUNDS):
        size = float(ahead.max(initial=0.0))
        left *= size
        if left <= _NOTHING_LEFT:
            return nothing
        ahead /= size
        found = project(divergence * ahead, ~outer)
        forward = divergence * found
        largest = float(forward[outer].max())
        if largest <= _TOLERANCE:
            return nothing
        still = float(np.abs(found[~outer]).max(initial=0.0)) <= _TOLERANCE * largest
        if still and float(forward[outer].min()) >= -_TOLERANCE * largest:
            return np.asarray(outer & (forward > _MOVED * largest))
        ahead = np.where(outer, np.maximum(forward, 0), 0.0)
    return None


class _Projection:
    """Fit combinations of regressors and effects to a target that is zero in some rows."""

    def __init__(self, x: Numpy, weights: Numpy, demean: Demean) -> None:
        self._weights, self._demean = weights, demean
        self._x = np.ascontiguousarray(demean(x, weights, _PRECISE))
        self._gram = gram(self._x, np.sqrt(weights)) if x.shape[1] else np.empty((0, 0))

    def __call__(self, target: Numpy, fixed: Mask) -> Numpy:
        pushed = target.copy()
        found = self._fitted(pushed)
        for _ in range(_PASSES if fixed.any() else 0):
            pushed[fixed] -= found[fixed]
            found = self._fitted(pushed)
        return found

    def _fitted(self, target: Numpy) -> Numpy:
        rest = self._demean(target[:, None], self._weights, _PRECISE)[:, 0]
        fitted = target - rest
        if len(self._gram):
            scale = np.sqrt(np.diag(self._gram))
            scale[scale == 0] = 1.0
            right = cross_product(self._x, self._weights * rest) / scale
            slopes = np.linalg.lstsq(self._gram / np.outer(scale, scale), right, rcond=1e-13)[0]
            fitted = fitted + times(self._x, slopes / scale)
        return fitted


def separated_by_simplex(divergence: Numpy, x: Numpy, factors: Factors) -> Mask | None:
    """Find separated rows by linear programs over the regressors and all dummies.

    Each program maximizes the sum of the rows' combinations, each at most one; the next one is
    without the rows above zero.  None when the programs would be too large.

    References
    ----------
    Correia, Guimarães and Zylkin (2019), section 4.1.
    """
    if len(divergence) * (x.shape[1] + len(factors.members)) > _LARGEST_PROGRAM:
        return None
    scale = np.abs(x).max(axis=0, initial=0.0)
    dummies = [member.dummies() for member in factors.members]
    design = sparse.hstack([sparse.csr_array(x / np.where(scale > 0, scale, 1)), *dummies], "csr")
    outer = divergence != 0
    ahead = sparse.diags_array(divergence[outer]) @ design[outer]
    left = np.ones(int(outer.sum()), dtype=bool)
    while left.any():
        moved = _most(ahead, left, design[~outer])
        if moved is None or not moved.any():
            break
        left &= ~moved
    found = np.zeros(len(divergence), dtype=bool)
    found[np.flatnonzero(outer)[~left]] = True
    return found


def _most(ahead: Any, left: Mask, still: Any) -> Mask | None:
    """Return which of the remaining rows a direction separates; the others are free."""
    counted = ahead[left]
    solve: Any = linprog
    found = solve(
        -np.asarray(counted.sum(axis=0)).ravel(),
        A_ub=sparse.vstack([-ahead, counted], "csr"),
        b_ub=np.concatenate([np.zeros(ahead.shape[0]), np.ones(counted.shape[0])]),
        A_eq=still if still.shape[0] else None,
        b_eq=np.zeros(still.shape[0]) if still.shape[0] else None,
        bounds=(None, None),
        method="highs",
    )
    if found.x is None:
        return None
    return np.asarray(left & np.asarray(ahead @ found.x > _TOLERANCE))
