"""The workspace of a compiled pass: one array of integers, and one of vectors.

A pass takes few arrays and many offsets, since numba passes each array as seven values and its
compile time grows with their number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.kernels.choice.passes.simd import LANES
from workbench.kernels.choice.passes.structure import Structure
from workbench.protocols import Numpy

_FIELDS = (
    "columns fixed_count varying_count moved_count average_count variates "
    "draws shared price fixed varying shapes moved variate average "
    "average_of average_by base e scaled averages inverse factor gamma "
    "slope curvature beta m g q scratch first second means end"
)
PLAN = np.dtype([(name, np.int64) for name in _FIELDS.split()])
"""Sizes, offsets in the array of integers, and offsets in the workspace of one block.

Attributes
----------
columns, fixed_count, varying_count, moved_count, average_count
    The numbers of columns ``p``, of those with fixed and varying coefficients, of parameters
    of varying ones, and of averages of probabilities.
variates, draws, shared
    The numbers per draw and per person; 1 where persons share the draws.
price
    The place of the price among the varying, or -1.
fixed, varying, shapes, moved, variate, average, average_of, average_by
    As :class:`~workbench.kernels.choice.passes.structure.Structure` has them.
base, e, scaled, averages, inverse
    Utility that does not vary, exponentials and a temporary, ``(rows,)``; averages of
    probabilities, ``(averages, rows)``; one over the sum of exponentials, ``(situations,)``.
factor
    One, and the variates of a draw.
gamma, slope, curvature, beta
    Varying coefficients, their first and second derivatives by the index, and the coefficients
    of utility.
m
    Sums of columns, weighted with exponentials.
g, q, scratch
    Score and Hessian of a draw by coefficients, and a temporary.
first, second, means
    Weighted sums over draws: scores, Hessians, varying coefficients.
end
    The number of vectors in all.
"""


def plan(
    form: Structure, rows: int, situations: int, variates: int, draws: int, shared: bool
) -> tuple[Any, npt.NDArray[np.int64]]:
    """Plan the workspace of blocks with at most so many rows; return the integers too."""
    f, v, u = len(form.fixed), len(form.varying), len(form.moved)
    p, k = f + v, f + u
    average, average_of, average_by = form.averages()
    lists = (form.fixed, form.varying, form.shapes, form.moved, form.variate)
    numbers = (*lists, average, average_of, average_by)
    lengths = (
        *(rows, rows, rows, len(average_of) * rows if f else 0, situations),
        *(1 + variates, v, v, v, v, p, p, p * (p + 1) // 2, v),
        *(k, k * (k + 1) // 2, v),
    )
    sizes = (p, f, v, u, len(average_of) if f else 0, variates, draws, int(shared), form.price)
    places = (
        *sizes,
        *(int(place) for place in np.cumsum([0, *map(len, numbers[:-1])])),
        *(int(place) for place in np.cumsum([0, *lengths])),
    )
    made = np.rec.array([places], dtype=PLAN)[0]
    return made, np.concatenate(numbers)


def workspace(made: Any) -> Numpy:
    """Allocate the vectors of one block."""
    return np.zeros(int(made.end) * LANES)
