"""Parameters besides the coefficients, and the scales on which an optimizer moves them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from workbench.kernels.totals import Totals
from workbench.protocols import Numpy

Codes = npt.NDArray[np.int64]


class Transform(ABC):
    """A smooth map from unconstrained numbers ``u (m,)`` to the natural parameters ``v (m,)``."""

    linear: ClassVar[bool] = False
    """Whether the natural parameters are the unconstrained ones."""

    @abstractmethod
    def natural(self, u: Numpy) -> Numpy:
        """Return the natural parameters, ``(m,)``."""

    @abstractmethod
    def unconstrained(self, v: Numpy) -> Numpy:
        """Return the inverse of `natural`, not finite where ``v`` is out of range."""

    @abstractmethod
    def jacobian(self, u: Numpy) -> Numpy:
        """Return the derivative of `natural`, ``(m, m)``."""

    @abstractmethod
    def second(self, u: Numpy, gradient: Numpy) -> Numpy:
        r"""Return :math:`\sum_j g_j \partial^2 v_j / \partial u \partial u^\top`, ``(m, m)``."""


@dataclass(frozen=True)
class Identity(Transform):
    """Any number."""

    linear: ClassVar[bool] = True

    def natural(self, u: Numpy) -> Numpy:
        return u

    def unconstrained(self, v: Numpy) -> Numpy:
        return v

    def jacobian(self, u: Numpy) -> Numpy:
        return np.eye(len(u))

    def second(self, u: Numpy, gradient: Numpy) -> Numpy:
        return np.zeros((len(u), len(u)))


@dataclass(frozen=True)
class Log(Transform):
    """Positive numbers, each by its logarithm."""

    def natural(self, u: Numpy) -> Numpy:
        return np.exp(u)

    def unconstrained(self, v: Numpy) -> Numpy:
        return np.log(np.where(v > 0, v, np.nan))

    def jacobian(self, u: Numpy) -> Numpy:
        return np.diag(np.exp(u))

    def second(self, u: Numpy, gradient: Numpy) -> Numpy:
        return np.diag(np.exp(u) * gradient)


@dataclass(frozen=True)
class Atanh(Transform):
    """Correlations, each by Fisher's z, the inverse hyperbolic tangent."""

    def natural(self, u: Numpy) -> Numpy:
        return np.tanh(u)

    def unconstrained(self, v: Numpy) -> Numpy:
        return np.arctanh(np.where(np.abs(v) < 1, v, np.nan))

    def jacobian(self, u: Numpy) -> Numpy:
        return np.diag(1 - np.tanh(u) ** 2)

    def second(self, u: Numpy, gradient: Numpy) -> Numpy:
        v = np.tanh(u)
        return np.diag(-2 * v * (1 - v**2) * gradient)


@dataclass(frozen=True)
class Ordered(Transform):
    """Increasing numbers: the first as it is, each further one by the log of its increment."""

    def natural(self, u: Numpy) -> Numpy:
        return np.cumsum(np.append(u[:1], np.exp(u[1:])))

    def unconstrained(self, v: Numpy) -> Numpy:
        steps = np.diff(v)
        return np.append(v[:1], np.log(np.where(steps > 0, steps, np.nan)))

    def jacobian(self, u: Numpy) -> Numpy:
        steps = np.append(np.ones(min(len(u), 1)), np.exp(u[1:]))
        return np.asarray(np.tril(np.ones((len(u), len(u)))) * steps)

    def second(self, u: Numpy, gradient: Numpy) -> Numpy:
        above = np.cumsum(gradient[::-1])[::-1]
        return np.diag(np.append(np.zeros(min(len(u), 1)), np.exp(u[1:]) * above[1:]))


@dataclass(frozen=True)
class Simplex(Transform):
    """Shares of all but the last part of a whole, by the log of their ratio to the last."""

    def natural(self, u: Numpy) -> Numpy:
        top = max(float(u.max(initial=0.0)), 0.0)
        raised = np.exp(u - top)
        return np.asarray(raised / (np.exp(-top) + raised.sum()))

    def unconstrained(self, v: Numpy) -> Numpy:
        rest = 1 - v.sum()
        ahead = np.log(np.where(v > 0, v, np.nan))
        return np.asarray(ahead - np.log(rest if rest > 0 else np.nan))

    def jacobian(self, u: Numpy) -> Numpy:
        v = self.natural(u)
        return np.diag(v) - np.outer(v, v)

    def second(self, u: Numpy, gradient: Numpy) -> Numpy:
        v = self.natural(u)
        scaled = gradient * v
        cross, mean = np.outer(scaled, v), float(scaled.sum())
        return np.diag(scaled) - cross - cross.T + mean * (2 * np.outer(v, v) - np.diag(v))


IDENTITY, LOG, ATANH, ORDERED, SIMPLEX = Identity(), Log(), Atanh(), Ordered(), Simplex()


@dataclass(frozen=True, eq=False)
class Block:
    """Parameters of a likelihood that are not coefficients, with the scale they share.

    Attributes
    ----------
    names
        Of the ``m`` parameters.
    transform
        From the unconstrained numbers to the natural parameters.
    reads
        Empty where every row reads every parameter.  Else each array ``(n,)`` says which single
        parameter a row reads, from 0, and the formula gets one argument for each array: the two
        cutpoints around an ordered outcome, for example.
    """

    names: tuple[str, ...]
    transform: Transform = IDENTITY
    reads: tuple[Codes, ...] = ()

    @property
    def size(self) -> int:
        """The number of parameters."""
        return len(self.names)


@dataclass(frozen=True, eq=False)
class OutcomeTerm:
    """A part of the log-likelihood that depends on the outcome and on parameters alone.

    ``value (u,)`` for ``u`` outcomes, ``first (u, m)`` and ``second (u, m, m)`` its derivatives by
    the natural parameters that are not coefficients.
    """

    value: Numpy
    first: Numpy
    second: Numpy


@dataclass(frozen=True)
class Scale:
    """The scales of all parameters of a kernel: ``first`` coefficients, and then the blocks."""

    first: int
    blocks: tuple[Block, ...] = ()

    @property
    def size(self) -> int:
        """The number of parameters ``k``."""
        return self.first + sum(block.size for block in self.blocks)

    @property
    def linear(self) -> bool:
        """Whether natural and unconstrained parameters are the same."""
        return all(block.transform.linear for block in self.blocks)

    @property
    def slices(self) -> list[slice]:
        """The place of each block among the parameters."""
        ends = np.cumsum([self.first, *(block.size for block in self.blocks)]).tolist()
        return [slice(a, b) for a, b in pairwise(ends)]

    def natural(self, theta: Numpy) -> Numpy:
        """Return the natural parameters ``(k,)`` of unconstrained ones."""
        return self._each(theta, lambda transform, u: transform.natural(u))

    def unconstrained(self, params: Numpy) -> Numpy:
        """Return the unconstrained parameters ``(k,)`` of natural ones."""
        return self._each(params, lambda transform, v: transform.unconstrained(v))

    def _each(self, values: Numpy, change: Callable[[Transform, Numpy], Numpy]) -> Numpy:
        if self.linear:
            return values
        found = np.array(values, dtype=np.float64)
        for place, block in zip(self.slices, self.blocks, strict=True):
            found[place] = change(block.transform, values[place])
        return found

    def jacobian(self, theta: Numpy) -> Numpy:
        """Return the derivative of `natural`, ``(k, k)``."""
        matrix = np.eye(self.size)
        for place, block in zip(self.slices, self.blocks, strict=True):
            matrix[place, place] = block.transform.jacobian(theta[place])
        return matrix

    def second(self, theta: Numpy, gradient: Numpy) -> Numpy:
        """Return the part of a Hessian ``(k, k)`` that the curvature of the scales adds."""
        matrix = np.zeros((self.size, self.size))
        for place, block in zip(self.slices, self.blocks, strict=True):
            matrix[place, place] = block.transform.second(theta[place], gradient[place])
        return matrix

    def carried(self, theta: Numpy, totals: Totals) -> Totals:
        """Turn derivatives by natural parameters into those by unconstrained ones."""
        if self.linear or totals.gradient is None:
            return totals
        jacobian, gradient = self.jacobian(theta), totals.gradient
        hessian = totals.hessian
        if hessian is not None:
            hessian = jacobian.T @ hessian @ jacobian + self.second(theta, gradient)
            hessian = (hessian + hessian.T) / 2
        return Totals(totals.value, jacobian.T @ gradient, hessian)
