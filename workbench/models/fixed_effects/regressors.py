"""Choose the columns of a regression among the demeaned ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.errors import DataError
from workbench.kernels.linear.collinear import dependent_columns
from workbench.models.fixed_effects.instruments import fitted
from workbench.protocols import Numpy
from workbench.sentences import counted


@dataclass(frozen=True)
class Layout:
    """The columns after the outcome in a matrix: three groups of names in order."""

    exogenous: tuple[str, ...]
    endogenous: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()

    @property
    def regressors(self) -> tuple[str, ...]:
        """The exogenous regressors and the endogenous ones."""
        return (*self.exogenous, *self.endogenous)


@dataclass(frozen=True)
class Collinear:
    """A column left out, and the earlier ones it is a combination of; none when it is zero."""

    name: str
    partners: tuple[str, ...]


@dataclass(frozen=True)
class Projected:
    """The columns of a regression without the collinear ones.

    Attributes
    ----------
    y, x
        Outcome ``(n,)`` and regressors ``(n, k)``.
    hat
        The regressors fitted by the instruments, ``(n, k)``; ``x`` itself without endogenous ones.
    z
        The instruments ``(n, q)``, the exogenous regressors first; empty without endogenous ones.
    names, kept
        Names of the k regressors, and their positions in the layout.
    exogenous
        How many of them are exogenous.
    collinear
        The columns left out.
    """

    y: Numpy
    x: Numpy
    hat: Numpy
    z: Numpy
    names: tuple[str, ...]
    kept: tuple[int, ...]
    exogenous: int
    collinear: tuple[Collinear, ...]


def project(
    columns: Numpy, lengths: Numpy, layout: Layout, weights: Numpy | None, share: float
) -> Projected:
    """Leave out collinear columns, and fit endogenous regressors by instruments.

    Parameters
    ----------
    columns
        Outcome, regressors and instruments without fixed effects, ``(n, K)``.
    lengths
        The lengths of the columns with their effects, ``(K,)``.
    weights
        One weight per row, ``(n,)``, or None.
    share
        A column of which no more than this share of its length remains given earlier ones
        repeats them.

    Raises
    ------
    DataError
        When the instruments are fewer than the endogenous regressors.
    """
    root = None if weights is None else np.sqrt(weights)[:, None]
    k, p = len(layout.regressors), len(layout.exogenous)
    x, z = columns[:, 1 : k + 1], columns[:, k + 1 :]
    kept, collinear = _independent(x, lengths[1 : k + 1], layout.regressors, root, share)
    x = np.ascontiguousarray(x[:, kept])
    names = tuple(layout.regressors[j] for j in kept)
    own = sum(j < p for j in kept)
    hat, pool = x, np.empty((len(x), 0))
    if own < len(names):
        sizes = np.concatenate([lengths[1:][list(kept[:own])], lengths[k + 1 :]])
        pool = np.column_stack([x[:, :own], z])
        among = (*names[:own], *layout.instruments)
        good, more = _independent(pool, sizes, among, root, share)
        pool, collinear = pool[:, good], collinear + more
        _check_identified(pool.shape[1] - own, names[own:])
        hat = np.column_stack([x[:, :own], _fitted(pool, x[:, own:], root)])
    return Projected(columns[:, 0].copy(), x, hat, pool, names, kept, own, collinear)


def _independent(
    columns: Numpy, lengths: Numpy, names: tuple[str, ...], root: Numpy | None, share: float
) -> tuple[tuple[int, ...], tuple[Collinear, ...]]:
    """Return the positions of columns that are not collinear with earlier ones, and the others."""
    rooted = columns if root is None else columns * root
    found = dependent_columns(rooted, rooted.T @ rooted, lengths, share)
    gone = {d.column for d in found}
    collinear = (Collinear(names[d.column], tuple(names[j] for j in d.partners)) for d in found)
    return tuple(j for j in range(len(names)) if j not in gone), tuple(collinear)


def _fitted(z: Numpy, d: Numpy, root: Numpy | None) -> Numpy:
    return fitted(z, d) if root is None else fitted(z * root, d * root) / root


def _check_identified(excluded: int, endogenous: tuple[str, ...]) -> None:
    if excluded < len(endogenous):
        raise DataError(
            f"{counted(excluded, 'instrument')} besides the other regressors cannot "
            f"identify the effect of {' and '.join(endogenous)}.",
            hint="at least as many instruments as endogenous regressors.",
            code="too-few-instruments",
            where="|",
        )
