"""The stage before the optimizer: fixed effects are taken out of the columns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing

from workbench.demeaners.base import Demeaned, Demeaner
from workbench.estimation.control import Control
from workbench.estimation.inner_trace import Demeaning
from workbench.kernels.absorption.factors import Factors
from workbench.protocols import Numpy


def demeaned(
    demeaner: Demeaner,
    factors: Factors,
    columns: Numpy,
    column_names: Sequence[str],
    *,
    control: Control,
    into: Demeaning,
    clock: float,
) -> Demeaned:
    """Demean ``columns (n, K)`` under the control of a run, and record each iteration.

    Parameters
    ----------
    demeaner, factors, columns, column_names
        How, by what, and what.
    control
        What pauses and stops the run, checked before each iteration.
    into
        Takes each iteration, in a round of its own.
    clock
        The reading of ``time.perf_counter`` that counts as zero seconds.

    Raises
    ------
    Interrupted
        When the run is to end.
    """
    into.begin(column_names, demeaner.tol)
    with closing(demeaner.solve(factors, columns)) as steps:
        while True:
            control.check()
            try:
                step = next(steps)
            except StopIteration as end:
                found: Demeaned = end.value
                return found
            into.take(step, time.perf_counter() - clock - control.paused_seconds)
