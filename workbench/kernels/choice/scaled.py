r"""A model of choice whose utilities are multiplied by a scale of each person.

With :math:`\lambda_n = e^{\tau_n}`, :math:`\tau_n = z_n^\top\delta`, in front of utility, a person
has parameters :math:`\varphi(\theta, \tau_n)` of their own in the model without a scale:
coefficients and their standard deviations are multiplied by :math:`\lambda_n`, :math:`\tau_n` is
added to means of logs, and parameters outside utility stay.  Persons who share :math:`z` are a
group, with the sums of the model at one point, and by the chain rule

.. math:: H = \sum_g J_g^\top H_g J_g + \sum_j s_{gj}\,\nabla^2\varphi_j,
   \qquad J_g = \Big[\frac{\partial\varphi}{\partial\theta},
   \frac{\partial\varphi}{\partial\tau} z_g^\top\Big].

The groups together cost one pass over persons.

References
----------
Swait and Louviere (1993), "The role of the scale parameter in the estimation and comparison of
multinomial logit models", Journal of Marketing Research 30(3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from workbench.kernels.choice.passes.base import ChoiceTotals
from workbench.kernels.totals import FormsHessian, Totals
from workbench.protocols import Numpy, Order

Int64 = npt.NDArray[np.int64]


class GroupKernel(Protocol):
    """What sums a log-likelihood over the persons of a group, at parameters of their own."""

    def totals(self, theta: Numpy, order: Order = 0) -> Totals: ...
    def scores(self, theta: Numpy) -> Numpy: ...
    def values(self, theta: Numpy) -> Numpy: ...


@dataclass(frozen=True)
class Scaled:
    """How parameters ``(K,)`` depend on a scale; those of neither kind do not.

    Attributes
    ----------
    multiplied
        Those that the scale multiplies, as 0 or 1.
    shifted
        Those to which its log is added, as 0 or 1.
    """

    multiplied: Numpy
    shifted: Numpy


@dataclass(frozen=True, eq=False)
class _Group:
    """Persons of one scale: their kernel, their positions among all, and ``z (g,)``."""

    kernel: GroupKernel
    persons: Int64
    z: Numpy


class ScaledKernel(FormsHessian):
    """The sums over persons whose scale depends on ``z``, with the methods of other kernels.

    ``theta`` holds the ``K`` parameters of the model and then ``g`` coefficients of the log of
    the scale.

    Parameters
    ----------
    z
        One row per person, ``(n, g)``.
    make
        Returns the kernel of some persons, by their positions.
    scaled
        How the parameters depend on the scale.
    """

    def __init__(self, z: Numpy, make: Callable[[Int64], GroupKernel], scaled: Scaled) -> None:
        lines, of = np.unique(z, axis=0, return_inverse=True)
        persons = [np.flatnonzero(of.ravel() == each) for each in range(len(lines))]
        self.groups = [
            _Group(make(own), own, line) for own, line in zip(persons, lines, strict=True)
        ]
        self.persons, self.scaled = len(z), scaled
        self._own = len(scaled.multiplied)

    def totals(self, theta: Numpy, order: Order = 0) -> ChoiceTotals:
        """Sum the log-likelihood and its derivatives up to ``order`` at ``theta (K + g,)``."""
        each = [self._carried(group, theta, order) for group in self.groups]
        return ChoiceTotals(*(_sum(parts) for parts in zip(*each, strict=True)))

    def _carried(self, group: _Group, theta: Numpy, order: Order) -> tuple[Any, ...]:
        """Return a group's value, gradient, Hessian and products of scores, by ``theta``."""
        params, jacobian = self._point(group, theta)
        found = group.kernel.totals(params, order)
        gradient, hessian, products = found.gradient, found.hessian, getattr(found, "opg", None)
        if hessian is not None and gradient is not None:
            curved = self._curvature_terms(group, params, jacobian, gradient)
            hessian = jacobian.T @ hessian @ jacobian + curved
        return (
            found.value,
            None if gradient is None else gradient @ jacobian,
            hessian,
            None if products is None else jacobian.T @ products @ jacobian,
        )

    def scores(self, theta: Numpy) -> Numpy:
        """Return the score of each person, unweighted, ``(n, K + g)``."""
        found = np.empty((self.persons, len(theta)))
        for group in self.groups:
            params, jacobian = self._point(group, theta)
            found[group.persons] = group.kernel.scores(params) @ jacobian
        return found

    def values(self, theta: Numpy) -> Numpy:
        """Return the log-likelihood of each person, unweighted, in nats, ``(n,)``."""
        found = np.empty(self.persons)
        for group in self.groups:
            found[group.persons] = group.kernel.values(self._point(group, theta)[0])
        return found

    def conditional_means(self, theta: Numpy) -> Numpy:
        """Return the means, given persons's choices, of coefficients times scales, ``(n, q)``."""
        found: dict[int, Numpy] = {}
        for group in self.groups:
            kernel: Any = group.kernel
            means = kernel.conditional_means(self._point(group, theta)[0])
            found.update(zip(group.persons.tolist(), means, strict=True))
        return np.array([found[person] for person in range(self.persons)])

    def _point(self, group: _Group, theta: Numpy) -> tuple[Numpy, Numpy]:
        """Return a group's own parameters, ``(K,)``, and their derivative, ``(K, K + g)``."""
        scaled, log_scale = self.scaled, float(group.z @ theta[self._own :])
        factors = np.where(scaled.multiplied > 0, np.exp(log_scale), 1.0)
        params = theta[: self._own] * factors + scaled.shifted * log_scale
        by_log = scaled.multiplied * params + scaled.shifted
        return params, np.column_stack([np.diag(factors), np.outer(by_log, group.z)])

    def _curvature_terms(
        self, group: _Group, params: Numpy, jacobian: Numpy, gradient: Numpy
    ) -> Numpy:
        """Return the Hessian's term from the second derivatives of a group's own parameters."""
        own, multiplied = self._own, gradient * self.scaled.multiplied
        found = np.zeros((jacobian.shape[1],) * 2)
        found[:own, own:] = np.outer(multiplied * np.diag(jacobian), group.z)
        found[own:, :own] = found[:own, own:].T
        found[own:, own:] = float(multiplied @ params) * np.outer(group.z, group.z)
        return found


def _sum(parts: Sequence[Any]) -> Any:
    """Add up the results of all groups; None where they were not requested."""
    return None if parts[0] is None else sum(parts)
