"""The sums over all rows that a kernel returns, and what is computed from them alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from workbench.protocols import Numpy, Order


@dataclass(frozen=True)
class Totals:
    """Sums over all rows: log-likelihood in nats, gradient ``(k,)``, Hessian ``(k, k)``."""

    value: float
    gradient: Numpy | None = None
    hessian: Numpy | None = None


class FormsHessian(ABC):
    """A kernel that forms the whole Hessian, with which vectors are multiplied."""

    @abstractmethod
    def totals(self, theta: Numpy, order: Order = 0) -> Totals:
        """Sum the log-likelihood and its derivatives up to ``order`` at ``theta (k,)``."""

    def hessian_vector(self, theta: Numpy, vector: Numpy) -> Numpy:
        """Multiply the Hessian of the summed log-likelihood with ``vector (k,)``."""
        hessian = self.totals(theta, 2).hessian
        assert hessian is not None
        return np.asarray(hessian @ vector)
