"""JAX, with 64-bit floats set for each computation and the global setting unchanged."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import jax.scipy.special as special
import numpy as np

from workbench.backends.base import Array, Backend, RowFunction
from workbench.protocols import Numpy


class JaxBackend(Backend):
    """JAX on one of its devices; functions are compiled by XLA."""

    name: ClassVar[str] = "jax"

    exp = staticmethod(jnp.exp)
    log = staticmethod(jnp.log)
    log1p = staticmethod(jnp.log1p)
    expm1 = staticmethod(jnp.expm1)
    sqrt = staticmethod(jnp.sqrt)
    abs = staticmethod(jnp.abs)
    sin = staticmethod(jnp.sin)
    cos = staticmethod(jnp.cos)
    tanh = staticmethod(jnp.tanh)
    lgamma = staticmethod(special.gammaln)
    digamma = staticmethod(special.digamma)
    erf = staticmethod(special.erf)
    ndtr = staticmethod(special.ndtr)
    log_ndtr = staticmethod(special.log_ndtr)
    sigmoid = staticmethod(jax.nn.sigmoid)
    log_sigmoid = staticmethod(jax.nn.log_sigmoid)
    softplus = staticmethod(jax.nn.softplus)
    sum = staticmethod(jnp.sum)
    mean = staticmethod(jnp.mean)

    def __init__(self, device: str = "cpu", dtype: str = "float64") -> None:
        self.device = device
        self.dtype = dtype
        self._dtype = np.dtype(dtype)
        kind, _, number = device.partition(":")
        platform = "gpu" if kind == "cuda" else kind  # torch calls ROCm cuda too, and JAX does not
        self._device = jax.devices(platform)[int(number or 0)]
        self.compile_cache = _offer_compile_cache()

    def where(self, condition: Array, yes: Array, no: Array) -> Array:
        return jnp.where(condition, yes, no)

    def maximum(self, a: Array, b: Array) -> Array:
        return jnp.maximum(a, b)

    def minimum(self, a: Array, b: Array) -> Array:
        return jnp.minimum(a, b)

    def logsumexp(self, x: Array, axis: int = -1) -> Array:
        return special.logsumexp(x, axis=axis)

    def logaddexp(self, a: Array, b: Array) -> Array:
        return jnp.logaddexp(a, b)

    def segment_sum(self, values: Array, codes: Array, segments: int) -> Array:
        return jax.ops.segment_sum(values, codes, num_segments=segments)

    def take(self, values: Array, codes: Array) -> Array:
        return values.at[codes].get(mode="promise_in_bounds")

    def stack(self, arrays: Sequence[Array]) -> Array:
        return jnp.stack(arrays)

    def concatenate(self, arrays: Sequence[Array]) -> Array:
        return jnp.concatenate(arrays)

    def split(self, values: Array, sizes: Sequence[int]) -> Sequence[Array]:
        pieces: Sequence[Array] = jnp.split(values, np.cumsum(sizes)[:-1])
        return pieces

    def norms(self, x: Array) -> Array:
        return jnp.sqrt(jnp.sum(x * x, axis=0))

    def blend(self, a: Array, x: Array, b: Array, y: Array) -> Array:
        return a * x + b * y

    def scope(self) -> AbstractContextManager[Any]:
        scope: AbstractContextManager[Any] = jax.enable_x64(True)
        return scope

    def array(self, values: Any) -> Array:
        host = np.asarray(values)
        if host.dtype.kind == "f":
            host = host.astype(self._dtype, copy=False)
        return jax.device_put(host, self._device)

    def numpy(self, array: Array) -> Numpy:
        return np.asarray(array, dtype=np.float64)

    def row_derivatives(
        self, function: RowFunction, arguments: Sequence[Array], order: int
    ) -> tuple[Array, list[Array], list[list[Array]]]:
        values = function(*arguments)
        if order == 0:
            return values, [], []
        first = [_along(function, i) for i in range(len(arguments))]
        derivatives = [d(*arguments) for d in first]
        if order == 1:
            return values, derivatives, []
        second = [
            [_along(d, j)(*arguments) for j in range(i, len(arguments))]
            for i, d in enumerate(first)
        ]
        return values, derivatives, second

    def gradient(self, function: Callable[[Array], Array], theta: Array) -> tuple[Array, Array]:
        value, gradient = jax.value_and_grad(function)(theta)
        return value, gradient

    def hessian(self, function: Callable[[Array], Array], theta: Array) -> Array:
        return jax.hessian(function)(theta)

    def jacobian(self, function: Callable[[Array], Array], theta: Array) -> Array:
        return jax.jacfwd(function)(theta)

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = jax.jit(function)
        return compiled

    def fuse(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def repeat(
        self, function: Callable[[Any], tuple[Any, Array]], state: Any, times: int
    ) -> tuple[Any, Array]:
        state, reports = jax.lax.scan(lambda carry, _: function(carry), state, length=times)
        return state, reports

    def versions(self) -> dict[str, str]:
        return {"jax": jax.__version__}


def _along(function: RowFunction, position: int) -> RowFunction:
    """Differentiate a rowwise function by one argument, as the gradient of its sum."""
    derivative: RowFunction = jax.grad(
        lambda *arguments: jnp.sum(function(*arguments)), argnums=position
    )
    return derivative


def _offer_compile_cache() -> str | None:
    """Keep compiled code between kernels, unless the user has set that already.

    Returns
    -------
    The folder in use, or None where it is switched off by ``JAX_ENABLE_COMPILATION_CACHE=0``.
    """
    if os.environ.get("JAX_ENABLE_COMPILATION_CACHE", "").lower() in {"0", "false"}:
        return None
    if jax.config.jax_compilation_cache_dir is None:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(home) / "workbench" / "jax"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return str(jax.config.jax_compilation_cache_dir)
