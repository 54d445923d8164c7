"""Fewer points that draw the same line."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from workbench.protocols import Numpy


def positions(heights: Numpy, most: int) -> npt.NDArray[np.int64]:
    """Return at most ``most`` positions of a line that draw it: min/max decimation.

    Of every stretch the lowest and the highest point stay, in their order; the first and the
    last point always stay.

    Parameters
    ----------
    heights
        The line, shape ``(m,)``; what is not finite counts as highest.
    """
    count = len(heights)
    if count <= most:
        return np.arange(count)
    heights = np.where(np.isfinite(heights), heights, np.inf)
    kept = {0, count - 1}
    edges = np.linspace(1, count - 1, max(1, (most - 2) // 2) + 1).astype(int)
    for first, end in pairwise(edges):
        if end > first:
            stretch = heights[first:end]
            kept |= {first + int(stretch.argmin()), first + int(stretch.argmax())}
    return np.array(sorted(kept))
