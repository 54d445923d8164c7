"""The methods of pytorch-minimize that work, one class each.

pytorch-minimize (0.1.0) evaluates the objective by the ``closure`` and ``dir_evaluate`` of a
``torchmin.Minimizer``.  A subclass here computes them from the objective of any backend, so that
a gradient or a Hessian is computed once, and not by differentiating twice.  Its
``trust-krylov`` fails by itself on torch 2.13 and is left out.
"""

from __future__ import annotations

import warnings
from abc import ABC
from collections.abc import Generator
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

from workbench.optimizers.base import Alternatives, OptimizerOptions, require
from workbench.optimizers.callback import Oracle, iterates
from workbench.options import Kind, option
from workbench.protocols import Iterate, Numpy, Objective

_TIGHT = 1e-12  # nats per observation; a decrement of 1e-8 needs gradients of 1e-7 and smaller
_UNLIMITED = 2**31 - 1
_BY_GRADIENT = {"gtol": _TIGHT}
_BY_STEP = {"xtol": 0.0}
_BY_DESCENT = {"gtol": _TIGHT, "xtol": 0.0, "gtd_tol": 0.0}

Curvature = Literal["none", "product", "matrix"]


@dataclass(frozen=True, kw_only=True)
class TorchminMethod(OptimizerOptions, ABC):
    """The shared part of the methods of pytorch-minimize.

    Parameters
    ----------
    max_steps
        The step limit of a run; None for the caller's default.
    """

    library: ClassVar[str] = "pytorch-minimize"
    derivatives: ClassVar[int] = 1
    requires: ClassVar[Alternatives] = (("torch", "torchmin"),)
    curvature: ClassVar[Curvature] = "none"
    tolerances: ClassVar[dict[str, float]] = _BY_GRADIENT
    # Whether its objective is the sum over the observations: it stops at an absolute curvature,
    # which a mean reaches long before its optimum.
    sees_total: ClassVar[bool] = False

    def iterate(self, objective: Objective, start: Numpy) -> Generator[Iterate, None, None]:
        """Yield the start and then each step of pytorch-minimize's method."""
        require(self.title, self.requires)
        scale = objective.observations if self.sees_total else 1.0
        return iterates(self._solve, objective, start, scale=scale)

    @property
    def options(self) -> dict[str, Any]:
        """The method's options, by pytorch-minimize's names."""
        return dict(self.tolerances)

    def _solve(self, oracle: Oracle, start: Numpy) -> Numpy | None:
        import torch
        import torchmin

        try:
            found = torchmin.minimize(
                _bridge()(oracle, self.curvature),
                torch.from_numpy(start),
                method=self.name.removeprefix("torchmin:"),
                max_iter=_UNLIMITED,
                options=self.options,
                callback=lambda theta: oracle.step(theta.numpy()),
            )
        except (torch.linalg.LinAlgError, ArithmeticError):
            return None
        solution: Numpy = found.x.numpy()
        return solution


@dataclass(frozen=True, kw_only=True)
class TorchminBFGS(TorchminMethod):
    """Step along quasi-Newton directions from a dense inverse Hessian.

    References
    ----------
    Nocedal and Wright (2006), "Numerical Optimization", algorithm 6.1.
    """

    name = "torchmin:bfgs"
    title = "BFGS (pytorch-minimize)"
    sees_total = True
    tolerances = _BY_DESCENT


@dataclass(frozen=True, kw_only=True)
class TorchminLBFGS(TorchminMethod):
    """Step along quasi-Newton directions from the last gradients only.

    Parameters
    ----------
    memory
        The number of past gradients kept.

    References
    ----------
    Nocedal and Wright (2006), "Numerical Optimization", algorithm 7.5.
    """

    name = "torchmin:l-bfgs"
    title = "L-BFGS (pytorch-minimize)"
    sees_total = True
    tolerances = _BY_DESCENT

    memory: int = option(100, kind=Kind.COUNT, least=1, help="number of past gradients kept")

    @property
    def options(self) -> dict[str, Any]:
        return super().options | {"history_size": self.memory}


@dataclass(frozen=True, kw_only=True)
class TorchminCG(TorchminMethod):
    """Step along nonlinear conjugate gradients.

    References
    ----------
    Nocedal and Wright (2006), "Numerical Optimization", section 5.2.
    """

    name = "torchmin:cg"
    title = "Conjugate gradient (pytorch-minimize)"


@dataclass(frozen=True, kw_only=True)
class TorchminNewtonCG(TorchminMethod):
    """Solve Newton's equation by conjugate gradients, from products with the Hessian.

    References
    ----------
    Nocedal and Wright (2006), "Numerical Optimization", algorithm 7.1.
    """

    name = "torchmin:newton-cg"
    title = "Newton-CG (pytorch-minimize)"
    derivatives = 2
    curvature = "product"
    sees_total = True
    tolerances = _BY_STEP


@dataclass(frozen=True, kw_only=True)
class TorchminNewtonExact(TorchminMethod):
    """Solve Newton's equation by Cholesky; step along the negative gradient where that fails.

    References
    ----------
    Nocedal and Wright (2006), "Numerical Optimization", section 3.4.
    """

    name = "torchmin:newton-exact"
    title = "Newton, exact (pytorch-minimize)"
    derivatives = 2
    curvature = "matrix"
    tolerances = _BY_STEP


@dataclass(frozen=True, kw_only=True)
class TorchminTrustNCG(TorchminMethod):
    """Minimize the quadratic model within a radius by conjugate gradients.

    A step of length zero is a proposal that was not accepted.

    References
    ----------
    Nocedal and Wright (2006), "Numerical Optimization", algorithm 7.2 (Steihaug).
    """

    name = "torchmin:trust-ncg"
    title = "Trust region, Newton-CG (pytorch-minimize)"
    derivatives = 2
    curvature = "product"


@dataclass(frozen=True, kw_only=True)
class TorchminTrustExact(TorchminMethod):
    """Minimize the quadratic model within a radius, nearly exactly, from the full Hessian.

    A step of length zero is a proposal that was not accepted.

    References
    ----------
    Conn, Gould and Toint (2000), "Trust Region Methods", section 7.3.
    """

    name = "torchmin:trust-exact"
    title = "Trust region, exact (pytorch-minimize)"
    derivatives = 2
    curvature = "matrix"

    def _solve(self, oracle: Oracle, start: Numpy) -> Numpy | None:
        # Its condition estimate calls what torch 2.13 deprecates; the filter names that alone.
        warnings.filterwarnings("ignore", "torch.triangular_solve is deprecated", UserWarning)
        return super()._solve(oracle, start)


@dataclass(frozen=True, kw_only=True)
class TorchminDogleg(TorchminMethod):
    """Minimize the quadratic model along a bent path within a radius.

    It ends where the Hessian is not positive definite.  A step of length zero is a proposal that
    was not accepted.

    References
    ----------
    Nocedal and Wright (2006), "Numerical Optimization", section 4.1.
    """

    name = "torchmin:dogleg"
    title = "Trust region, dogleg (pytorch-minimize)"
    derivatives = 2
    curvature = "matrix"


@cache
def _bridge() -> Any:
    """Define the class when torch is first used, as it derives from a class of torchmin."""
    import torch
    from torchmin.function import de_value, sf_value
    from torchmin.optim.minimizer import LinearOperator, Minimizer

    class Bridge(Minimizer):  # type: ignore[misc]  # torchmin has no types
        """The objective as torchmin evaluates it.

        ``Minimizer.__init__`` registers parameters, of which there are none here, and would load
        torch's compiler, which takes seconds.
        """

        nfev = 0  # the objective counts its evaluations itself

        def __init__(self, oracle: Oracle, curvature: Curvature) -> None:
            self._oracle = oracle
            self._hessp = curvature == "product"
            self._hess = curvature == "matrix"

        def closure(self, x: Any) -> Any:
            """Return the value, the gradient and the curvature that the method uses."""
            theta = x.numpy()
            if self._hess:
                value, *derivatives = self._oracle.value_gradient_and_hessian(theta)
                gradient, hessian = map(torch.from_numpy, derivatives)
                return sf_value(torch.tensor(value, dtype=x.dtype), gradient, None, hessian)
            value, gradient = self._oracle.value_and_gradient(theta)
            product = self._product(x.clone()) if self._hessp else None
            value = torch.tensor(value, dtype=x.dtype)
            return sf_value(value, torch.from_numpy(gradient), product, None)

        def dir_evaluate(self, x: Any, t: float, d: Any) -> Any:
            """Return the value and the gradient at ``x + t d``."""
            value, gradient = self._oracle.value_and_gradient((x + d.mul(t)).numpy())
            return de_value(value, torch.from_numpy(gradient))

        def _product(self, x: Any) -> Any:
            theta, size = x.numpy(), x.numel()
            product = self._oracle.hessian_vector
            return LinearOperator(
                lambda v: torch.from_numpy(product(theta, v.numpy())), (size, size)
            )

    return Bridge
