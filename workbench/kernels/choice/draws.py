"""Draws for simulated likelihoods: separate for each person, and reproducible by a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import signature
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import qmc

from workbench.protocols import Numpy

_BURN_IN = 100
"""Elements left out at the beginning of a Halton sequence, where dimensions are correlated."""
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79)
MOST_HALTON = len(_PRIMES)
"""The largest number of random coefficients with Halton draws: one prime base each."""
# Variates stay finite where a sequence touches 0 or 1.
_EDGE = 2.0**-53
# Scipy called it "seed" before version 1.15.
_GENERATOR = "rng" if "rng" in signature(qmc.Sobol).parameters else "seed"


@dataclass(frozen=True, eq=False)
class Quadrature:
    """Nodes and weights ``(R,)`` that stand for a standard normal variate; weights add up to 1."""

    nodes: Numpy
    weights: Numpy


def gauss_hermite(points: int) -> Quadrature:
    """Return the nodes and weights that are exact for polynomials of degree ``2 points - 1``.

    References
    ----------
    Abramowitz and Stegun (1964), "Handbook of Mathematical Functions", 25.4.46.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    return Quadrature(nodes, weights / weights.sum())


def base_draws(
    kind: str, persons: int, draws: int, q: int, seed: int = 0, variates: Sequence[str] = ()
) -> Numpy:
    """Draw base variates, one set per person, shape ``(n, R, q)``.

    Parameters
    ----------
    kind
        One of ``DRAW_KINDS``.
    persons, draws, q
        The numbers of persons ``n``, of draws ``R`` and of random coefficients.
    seed
        The same seed gives the same draws.  Halton sequences begin at its element number ``100 +
        n R seed``, so that seed 0 gives the usual ones.
    variates
        Of each coefficient: ``"normal"`` (standard), ``"triangular"`` or ``"uniform"`` (both on
        -1 to 1); empty for normal ones.

    References
    ----------
    Halton (1960); Bhat (2001) for draws by stretches of a Halton sequence; Owen (1998) for
    scrambled Sobol sequences; Hess, Train and Polak (2006) for modified latin hypercubes.
    """
    uniform = _UNIFORM[kind](persons, draws, q, seed)
    for k, variate in enumerate(variates or ("normal",) * q):
        uniform[..., k] = _TRANSFORMS[variate](uniform[..., k])
    return uniform


def _halton(persons: int, draws: int, q: int, seed: int) -> Numpy:
    """Cut one sequence per dimension into stretches, one per person."""
    count = persons * draws
    found = np.empty((count, q))
    for k in range(q):
        found[:, k] = _radical_inverse(_PRIMES[k], _BURN_IN + count * seed, count)
    return found.reshape(persons, draws, q)


def _radical_inverse(base: int, first: int, count: int) -> Numpy:
    r"""Mirror the digits of ``first, first + 1, ...`` at the point, ``(count,)``.

    Blocks of ``base^m`` neighbours share all digits but the last ``m``, whose part is added from
    a table.
    """
    table = _table(base)
    low = len(table)
    heads = np.arange(first // low, (first + count - 1) // low + 1) if count else np.arange(0)
    whole = table + (_mirrored(heads, base) / low)[:, None]
    return whole.ravel()[first % low :][:count]


@lru_cache(maxsize=MOST_HALTON)
def _table(base: int) -> Numpy:
    """Mirror all numbers of as many digits as have at most 65,536, or of one."""
    table, scale = np.zeros(1), 1.0
    while len(table) * base <= max(base, 1 << 16):
        scale /= base
        table = (np.arange(base) * scale + table[:, None]).ravel(order="F")
    table.flags.writeable = False
    return table


def _mirrored(numbers: npt.NDArray[np.int64], base: int) -> Numpy:
    found, scale = np.zeros(len(numbers)), 1.0 / base
    while (numbers > 0).any():
        numbers, digit = np.divmod(numbers, base)
        found += digit * scale
        scale /= base
    return found


def _sobol(persons: int, draws: int, q: int, seed: int) -> Numpy:
    """Cut one scrambled sequence into stretches, one per person; nets if R is a power of two."""
    options: Any = {_GENERATOR: np.random.default_rng(seed)}
    sequence = qmc.Sobol(q, **options)
    first = sequence.random(1)  # so that scipy does not ask for a power of two of points
    rest = sequence.random(persons * draws - 1)
    return np.asarray(np.concatenate([first, rest]).reshape(persons, draws, q))


def _mlhs(persons: int, draws: int, q: int, seed: int) -> Numpy:
    """Shift an even grid by one uniform number, and shuffle it, for each person and dimension."""
    random = np.random.default_rng(seed)
    shift = random.random((persons, 1, q))
    grid = (np.arange(draws)[None, :, None] + shift) / draws
    return np.asarray(random.permuted(grid, axis=1))


def _antithetic(persons: int, draws: int, q: int, seed: int) -> Numpy:
    """Draw half of them and mirror each; with an odd number the last has no mirror image."""
    random = np.random.default_rng(seed)
    half = random.random((persons, (draws + 1) // 2, q))
    return np.concatenate([half, 1 - half[:, : draws // 2]], axis=1)


def _random(persons: int, draws: int, q: int, seed: int) -> Numpy:
    return np.random.default_rng(seed).random((persons, draws, q))


def _triangular(u: Numpy) -> Numpy:
    tail = np.sqrt(2 * np.minimum(u, 1 - u))
    return np.asarray(np.where(u <= 0.5, tail - 1, 1 - tail))


_UNIFORM: dict[str, Callable[[int, int, int, int], Numpy]] = {
    "halton": _halton,
    "sobol": _sobol,
    "mlhs": _mlhs,
    "antithetic": _antithetic,
    "random": _random,
}
DRAW_KINDS = tuple(_UNIFORM)
_TRANSFORMS: dict[str, Callable[[Numpy], Numpy]] = {
    "normal": lambda u: ndtri(np.clip(u, _EDGE, 1 - _EDGE)),
    "triangular": _triangular,
    "uniform": lambda u: 2 * u - 1,
}
