"""PyTorch on a CPU, a CUDA or ROCm device, or Apple's MPS."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import numpy as np
import torch

from workbench.backends.base import Array, Backend, RowFunction
from workbench.protocols import Numpy

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class _LogNdtr(torch.autograd.Function):  # type: ignore[misc]
    """The log of the normal distribution function, differentiable at any order in both tails.

    torch's own derivative divides by ``Phi(x)``, which is zero below -38; the hazard
    ``exp(log phi - log Phi)`` is finite there, and its derivative follows from the same rule.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return torch.special.log_ndtr(x)

    @staticmethod
    def backward(ctx: Any, *incoming: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return incoming[0] * torch.exp(-x * x / 2 - _HALF_LOG_TWO_PI - _LogNdtr.apply(x))


class TorchBackend(Backend):
    """PyTorch, eager: compiling does not save time at the sizes of one likelihood."""

    name: ClassVar[str] = "torch"

    def __init__(self, device: str = "cpu", dtype: str = "float64") -> None:
        self.device = device
        self.dtype = dtype
        self._dtype = torch.float64 if dtype == "float64" else torch.float32
        self.exp, self.log, self.log1p, self.expm1 = (
            self._lift(f) for f in (torch.exp, torch.log, torch.log1p, torch.expm1)
        )
        self.sqrt, self.abs, self.sin, self.cos = (
            self._lift(f) for f in (torch.sqrt, torch.abs, torch.sin, torch.cos)
        )
        self.tanh, self.lgamma, self.digamma, self.erf = (
            self._lift(f) for f in (torch.tanh, torch.lgamma, torch.digamma, torch.erf)
        )
        self.ndtr, self.sigmoid = self._lift(torch.special.ndtr), self._lift(torch.sigmoid)
        self.log_ndtr = self._lift(_LogNdtr.apply)
        self.log_sigmoid = self._lift(torch.nn.functional.logsigmoid)
        self.softplus = lambda x: -self.log_sigmoid(-x)
        self.sum, self.mean = self._lift(torch.sum), self._lift(torch.mean)

    def where(self, condition: Array, yes: Array, no: Array) -> Array:
        return torch.where(condition, self._tensor(yes), self._tensor(no))

    def maximum(self, a: Array, b: Array) -> Array:
        return torch.maximum(self._tensor(a), self._tensor(b))

    def minimum(self, a: Array, b: Array) -> Array:
        return torch.minimum(self._tensor(a), self._tensor(b))

    def logsumexp(self, x: Array, axis: int = -1) -> Array:
        return torch.logsumexp(x, dim=axis)

    def logaddexp(self, a: Array, b: Array) -> Array:
        return torch.logaddexp(self._tensor(a), self._tensor(b))

    def segment_sum(self, values: Array, codes: Array, segments: int) -> Array:
        out = torch.zeros((segments, *values.shape[1:]), dtype=values.dtype, device=values.device)
        return out.index_add(0, codes, values)

    def take(self, values: Array, codes: Array) -> Array:
        return values.index_select(0, codes)

    def stack(self, arrays: Sequence[Array]) -> Array:
        return torch.stack(list(arrays))

    def concatenate(self, arrays: Sequence[Array]) -> Array:
        return torch.cat(list(arrays))

    def split(self, values: Array, sizes: Sequence[int]) -> Sequence[Array]:
        pieces: Sequence[Array] = values.split(list(sizes))
        return pieces

    def norms(self, x: Array) -> Array:
        return torch.linalg.vector_norm(x, dim=0)

    def blend(self, a: Array, x: Array, b: Array, y: Array) -> Array:
        if isinstance(a, np.ndarray) and len(a) == 1:
            return y.mul_(float(b[0])).add_(x, alpha=float(a[0]))
        return y.mul_(self._tensor(b)).addcmul_(x, self._tensor(a))

    def scope(self) -> AbstractContextManager[Any]:
        scope: AbstractContextManager[Any] = torch.enable_grad()
        return scope

    def array(self, values: Any) -> Array:
        host = np.asarray(values)
        if host.dtype.kind == "f":
            return self._tensor(host)
        return torch.as_tensor(np.ascontiguousarray(host), device=self.device)

    def numpy(self, array: Array) -> Numpy:
        if not isinstance(array, torch.Tensor):
            return np.asarray(array, dtype=np.float64)
        return np.asarray(array.detach().cpu().numpy(), dtype=np.float64)

    def row_derivatives(
        self, function: RowFunction, arguments: Sequence[Array], order: int
    ) -> tuple[Array, list[Array], list[list[Array]]]:
        if order == 0:
            with torch.no_grad():
                return function(*arguments), [], []
        leaves = [argument.detach().requires_grad_() for argument in arguments]
        values = function(*leaves)
        first = _row_gradient(values, leaves, keep=order == 2)
        if order == 1:
            return values.detach(), first, []
        second = [_row_gradient(d, leaves[i:], keep=True) for i, d in enumerate(first)]
        return (
            values.detach(),
            [d.detach() for d in first],
            [[d.detach() for d in row] for row in second],
        )

    def gradient(self, function: Callable[[Array], Array], theta: Array) -> tuple[Array, Array]:
        leaf = theta.detach().requires_grad_()
        value = function(leaf)
        (gradient,) = _row_gradient(value, [leaf], keep=False)
        return value.detach(), gradient

    def hessian(self, function: Callable[[Array], Array], theta: Array) -> Array:
        leaf = theta.detach().requires_grad_()
        (gradient,) = _row_gradient(function(leaf), [leaf], keep=True)
        rows = [_row_gradient(entry, [leaf], keep=True)[0] for entry in gradient]
        return torch.stack(rows).detach()

    def jacobian(self, function: Callable[[Array], Array], theta: Array) -> Array:
        # Forward mode would load torch's compiler at its first use, which takes seconds (2.13).
        leaf = theta.detach().requires_grad_()
        values = function(leaf)
        shares = torch.ones_like(values, requires_grad=True)
        (gradient,) = _row_gradient(values * shares, [leaf], keep=True)
        return torch.stack([_row_gradient(d, [shares], keep=False)[0] for d in gradient], 1)

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def fuse(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return (
            torch.compile(function, fullgraph=True) if self.device.startswith("cuda") else function
        )

    def repeat(
        self, function: Callable[[Any], tuple[Any, Array]], state: Any, times: int
    ) -> tuple[Any, Array]:
        reports = []
        for _ in range(times):
            state, report = function(state)
            reports.append(report)
        return state, torch.stack(reports)

    def versions(self) -> dict[str, str]:
        return {"torch": torch.__version__}

    def _tensor(self, values: Any) -> torch.Tensor:
        if isinstance(values, torch.Tensor) and self._is_here(values):
            return values
        if isinstance(values, np.ndarray) and not values.flags.writeable:
            values = values.copy()
        return torch.as_tensor(values, dtype=self._dtype, device=self.device)

    def _is_here(self, values: torch.Tensor) -> bool:
        kind = self.device.partition(":")[0]
        return bool(values.dtype == self._dtype and values.device.type == kind)

    def _lift(self, function: Callable[..., torch.Tensor]) -> Callable[[Array], Array]:
        """Let an operation take plain numbers as well as tensors."""

        def lifted(x: Array) -> Array:
            return function(x if isinstance(x, torch.Tensor) else self._tensor(x))

        return lifted


def _row_gradient(
    values: torch.Tensor, leaves: Sequence[torch.Tensor], *, keep: bool
) -> list[torch.Tensor]:
    """Return the derivative of the sum, zero where a value does not depend on a leaf."""
    if not values.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    return list(
        torch.autograd.grad(
            values.sum(),
            list(leaves),
            create_graph=keep,
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
    )
