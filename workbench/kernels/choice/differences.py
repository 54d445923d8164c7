"""Differences of alternatives from the chosen one, on which choice probabilities depend."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from workbench.protocols import Numpy

Int64 = npt.NDArray[np.int64]


def differences(x: Numpy, first: Int64, chosen: Int64) -> tuple[Numpy, Int64]:
    """Return ``x_j - x_chosen`` of each alternative not chosen, and where situations begin.

    Parameters
    ----------
    x
        Regressors of the sorted rows, ``(m, p)``.
    first, chosen
        The first row, ``(s + 1,)``, and the chosen row, ``(s,)``, of each situation.
    """
    begins = first - np.arange(len(first))
    if find_spec("numba") is not None:
        from workbench.kernels.choice.passes.compiled_differences import subtracted

        return subtracted(x, first, chosen, np.empty((int(begins[-1]), x.shape[1]))), begins
    others = np.ones(len(x), dtype=bool)
    others[chosen] = False
    moved = x[others]
    moved -= np.repeat(x[chosen], np.diff(first) - 1, axis=0)
    return moved, begins
