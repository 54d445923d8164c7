"""The methods of ``scipy.optimize.minimize``, one class each.

Their own tolerances are below the reach of double precision: a run ends by the ``StoppingRule``
of its caller, or when the method finds no further step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

import numpy as np

from workbench.optimizers.base import Alternatives, OptimizerOptions
from workbench.optimizers.callback import Oracle, iterates
from workbench.options import Kind, option
from workbench.protocols import Iterate, Numpy, Objective

_TIGHT = 1e-12  # nats per observation; a decrement of 1e-8 needs gradients of 1e-7 and smaller
_UNLIMITED = 2**31 - 1  # the largest count that the C codes of TNC and SLSQP hold


@dataclass(frozen=True, kw_only=True)
class ScipyMethod(OptimizerOptions, ABC):
    """The shared part of the methods of scipy.

    Parameters
    ----------
    max_steps
        The step limit of a run; None for the caller's default.
    """

    method: ClassVar[str]
    library: ClassVar[str] = "scipy"
    derivatives: ClassVar[int] = 1
    requires: ClassVar[Alternatives] = ()
    # Whether its objective is the sum over the observations: it stops at an absolute curvature,
    # which a mean reaches long before its optimum.
    sees_total: ClassVar[bool] = False

    def iterate(self, objective: Objective, start: Numpy) -> Generator[Iterate, None, None]:
        """Yield the start and then each step of scipy's method."""
        scale = objective.observations if self.sees_total else 1.0
        return iterates(self._solve, objective, start, scale=scale)

    @property
    @abstractmethod
    def options(self) -> dict[str, Any]:
        """The method's options, by scipy's names."""

    def _functions(self, oracle: Oracle) -> dict[str, Any]:
        """Return the functions that the method calls."""
        return {"fun": oracle.value_and_gradient, "jac": True, "callback": oracle.step}

    def _solve(self, oracle: Oracle, start: Numpy) -> Numpy | None:
        from scipy.optimize import minimize

        run: Any = minimize
        with np.errstate(all="ignore"):
            try:
                functions = self._functions(oracle)
                found = run(x0=start, method=self.method, options=self.options, **functions)
            except (np.linalg.LinAlgError, ArithmeticError):
                return None
        return np.asarray(found.x, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class BFGS(ScipyMethod):
    """Step along quasi-Newton directions from a dense inverse Hessian.

    References
    ----------
    Nocedal and Wright (2006), "Numerical Optimization", algorithm 6.1.
    """

    name = "bfgs"
    title = "BFGS (scipy)"
    method = "BFGS"

    @property
    def options(self) -> dict[str, Any]:
        return {"gtol": _TIGHT, "maxiter": _UNLIMITED}


@dataclass(frozen=True, kw_only=True)
class LBFGSB(ScipyMethod):
    """Step along quasi-Newton directions from the last few gradients only.

    Parameters
    ----------
    memory
        The number of past gradients kept.

    References
    ----------
    Byrd, Lu, Nocedal and Zhu (1995), "A limited memory algorithm for bound constrained
    optimization".
    """

    name = "l-bfgs-b"
    title = "L-BFGS-B (scipy)"
    method = "L-BFGS-B"

    memory: int = option(20, kind=Kind.COUNT, least=1, help="number of past gradients kept")

    @property
    def options(self) -> dict[str, Any]:
        limits = {"maxiter": _UNLIMITED, "maxfun": _UNLIMITED}
        return {"maxcor": self.memory, "ftol": 0.0, "gtol": _TIGHT, **limits}


@dataclass(frozen=True, kw_only=True)
class CG(ScipyMethod):
    """Step along nonlinear conjugate gradients.

    References
    ----------
    Nocedal and Wright (2006), "Numerical Optimization", section 5.2 (Polak and Ribière).
    """

    name = "cg"
    title = "Conjugate gradient (scipy)"
    method = "CG"

    @property
    def options(self) -> dict[str, Any]:
        return {"gtol": _TIGHT, "maxiter": _UNLIMITED}


@dataclass(frozen=True, kw_only=True)
class NewtonCG(ScipyMethod):
    """Solve Newton's equation by conjugate gradients, from products with the Hessian.

    References
    ----------
    Nocedal and Wright (2006), "Numerical Optimization", algorithm 7.1.
    """

    name = "newton-cg"
    title = "Newton-CG (scipy)"
    method = "Newton-CG"
    derivatives = 2
    sees_total = True

    @property
    def options(self) -> dict[str, Any]:
        return {"xtol": 0.0, "maxiter": _UNLIMITED}

    def _functions(self, oracle: Oracle) -> dict[str, Any]:
        return super()._functions(oracle) | {"hessp": oracle.hessian_vector}


@dataclass(frozen=True, kw_only=True)
class TNC(ScipyMethod):
    """Solve Newton's equation by conjugate gradients, from differences of gradients.

    References
    ----------
    Nash (1984), "Newton-type minimization via the Lanczos method".
    """

    name = "tnc"
    title = "Truncated Newton, TNC (scipy)"
    method = "TNC"

    @property
    def options(self) -> dict[str, Any]:
        return {"ftol": 0.0, "xtol": 0.0, "gtol": 0.0, "maxfun": _UNLIMITED}


@dataclass(frozen=True, kw_only=True)
class SLSQP(ScipyMethod):
    """Solve a sequence of least-squares problems.

    References
    ----------
    Kraft (1988), "A software package for sequential quadratic programming".
    """

    name = "slsqp"
    title = "SLSQP (scipy)"
    method = "SLSQP"

    @property
    def options(self) -> dict[str, Any]:
        # With 0 it tries steps without end at the rounding error of the objective (scipy 1.17).
        return {"ftol": 1e-18, "maxiter": _UNLIMITED}

    def _functions(self, oracle: Oracle) -> dict[str, Any]:
        """Report steps in the gradient, as the callback of SLSQP gets trial points too."""
        report = _after_the_first(oracle.step)

        def gradient(theta: Numpy) -> Numpy:
            slope = oracle.value_and_gradient(theta)[1]
            report(theta)
            return slope

        return {"fun": lambda theta: oracle.value_and_gradient(theta)[0], "jac": gradient}


@dataclass(frozen=True, kw_only=True)
class TrustExact(ScipyMethod):
    """Minimize the quadratic model within a radius, nearly exactly, from the full Hessian.

    A step of length zero is a proposal that was not accepted.

    Parameters
    ----------
    initial_radius, max_radius
        The first and the largest radius of the trust region, in the optimizer's coordinates.

    References
    ----------
    Conn, Gould and Toint (2000), "Trust Region Methods", section 7.3.
    """

    name = "trust-exact"
    title = "Trust region, exact (scipy)"
    method = "trust-exact"
    derivatives = 2

    initial_radius: float = option(1.0, kind=Kind.NUMBER, above=0.0, help="first radius")
    max_radius: float = option(1000.0, kind=Kind.NUMBER, above=0.0, help="largest radius")

    @property
    def options(self) -> dict[str, Any]:
        radii = {
            "initial_trust_radius": self.initial_radius,
            "max_trust_radius": self.max_radius,
        }
        return {"gtol": _TIGHT, "maxiter": _UNLIMITED, **radii}

    def _functions(self, oracle: Oracle) -> dict[str, Any]:
        """Compute the Hessian at once, since most proposals are accepted."""
        return super()._functions(oracle) | {
            "fun": lambda theta: oracle.value_gradient_and_hessian(theta)[:2],
            "hess": lambda theta: oracle.value_gradient_and_hessian(theta)[2],
        }


@dataclass(frozen=True, kw_only=True)
class TrustConstr(ScipyMethod):
    """Minimize the quadratic model within a radius by projected conjugate gradients.

    A step of length zero is a proposal that was not accepted.

    References
    ----------
    Byrd, Hribar and Nocedal (1999), "An interior point algorithm for large-scale nonlinear
    programming"; Lalee, Nocedal and Plantenga (1998).
    """

    name = "trust-constr"
    title = "Trust region, constrained (scipy)"
    method = "trust-constr"
    derivatives = 2

    @property
    def options(self) -> dict[str, Any]:
        return {"gtol": _TIGHT, "xtol": 1e-16, "maxiter": _UNLIMITED}

    def _functions(self, oracle: Oracle) -> dict[str, Any]:
        """Leave out the first call of the callback, which reports the start."""
        report = _after_the_first(oracle.step)
        callback = {"callback": lambda theta, _: report(theta)}
        return super()._functions(oracle) | {"hessp": oracle.hessian_vector} | callback


@dataclass(frozen=True, kw_only=True)
class NelderMead(ScipyMethod):
    """Move a simplex downhill by values alone; gradients of the best corners are only recorded.

    Parameters
    ----------
    adaptive
        Whether the moves depend on the number of parameters.

    References
    ----------
    Nelder and Mead (1965), "A simplex method for function minimization"; Gao and Han (2012).
    """

    name = "nelder-mead"
    title = "Nelder-Mead (scipy)"
    method = "Nelder-Mead"
    derivatives = 0

    max_steps: int | None = option(20_000, kind=Kind.COUNT, least=1, help="step limit of a run")
    adaptive: bool = option(
        True, kind=Kind.FLAG, help="whether the simplex moves by rules for many parameters"
    )

    @property
    def options(self) -> dict[str, Any]:
        limits = {"maxiter": _UNLIMITED, "maxfev": _UNLIMITED}
        # Values alone locate the optimum only to the root of their rounding error, 1e-8.
        return {"xatol": 1e-9, "fatol": 1e-14, "adaptive": self.adaptive, **limits}

    def _functions(self, oracle: Oracle) -> dict[str, Any]:
        return {"fun": oracle.value, "callback": oracle.step}


def _after_the_first(tell: Callable[[Numpy], None]) -> Callable[[Numpy], None]:
    """Return a function that passes on every call but the first."""
    calls = count()
    return lambda theta: tell(theta) if next(calls) else None
