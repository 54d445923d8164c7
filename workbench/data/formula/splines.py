"""B-splines of a formula: formulaic's, with values outside their range named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.data.formula.expressions import FUNCTIONS
from workbench.errors import DataError
from workbench.protocols import Numpy
from workbench.sentences import counted

_BOUNDS = ("lower_bound", "upper_bound")
_OPTIONS = FUNCTIONS["bs"]
_EXTRAPOLATION = _OPTIONS.index("extrapolation") + 1


class OutsideRangeError(ValueError):
    """Values lie outside the range that a spline covers.

    Attributes
    ----------
    values, low, high
        The values at fault, ``(m,)``, and the range.
    fitted
        Whether the range is that of the data of the fit.
    """

    def __init__(self, values: Numpy, low: float, high: float, *, fitted: bool) -> None:
        super().__init__("values outside the range of a spline")
        self.values, self.low, self.high, self.fitted = values, low, high, fitted

    def named(self, term: str) -> DataError:
        """Return the error that names the term, the first value and the range."""
        of = "of the rows of the fit" if self.fitted else "that its bounds give"
        rows = counted(len(self.values), "row")
        inside = f"{term.rstrip()[:-1].rstrip()}, extrapolation="
        return DataError(
            f"The spline {term} covers the range from {self.low:.6g} to {self.high:.6g} {of}, and "
            f"not {self.values[0]:.6g}, the first value of {rows} outside it.",
            hint="leave these rows out, or say in the formula of the fit what holds outside: "
            f'{inside}"extend") continues the curve, {inside}"clip") keeps the value at the end.',
            code="outside-range",
            where=term,
        )


def transforms() -> dict[str, Any]:
    """Return ``bs`` as a transform of formulaic."""
    from formulaic.utils.stateful_transforms import stateful_transform

    return {"bs": stateful_transform(_spline)}


def _spline(x: Any, *args: Any, _state: Any = None, **options: Any) -> Any:
    """Evaluate the basis, after the check of the range where formulaic would refuse it."""
    from formulaic.transforms import basis_spline

    state = {} if _state is None else _state
    if "extrapolation" not in options and len(args) < _EXTRAPOLATION:
        _check_range(np.asarray(x, dtype=np.float64), args, options, state)
    return basis_spline(x, *args, _state=state, **options)


def _check_range(
    values: Numpy, args: Sequence[Any], options: Mapping[str, Any], state: Mapping[str, Any]
) -> None:
    given = {**dict(zip(_OPTIONS, args, strict=False)), **options}
    low, high = (state.get(name, given.get(name)) for name in _BOUNDS)
    low, high = (values.min() if low is None else low), (values.max() if high is None else high)
    if len(outside := values[(values < low) | (values > high)]):
        fitted = all(given.get(name) is None for name in _BOUNDS)
        raise OutsideRangeError(outside, float(low), float(high), fitted=fitted)
