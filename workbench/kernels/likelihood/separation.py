"""Find whether a linear index predicts an outcome, or the zeros among its values, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from workbench.protocols import Numpy

_MOVES = 1e-7


@dataclass(frozen=True)
class Separation:
    """A direction along which the likelihood has no maximum.

    Attributes
    ----------
    direction
        Shape ``(p,)``, in units of one over the columns' scale, largest element 1.
    complete
        Whether every row is predicted exactly, and not only some of them.
    rows
        The number of rows whose outcome the direction predicts; 0 where they are not counted.
    """

    direction: Numpy
    complete: bool
    rows: int


def separating_direction(y: Numpy, x: Numpy) -> Separation | None:
    r"""Look for ``d`` with :math:`(2y_i - 1)\,x_i^\top d \ge 0` for all rows, ``> 0`` for some.

    Parameters
    ----------
    y
        Outcomes ``(n,)``, 0 or 1.
    x
        Design ``(n, p)``.

    Returns
    -------
    The direction that predicts most, or None where a maximum exists.

    References
    ----------
    Albert and Anderson (1984), "On the existence of maximum likelihood estimates in logistic
    regression models", Biometrika 71(1); Konis (2007), "Linear programming algorithms for
    detecting separated data in binary logistic regression models", chapter 4.
    """
    signed = (2 * y - 1)[:, None] * _scaled(x)
    found = _farthest(signed, np.empty((0, x.shape[1])))
    return None if found is None else _strictly(signed) or found


def vanishing_direction(y: Numpy, x: Numpy) -> Separation | None:
    r"""Look for ``d`` along which the fitted means of some zeros vanish and no other mean changes.

    That is, :math:`x_i^\top d = 0` where :math:`y_i > 0`, and :math:`x_i^\top d \le 0`, ``< 0``
    for some, where :math:`y_i = 0`.

    Parameters
    ----------
    y
        Outcomes ``(n,)``, zero or more.
    x
        Design ``(n, p)``.

    Returns
    -------
    The direction that predicts most zeros, or None where a maximum exists.

    References
    ----------
    Santos Silva and Tenreyro (2010), "On the existence of the maximum likelihood estimates in
    Poisson regression", Economics Letters 107(2).
    """
    scaled = _scaled(x)
    return _farthest(-scaled[y == 0], scaled[y > 0])


def _scaled(x: Numpy) -> Numpy:
    scale = np.abs(x).max(axis=0)
    scale[scale == 0] = 1.0
    return np.asarray(x / scale)


def _strictly(ahead: Numpy) -> Separation | None:
    """Maximize the smallest index; it is positive under complete separation."""
    rows, p = ahead.shape
    found = linprog(
        np.append(np.zeros(p), -1.0),
        A_ub=np.column_stack([-ahead, np.ones(rows)]),
        b_ub=np.zeros(rows),
        bounds=[(-1, 1)] * p + [(None, None)],
        method="highs",
    )
    if found.x is None or (ahead @ found.x[:-1]).min() <= _MOVES:
        return None
    return Separation(found.x[:-1], True, rows)


def _farthest(ahead: Numpy, still: Numpy) -> Separation | None:
    """Maximize the summed index of the rows ``ahead`` over directions in the unit box."""
    found = linprog(
        -ahead.sum(axis=0),
        A_ub=-ahead,
        b_ub=np.zeros(len(ahead)),
        A_eq=still,
        b_eq=np.zeros(len(still)),
        bounds=[(-1, 1)] * ahead.shape[1],
        method="highs",
    )
    if found.x is None:
        return None
    margins = ahead @ found.x
    moved = int((margins > _MOVES).sum())
    if moved == 0 or margins.min() < -_MOVES or np.abs(still @ found.x).max(initial=0.0) > _MOVES:
        return None
    return Separation(found.x, moved == len(ahead) + len(still), moved)


def single_separator(y: Numpy, column: Numpy) -> tuple[float, float] | None:
    """Return the gap ``(below, above)`` at which one column splits the outcomes, if it does.

    The outcome may be 1 above the gap or below it; the tuple is ordered along the column.
    """
    zeros, ones = column[y == 0], column[y == 1]
    if zeros.max() < ones.min():
        return float(zeros.max()), float(ones.min())
    if ones.max() < zeros.min():
        return float(ones.max()), float(zeros.min())
    return None
