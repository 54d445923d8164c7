"""Draws for simulated likelihoods: each person has their own, and a seed gives them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.protocols import Numpy

DRAW_KINDS = ("halton", "sobol", "mlhs", "antithetic", "random")
VARIATES = ("normal", "triangular", "uniform")


@dataclass(frozen=True, eq=False)
class Quadrature:
    """Nodes and weights ``(R,)`` that stand for a standard normal variate; weights add up to 1."""

    nodes: Numpy
    weights: Numpy


def gauss_hermite(points: int) -> Quadrature:
    """Return nodes and weights that integrate polynomials times the normal density exactly."""
    raise NotImplementedError


def base_draws(
    kind: str, people: int, draws: int, q: int, seed: int = 0, variates: Sequence[str] = ()
) -> Numpy:
    """Draw base variates, one set a person, shape ``(n, R, q)``.

    Parameters
    ----------
    kind
        One of ``DRAW_KINDS``.
    people, draws, q
        The numbers of people ``n``, of draws ``R`` and of random coefficients.
    seed
        The same seed gives the same draws.
    variates
        Of each coefficient: ``"normal"`` (standard), ``"triangular"`` or ``"uniform"`` (both on
        -1 to 1); empty for normal ones.
    """
    raise NotImplementedError
