"""A kernel with some of its parameters fixed, and the objective of the free ones."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from workbench.estimation.objective import ScaledObjective
from workbench.kernels.choice.passes.base import ChoiceTotals
from workbench.kernels.totals import Totals
from workbench.protocols import Evaluation, Numpy, Order

# A step with a smaller expected gain, in nats, is near a saddle point or makes no progress.
_NEAR_A_SADDLE = 0.5


class PersonKernel(Protocol):
    """A log-likelihood summed over persons; scores and values are by person, unweighted."""

    def totals(self, theta: Numpy, order: Order = 0) -> Totals: ...
    def hessian_vector(self, theta: Numpy, vector: Numpy) -> Numpy: ...
    def scores(self, theta: Numpy) -> Numpy: ...
    def values(self, theta: Numpy) -> Numpy: ...


class FixedParametersKernel:
    """A kernel as a function of its free parameters, the others fixed; it keeps the last pass.

    Parameters
    ----------
    kernel
        Of all parameters.
    held
        All parameters in the kernel's coordinates, ``(K,)``; the free ones are filled in.
    free
        Their positions, ``(k,)``.
    signs
        Factors from these parameters to the kernel's, ``(K,)`` of ones and minus ones; by default
        ones.
    """

    def __init__(
        self, kernel: PersonKernel, held: Numpy, free: Any, signs: Numpy | None = None
    ) -> None:
        self.kernel, self._held, self.free = kernel, held, free
        self._signs = np.ones(len(held)) if signs is None else signs
        self._last: tuple[Numpy, Order, ChoiceTotals] | None = None
        self._scores: tuple[Numpy, Numpy] | None = None

    def whole(self, theta: Numpy) -> Numpy:
        """Return all parameters, ``(K,)``."""
        found = self._held.copy()
        found[self.free] = theta
        return found

    def inner(self, theta: Numpy) -> Numpy:
        """Return all parameters with the kernel's signs, ``(K,)``."""
        return self.whole(theta) * self._signs

    def totals(self, theta: Numpy, order: Order = 0) -> ChoiceTotals:
        """Sum the log-likelihood and its derivatives up to ``order``."""
        if self._last is not None and self.knows(theta, order):
            return self._last[2]
        found: Totals = self.kernel.totals(self.inner(theta), order)
        gradient, square = found.gradient, np.ix_(self.free, self.free)
        squares = (found.hessian, getattr(found, "opg", None))
        signs = self._signs[self.free]
        kept = ChoiceTotals(
            found.value,
            None if gradient is None else gradient[self.free] * signs,
            *(None if each is None else each[square] * np.outer(signs, signs) for each in squares),
        )
        self._last = (np.array(theta), order, kept)
        return kept

    def knows(self, theta: Numpy, order: Order) -> bool:
        """Return whether the last pass was here, with derivatives up to ``order``."""
        last = self._last
        return last is not None and last[1] >= order and np.array_equal(last[0], theta)

    def hessian_vector(self, theta: Numpy, vector: Numpy) -> Numpy:
        """Multiply the Hessian of the sum with a vector ``(k,)``."""
        long, signs = np.zeros(len(self._held)), self._signs[self.free]
        long[self.free] = vector * signs
        product = self.kernel.hessian_vector(self.inner(theta), long)
        return np.asarray(product[self.free] * signs)

    def scores(self, theta: Numpy) -> Numpy:
        """Return the score of each person, unweighted, ``(n, k)``."""
        if self._scores is None or not np.array_equal(self._scores[0], theta):
            found = self.kernel.scores(self.inner(theta))[:, self.free] * self._signs[self.free]
            self._scores = (np.array(theta), np.asarray(found, dtype=np.float64))
        return self._scores[1]

    def products(self, theta: Numpy, factor: Numpy | None) -> Numpy:
        """Return the sum of the scores' outer products, each times a factor ``(n,)``."""
        each = self.scores(theta)
        return np.asarray(each.T @ (each if factor is None else each * factor[:, None]))

    def values(self, theta: Numpy) -> Numpy:
        """Return the log-likelihood of each person, unweighted, ``(n,)``."""
        return np.asarray(self.kernel.values(self.inner(theta)))

    def over(self, kernel: PersonKernel) -> FixedParametersKernel:
        """Return the same view of another kernel of these parameters."""
        return FixedParametersKernel(kernel, self._held, self.free, self._signs)

    def with_signs(self, signs: Numpy) -> FixedParametersKernel:
        """Return the kernel as a function of the parameters times signs ``(K,)``."""
        return FixedParametersKernel(self.kernel, self._held, self.free, self._signs * signs)


class ChoiceObjective(ScaledObjective):
    """An objective that replaces an indefinite Hessian by the outer products of the scores.

    Near a saddle point these give short steps, so there the Hessian itself is kept.

    References
    ----------
    Berndt, Hall, Hall and Hausman (1974), "Estimation and inference in nonlinear structural
    models", Annals of Economic and Social Measurement 3(4), section 4.
    """

    def __init__(
        self,
        kernel: FixedParametersKernel,
        size: int,
        observations: float,
        backend: str,
        weights: Numpy | None,
    ) -> None:
        super().__init__(kernel, np.eye(size), observations, backend)
        self._persons, self._weights = kernel, weights

    def _evaluate(self, theta: Numpy, order: Order) -> Evaluation:
        found = super()._evaluate(theta, order)
        if found.hessian is None or not np.isfinite(found.hessian).all():
            return found
        if _definite(found.hessian):
            return found
        products = self._persons.totals(theta, 2).opg
        if products is None:
            products = self._persons.products(theta, self._weights)
        outer = products / self.observations
        if not _definite(outer) or self._expected_gain(found, outer) < _NEAR_A_SADDLE:
            return found
        return Evaluation(found.value, found.gradient, outer)

    def _expected_gain(self, found: Evaluation, outer: Numpy) -> float:
        """Return the expected gain, in nats, of a step by the outer products."""
        assert found.gradient is not None
        step = np.linalg.solve(outer, found.gradient)
        return float(found.gradient @ step) * self.observations / 2


def _definite(matrix: Numpy) -> bool:
    scale = np.sqrt(np.abs(np.diag(matrix)))
    scale[scale == 0] = 1.0
    try:
        np.linalg.cholesky(matrix / np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return False
    return True
