"""Which parameter enters which coefficient, for both implementations of a pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.kernels.choice.coefficients import LINEAR, RandomCoefficient, factor_pairs

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Structure:
    """The parameters of a mixed logit.

    Inside a pass the order of parameters is: coefficients of fixed columns, those of varying
    columns (the means), standard deviations or elements of the Cholesky factor.  In
    willingness-to-pay space every column varies, in its own order, since the coefficient of the
    price multiplies the others.

    Attributes
    ----------
    varying, fixed
        Columns.
    shapes
        The transform of each varying coefficient.
    moved, variate
        The varying coefficient that each parameter after the fixed ones enters, and the variate
        plus one that multiplies it, 0 for a mean.
    order
        The place in theta of each parameter of a pass, ``(k,)``.
    random
        The places of random coefficients among the varying, in the order of their draws, ``(q,)``.
    price
        The place of the price among the varying columns, or -1.
    """

    varying: Int64
    fixed: Int64
    shapes: Int64
    moved: Int64
    variate: Int64
    order: Int64
    random: Int64
    price: int = -1

    @property
    def size(self) -> int:
        """The number of parameters ``k``."""
        return len(self.order)

    def averages(self) -> tuple[Int64, Int64, Int64]:
        """List the averages of probabilities over draws that second derivatives need.

        Returns
        -------
        For each parameter of a varying coefficient, which average; and for each average the
        coefficient by whose slope the probabilities are multiplied (or -1) and the variate plus
        one.  The first multiplies by one, for the fixed columns.
        """
        pairs = [(-1, 0)]
        which = []
        for coefficient, variate in zip(self.moved, self.variate, strict=True):
            of = -1 if self.shapes[coefficient] == LINEAR else int(coefficient)
            pair = (of, int(variate))
            if pair not in pairs:
                pairs.append(pair)
            which.append(pairs.index(pair))
        found = np.array(pairs, dtype=np.int64)
        return np.array(which, dtype=np.int64), found[:, 0].copy(), found[:, 1].copy()


def structure_of(
    columns: int,
    random: Sequence[RandomCoefficient] = (),
    correlated: bool = False,
    wtp: int | None = None,
) -> Structure:
    """Describe a model of ``p`` columns."""
    own = [coefficient.column for coefficient in random]
    others = [column for column in range(columns) if column not in own]
    varying = own if wtp is None else list(range(columns))
    fixed = others if wtp is None else []
    places = np.array([varying.index(column) for column in own], dtype=np.int64)
    shapes = np.full(len(varying), LINEAR)
    shapes[places] = [coefficient.shape for coefficient in random]
    pairs = factor_pairs(len(own), correlated)
    numbers = {
        "varying": varying,
        "fixed": fixed,
        "shapes": shapes,
        "moved": [*range(len(varying)), *places[pairs[:, 0]]],
        "variate": [0] * len(varying) + [*(pairs[:, 1] + 1)],
        "order": [*fixed, *varying, *range(columns, columns + len(pairs))],
        "random": places,
    }
    price = -1 if wtp is None else varying.index(wtp)
    arrays = {name: np.array(values, dtype=np.int64) for name, values in numbers.items()}
    return Structure(**arrays, price=price)
