"""The interface of backends: array operations, and derivatives of functions written in them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from workbench.protocols import Numpy

Array = Any
"""An array of the backend's own library."""

RowFunction = Callable[..., Array]
"""A function of arrays of shape ``(n,)`` that treats each row separately."""


class Backend(ABC):
    """A library on a device at a precision.

    The operations take and return arrays of the library; :meth:`numpy` returns numpy arrays in
    float64.  Everything is called inside :meth:`scope`.
    """

    name: ClassVar[str]
    pi: ClassVar[float] = math.pi
    device: str
    dtype: str

    # Elementwise operations --------------------------------------------------------------------
    exp: Callable[[Array], Array]
    log: Callable[[Array], Array]
    log1p: Callable[[Array], Array]
    expm1: Callable[[Array], Array]
    sqrt: Callable[[Array], Array]
    abs: Callable[[Array], Array]
    sin: Callable[[Array], Array]
    cos: Callable[[Array], Array]
    tanh: Callable[[Array], Array]
    lgamma: Callable[[Array], Array]
    digamma: Callable[[Array], Array]
    erf: Callable[[Array], Array]
    ndtr: Callable[[Array], Array]
    log_ndtr: Callable[[Array], Array]
    sigmoid: Callable[[Array], Array]
    log_sigmoid: Callable[[Array], Array]
    softplus: Callable[[Array], Array]
    sum: Callable[[Array], Array]
    mean: Callable[[Array], Array]

    @abstractmethod
    def where(self, condition: Array, yes: Array, no: Array) -> Array:
        """Pick from ``yes`` where the condition holds, else from ``no``."""

    @abstractmethod
    def maximum(self, a: Array, b: Array) -> Array:
        """Return the larger of two, element by element."""

    @abstractmethod
    def minimum(self, a: Array, b: Array) -> Array:
        """Return the smaller of two, element by element."""

    @abstractmethod
    def logsumexp(self, x: Array, axis: int = -1) -> Array:
        """Return ``log(sum(exp(x)))`` along an axis without overflow."""

    @abstractmethod
    def logaddexp(self, a: Array, b: Array) -> Array:
        """Return ``log(exp(a) + exp(b))`` without overflow."""

    @abstractmethod
    def segment_sum(self, values: Array, codes: Array, segments: int) -> Array:
        """Sum the rows that share a code, shape ``(segments, ...)``."""

    @abstractmethod
    def take(self, values: Array, codes: Array) -> Array:
        """Pick a row for each code, shape ``(n, ...)``; every code is within bounds."""

    @abstractmethod
    def stack(self, arrays: Sequence[Array]) -> Array:
        """Stack arrays of one shape along a new first axis."""

    @abstractmethod
    def concatenate(self, arrays: Sequence[Array]) -> Array:
        """Join arrays along their first axis."""

    @abstractmethod
    def split(self, values: Array, sizes: Sequence[int]) -> Sequence[Array]:
        """Cut the rows into pieces of these sizes."""

    @abstractmethod
    def norms(self, x: Array) -> Array:
        """Return the Euclidean norm of each column of ``x (m, K)``, shape ``(K,)``."""

    @abstractmethod
    def blend(self, a: Array, x: Array, b: Array, y: Array) -> Array:
        """Return ``a x + b y`` for columns ``(m, K)`` and factors ``(K,)``; may overwrite ``y``."""

    def clip(self, x: Array, lower: Array, upper: Array) -> Array:
        """Limit ``x`` to two bounds."""
        return self.minimum(self.maximum(x, lower), upper)

    # Moving arrays -----------------------------------------------------------------------------
    @abstractmethod
    def scope(self) -> AbstractContextManager[Any]:
        """Enter the library's settings for this thread; entered around every computation."""

    @abstractmethod
    def array(self, values: Any) -> Array:
        """Move numbers to the device, floats in this backend's precision, integers as they are."""

    @abstractmethod
    def numpy(self, array: Array) -> Numpy:
        """Bring an array back as numpy float64."""

    # Derivatives -------------------------------------------------------------------------------
    @abstractmethod
    def row_derivatives(
        self, function: RowFunction, arguments: Sequence[Array], order: int
    ) -> tuple[Array, list[Array], list[list[Array]]]:
        """Differentiate a rowwise function with respect to each of its arguments.

        Returns
        -------
        The values ``(n,)``; for ``order >= 1`` the first derivatives, one ``(n,)`` per argument;
        for ``order == 2`` the upper triangle of second derivatives, ``second[i][j - i]``.
        """

    @abstractmethod
    def gradient(self, function: Callable[[Array], Array], theta: Array) -> tuple[Array, Array]:
        """Return value and gradient ``(k,)`` of a scalar function."""

    @abstractmethod
    def hessian(self, function: Callable[[Array], Array], theta: Array) -> Array:
        """Return the Hessian ``(k, k)`` of a scalar function."""

    @abstractmethod
    def jacobian(self, function: Callable[[Array], Array], theta: Array) -> Array:
        """Return the derivatives ``(n, k)`` of a vector function."""

    @abstractmethod
    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile a pure function where that saves time, and else return it unchanged."""

    @abstractmethod
    def fuse(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Fuse a pure function of small arrays into one kernel, where launching kernels is slow."""

    @abstractmethod
    def repeat(
        self, function: Callable[[Any], tuple[Any, Array]], state: Any, times: int
    ) -> tuple[Any, Array]:
        """Apply ``state -> (state, report)`` several times; the reports come back stacked."""

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return the versions of the libraries."""
