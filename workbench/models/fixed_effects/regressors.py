"""Choose the columns of a regression among the demeaned ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workbench.errors import DataError
from workbench.kernels.linear.collinear import Dependence, examined, well_apart
from workbench.kernels.linear.orthogonal import orthogonal
from workbench.models.design.columns import FEW_DIGITS, digits_left
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
    notes
        A sentence for each column whose slope has few digits.
    mixing
        The slopes of the regressors from those of ``x``, ``(k, k)``, where ``x`` and ``hat`` are
        combinations of them; None where they are the regressors themselves.
    """

    y: Numpy
    x: Numpy
    hat: Numpy
    z: Numpy
    names: tuple[str, ...]
    kept: tuple[int, ...]
    exogenous: int
    collinear: tuple[Collinear, ...]
    notes: tuple[str, ...] = ()
    mixing: Numpy | None = None

    @property
    def to_slopes(self) -> Numpy:
        """The slopes of the regressors from those of ``x``, ``(k, k)``."""
        return np.eye(len(self.names)) if self.mixing is None else self.mixing

    def of_regressors(self, x: Numpy) -> Numpy:
        """Return the regressors of which columns ``(n, k)`` are the combinations of ``x``."""
        return x if self.mixing is None else np.asarray(np.linalg.solve(self.mixing.T, x.T).T)


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
        is collinear with them.

    Raises
    ------
    DataError
        When the instruments are fewer than the endogenous regressors.
    """
    root = None if weights is None else np.sqrt(weights)[:, None]
    k, p = len(layout.regressors), len(layout.exogenous)
    x, z = columns[:, 1 : k + 1], columns[:, k + 1 :]
    kept, collinear, notes = _independent(x, lengths[1 : k + 1], layout.regressors, root, share)
    x = np.ascontiguousarray(x[:, kept])
    names = tuple(layout.regressors[j] for j in kept)
    own = sum(j < p for j in kept)
    hat, pool = x, np.empty((len(x), 0))
    if own < len(names):
        sizes = np.concatenate([lengths[1:][list(kept[:own])], lengths[k + 1 :]])
        pool = np.column_stack([x[:, :own], z])
        among = (*names[:own], *layout.instruments)
        good, more, _ = _independent(pool, sizes, among, root, share)
        pool, collinear = pool[:, good], collinear + more
        _check_identified(pool.shape[1] - own, names[own:])
        hat = np.column_stack([x[:, :own], _fitted(pool, x[:, own:], root)])
    found = Projected(columns[:, 0].copy(), x, hat, pool, names, kept, own, collinear, notes)
    return found if _solvable(hat, root) else _orthogonal(found, weights)


def _solvable(x: Numpy, root: Numpy | None) -> bool:
    rooted = x if root is None else x * root
    gram = rooted.T @ rooted
    length = np.sqrt(np.diag(gram))
    return bool((length > 0).all()) and well_apart(gram / np.outer(length, length))


def _orthogonal(found: Projected, weights: Numpy | None) -> Projected:
    """Combine nearly collinear regressors, or their projections, into orthogonal columns."""
    basis = orthogonal(found.hat, weights)
    x = basis.columns if found.x is found.hat else found.x @ basis.mixing
    return replace(found, x=x, hat=basis.columns, mixing=basis.mixing)


def _independent(
    columns: Numpy, lengths: Numpy, names: tuple[str, ...], root: Numpy | None, share: float
) -> tuple[tuple[int, ...], tuple[Collinear, ...], tuple[str, ...]]:
    """Return the positions of the columns that are kept, the collinear ones, and notes."""
    rooted = columns if root is None else columns * root
    found = examined(rooted, rooted.T @ rooted, lengths, share)
    gone = {d.column for d in found if d.share <= share}
    collinear = tuple(
        Collinear(names[d.column], _partners(d, names)) for d in found if d.column in gone
    )
    close = (d for d in found if share < d.share < FEW_DIGITS)
    notes = tuple(digits_left(names[d.column], _partners(d, names), d.share) for d in close)
    return tuple(j for j in range(len(names)) if j not in gone), collinear, notes


def _partners(found: Dependence, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(names[j] for j in found.partners)


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
