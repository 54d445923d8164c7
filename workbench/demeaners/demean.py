"""Demeaning as a function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.demeaners import as_demeaner
from workbench.demeaners.base import Demeaner, finish
from workbench.demeaners.lsmr import LSMR
from workbench.errors import DataError
from workbench.kernels.absorption.factors import Factor, Factors, Int32
from workbench.protocols import Numpy

# Sums of squares of numbers beyond this, or below its inverse, leave float64's range.
_SQUARED = 1e100


def demean(
    X: npt.ArrayLike,
    codes: Any,
    weights: npt.ArrayLike | None = None,
    *,
    solver: str | Demeaner = "auto",
    device: str = "cpu",
    tol: float = 1e-8,
) -> Numpy:
    """Project columns off the dummies of one or more factors.

    Parameters
    ----------
    X
        One column ``(n,)``, or several ``(n, K)``; every value finite.
    codes
        The factors: a column of values of any kind, a table or an array ``(n, F)`` with one in
        each column, or a list of columns and :class:`Factor` objects (which can carry slopes).
    weights
        One positive weight per row, ``(n,)``, or None.
    solver
        A demeaner, or the name of one.
    device
        Where to compute; on any device other than ``"cpu"`` the automatic choice is LSMR.
    tol
        The relative residual of the normal equations at which a column has converged, for
        any solver: the norm of the sums over levels, each divided by the square root of its
        mass, is at most ``tol`` times the length of the residual, or 1.4e-14 times the length
        of the original column, its rounding error.  A demeaner has its own.

    Returns
    -------
    Numpy
        The demeaned columns, in the shape of ``X``.

    Raises
    ------
    DataError
        When lengths differ, values are missing, or the tolerance was not reached.
    OptionError
        When there is no such solver, or it does not run on the device.

    Examples
    --------
    >>> demean([1.0, 3.0, 10.0, 20.0], ["a", "a", "b", "b"])
    array([-1.,  1., -5.,  5.])
    """
    given = _numbers(X)
    columns = given[:, None] if given.ndim == 1 else given
    factors = Factors(tuple(_members(codes)), len(given), _checked_weights(weights, len(given)))
    _check_rows(factors)
    exponents = _far_exponents(columns)
    demeaner = _demeaner(solver, device, tol)
    found = finish(
        demeaner.solve(factors, np.ldexp(columns, -exponents) if exponents.any() else columns)
    )
    if not found.converged:
        raise DataError(
            f"Demeaning ended at a relative residual of {found.residuals.max():.1e}, "
            f"above the tolerance of {demeaner.tol:.1e}: {found.record}.",
            "another solver, or a larger tolerance.",
            code="not-demeaned",
            where="solver",
        )
    left = np.ldexp(found.columns, exponents) if exponents.any() else found.columns
    return left.reshape(given.shape)


def _demeaner(solver: str | Demeaner, device: str, tol: float) -> Demeaner:
    chosen = as_demeaner(solver, {"tol": tol})
    return chosen.on(device, getattr(chosen, "library", LSMR.libraries[0]))


def _numbers(X: npt.ArrayLike) -> Numpy:
    try:
        columns = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        columns = np.empty(())
    if columns.ndim not in (1, 2):
        raise DataError(
            "X is not one or several columns of numbers.",
            "an array (n,) or (n, K), or a table of numeric columns.",
            code="not-numbers",
            where="X",
        )
    return columns


def _members(codes: Any) -> Iterable[Factor]:
    """Code the levels of every factor."""
    for name, values in _named(codes):
        yield values if isinstance(values, Factor) else Factor.of(name, values)


def _named(codes: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(codes, Factor):
        return [(codes.name, codes)]
    if hasattr(codes, "columns") or isinstance(codes, Mapping):
        return [(str(name), codes[name]) for name in codes]
    if isinstance(codes, Sequence) and any(np.ndim(part) for part in codes):
        return [(str(position), part) for position, part in enumerate(codes)]
    if isinstance(codes, Sequence) and any(isinstance(part, Factor) for part in codes):
        return [(str(position), part) for position, part in enumerate(codes)]
    values = np.asarray(codes)
    columns = values[:, None] if values.ndim == 1 and len(values) else values
    return [(str(j), column) for j, column in enumerate(columns.T)]


def _checked_weights(weights: npt.ArrayLike | None, rows: int) -> Numpy | None:
    if weights is None:
        return None
    checked = np.ascontiguousarray(weights, dtype=np.float64)
    if checked.shape != (rows,) or not (np.isfinite(checked) & (checked > 0)).all():
        raise DataError(
            f"The weights are not {rows} positive numbers.",
            "leave out rows without a positive weight.",
            code="bad-weights",
            where="weights",
        )
    return checked


def _check_rows(factors: Factors) -> None:
    if not factors.rows or not factors.members:
        raise DataError(
            f"There are {factors.rows} rows and {len(factors.members)} factors.",
            "at least one of each.",
            code="nothing-to-demean",
            where="codes" if factors.rows else "X",
        )
    for member in factors.members:
        if len(member.codes) != factors.rows:
            raise DataError(
                f"Factor {member.name!r} has {len(member.codes)} rows, and X has {factors.rows}.",
                "give both the same rows.",
                code="lengths-differ",
                where=member.name,
            )


def _far_exponents(columns: Numpy) -> Int32:
    """Return the power of two of each column whose squares float64 cannot hold, else 0, ``(K,)``.

    Raises
    ------
    DataError
        When a value is not finite.
    """
    largest = np.maximum(columns.max(axis=0), -columns.min(axis=0))
    if not np.isfinite(largest).all():
        raise DataError(
            "X has values that are not finite.",
            "leave those rows out.",
            code="not-finite",
            where="X",
        )
    far = (largest > 0) & ((largest < 1 / _SQUARED) | (largest > _SQUARED))
    exponents: Int32 = np.where(far, np.frexp(largest)[1], 0).astype(np.int32)
    return exponents
