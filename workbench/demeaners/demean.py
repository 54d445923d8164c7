"""Demeaning as a function of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.demeaners import demeaner_named
from workbench.demeaners.base import Demeaner, finish
from workbench.demeaners.lsmr import LSMR
from workbench.errors import DataError
from workbench.kernels.factors import Factor, Factors
from workbench.protocols import Numpy


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
        One positive weight a row, ``(n,)``, or None.
    solver
        A demeaner, or the name of one.
    device
        Where to compute; on any other than ``"cpu"`` LSMR is taken.
    tol
        The relative residual of the normal equations at which a column is done, whatever the
        solver: the sums over levels, each divided by the square root of its mass, are together
        at most ``tol`` times the length of what is left, or 1.4e-14 times the length of the
        column that came in, where rounding begins.  A demeaner brings its own.

    Returns
    -------
    Numpy
        What the factors leave, in the shape of ``X``.

    Raises
    ------
    DataError
        When lengths differ, values are missing, or the tolerance was not reached.

    Examples
    --------
    >>> demean([1.0, 3.0, 10.0, 20.0], ["a", "a", "b", "b"])
    array([-1.,  1., -5.,  5.])
    """
    columns = np.asarray(X, dtype=np.float64)
    members = tuple(_members(codes))
    factors = Factors(members, len(columns), _checked_weights(weights, len(columns)))
    _check(columns, factors)
    demeaner = _demeaner(solver, device, tol)
    found = finish(demeaner.solve(factors, columns.reshape(len(columns), -1)))
    if not found.converged:
        raise DataError(
            f"Demeaning ended at a relative residual of {found.residuals.max():.1e}, "
            f"above the tolerance of {demeaner.tol:.1e}: {found.record}.",
            "another solver, or a larger tolerance.",
            code="not-demeaned",
            where="solver",
        )
    return found.columns.reshape(columns.shape)


def _demeaner(solver: str | Demeaner, device: str, tol: float) -> Demeaner:
    if not isinstance(solver, str):
        return solver
    if device != "cpu" and solver in ("auto", "lsmr"):
        return replace(LSMR(), tol=tol, device=device)
    return demeaner_named(solver, {"tol": tol})


def _members(codes: Any) -> Iterable[Factor]:
    """Code the levels of every factor in what a person has at hand."""
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
    return [(str(j), column) for j, column in enumerate(values.reshape(len(values), -1).T)]


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


def _check(columns: Numpy, factors: Factors) -> None:
    for member in factors.members:
        if len(member.codes) != factors.rows:
            raise DataError(
                f"Factor {member.name!r} has {len(member.codes)} rows, and X has {factors.rows}.",
                "give both the same rows.",
                code="lengths-differ",
                where=member.name,
            )
    if not np.isfinite(columns).all():
        raise DataError(
            "X has values that are not finite.",
            "leave those rows out.",
            code="not-finite",
            where="X",
        )
