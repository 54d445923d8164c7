"""The columns of a design that are estimated, without collinear ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from workbench.errors import DataError
from workbench.kernels.linear.collinear import Dependence, examined, well_apart
from workbench.kernels.linear.moments import Moments, second_moments
from workbench.kernels.linear.orthogonal import orthogonal
from workbench.protocols import Numpy

INDEPENDENT = 1e-12
"""The share of its length that a column keeps given earlier ones: three digits of float64."""
FEW_DIGITS = 1e-4
"""The share below which the digits of a coefficient are noted."""
# Columns that keep this share beside their mean cannot come near the limit by other columns too,
# where their moments can be solved with.
_MUCH_LEFT = 1e-7
# Squares of a column with a mean that exceeds its standard deviation by more than this lose half
# their digits.
_FAR_FROM_ZERO = 1e-8


@dataclass(frozen=True)
class Columns:
    """The columns of a design that are estimated, without collinear ones.

    Attributes
    ----------
    x
        Shape ``(n, p)``; columns far from zero are shifted by their mean, and nearly collinear
        ones, all but the intercept, are replaced by orthogonal ones.
    names, kept
        Names ``(p,)`` and positions in the design.
    shifts
        What was subtracted, ``(p,)``.
    moments
        Second moments of ``x`` and the outcome.
    left_out
        A sentence for each column left out.
    notes
        A sentence for each column whose coefficient has few digits.
    mixing
        Coefficients of the shifted columns from those of ``x``, ``(p, p)``; None where they are
        the same.
    own
        Second moments of the shifted columns, where ``x`` has orthogonal ones.
    """

    x: Numpy
    names: tuple[str, ...]
    kept: tuple[int, ...]
    shifts: Numpy
    moments: Moments
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    mixing: Numpy | None = None
    own: Moments | None = None

    @property
    def to_coefficients(self) -> Numpy:
        """Coefficients of the columns as they came from those of ``x``, ``(p, p)``."""
        matrix = np.eye(len(self.names)) if self.mixing is None else self.mixing.copy()
        if "Intercept" in self.names:
            matrix[self.names.index("Intercept")] -= self.of_shifts
        return matrix

    @property
    def of_shifts(self) -> Numpy:
        """What a unit of each coefficient of ``x`` moves by the shifts, ``(p,)``."""
        return self.shifts if self.mixing is None else self.shifts @ self.mixing

    @property
    def shifted(self) -> Numpy:
        """The columns as they came but for their shifts, ``(n, p)``."""
        if self.mixing is None:
            return self.x
        return np.asarray(np.linalg.solve(self.mixing.T, self.x.T).T)


def prepare_columns(
    x: Numpy, y: Numpy, weights: Numpy | None, names: Sequence[str], collinear: str
) -> Columns:
    """Form the second moments once, shift far columns, and leave out collinear ones.

    Raises
    ------
    DataError
        With ``collinear="refuse"``, when columns are collinear.
    """
    shifts = np.zeros(len(names))
    moments = second_moments(x, y, weights)
    lengths = np.sqrt(np.diag(moments.gram))
    far = _far_columns(moments, names.index("Intercept"), x) if "Intercept" in names else None
    if far is not None and far.any():
        shifts[far] = x[:, far].mean(axis=0)
        x = x - shifts
        moments = second_moments(x, y, weights)
    whole = Columns(x, tuple(names), tuple(range(len(names))), shifts, moments)
    if _trusted(moments.gram, lengths):
        return whole
    found = examined(_rooted(x, weights), moments.gram, lengths, INDEPENDENT)
    gone = [each for each in found if each.share <= INDEPENDENT]
    fewer = _without(whole, gone, collinear) if gone else whole
    if not found or _trusted(fewer.moments.gram):
        return fewer
    close = [each for each in found if INDEPENDENT < each.share < FEW_DIGITS]
    notes = tuple(_few_digits(each, names) for each in close)
    return replace(_orthogonal(fewer, y, weights), notes=notes)


def _rooted(x: Numpy, weights: Numpy | None) -> Numpy:
    return x if weights is None else x * np.sqrt(weights)[:, None]


def _trusted(gram: Numpy, lengths: Numpy | None = None) -> bool:
    """Tell whether moments are enough to solve with, after shifts of columns of these lengths."""
    length = np.sqrt(np.diag(gram))
    if not (length > 0).all():
        return False
    much = lengths is None or bool((length > _MUCH_LEFT * lengths).all())
    return much and well_apart(gram / np.outer(length, length))


def _without(columns: Columns, gone: Sequence[Dependence], collinear: str) -> Columns:
    """Leave out the columns that are combinations of others, or refuse them."""
    names = columns.names
    left_out = tuple(_is_collinear(names[d.column], [names[j] for j in d.partners]) for d in gone)
    if collinear == "refuse":
        raise DataError(
            left_out[0],
            hint='leave it out of the formula, or collinear="drop".',
            code="collinear",
            where=names[gone[0].column],
        )
    dependent = {d.column for d in gone}
    kept = [j for j in range(len(names)) if j not in dependent]
    moments = replace(
        columns.moments,
        gram=columns.moments.gram[np.ix_(kept, kept)],
        cross=columns.moments.cross[kept],
    )
    return Columns(
        np.ascontiguousarray(columns.x[:, kept]),
        tuple(names[j] for j in kept),
        tuple(kept),
        columns.shifts[kept],
        moments,
        left_out,
    )


def _orthogonal(columns: Columns, y: Numpy, weights: Numpy | None) -> Columns:
    """Centre the columns and replace all but the intercept by orthogonal ones."""
    names, x, shifts = columns.names, columns.x, columns.shifts
    others = [j for j, name in enumerate(names) if name != "Intercept"]
    if len(others) < len(names):
        means = np.average(x, axis=0, weights=weights)
        means[names.index("Intercept")] = 0.0
        x, shifts = x - means, shifts + means
    found = orthogonal(x[:, others], weights)
    mixed = x.copy()
    mixed[:, others] = found.columns
    mixing = np.eye(len(names))
    mixing[np.ix_(others, others)] = found.mixing
    return replace(
        columns,
        x=mixed,
        shifts=shifts,
        moments=second_moments(mixed, y, weights),
        mixing=mixing,
        own=second_moments(x, y, weights),
    )


def _far_columns(moments: Moments, intercept: int, x: Numpy) -> np.ndarray:
    """Mark the columns that vary little around a mean far from zero, but do vary."""
    means = moments.gram[intercept] / moments.count
    squares = np.diag(moments.gram) / moments.count
    far = squares - means**2 < _FAR_FROM_ZERO * squares
    far[far] = np.ptp(x[:, far], axis=0) > 0
    return np.asarray(far)


def _is_collinear(name: str, partners: Sequence[str]) -> str:
    if not partners:
        return f"{name} is zero in every row and was left out of the model."
    if partners == ["Intercept"]:
        return f"{name} is the same in every row, like the intercept, and was left out."
    if len(partners) == 1:
        return f"{name} is collinear with {partners[0]} and was left out of the model."
    listed = ", ".join(partners[:-1]) + f" and {partners[-1]}"
    return f"{name} is a combination of {listed} and was left out of the model."


def _few_digits(near: Dependence, names: Sequence[str]) -> str:
    return digits_left(names[near.column], [names[j] for j in near.partners], near.share)


def digits_left(name: str, partners: Sequence[str], share: float) -> str:
    """Say how many digits a coefficient has of whose column little is left by others."""
    digits = int(np.log10(share / np.finfo(np.float64).eps))
    others = " and ".join(partners) or "earlier columns"
    return (
        f"{name} is almost a combination of {others}: a share of {share:.0e} of "
        f"it is left, so its coefficient has about {digits} digits."
    )
