"""Newton's method with absorbed effects: iteratively reweighted, demeaned least squares.

With :math:`g_i` and :math:`-h_i` the derivatives of a row by its index, a step regresses the
working residuals :math:`r = g/h` on regressors and effects under the weights :math:`h`.  Effects
are partialled out by the demeaner (Frisch and Waugh).  Columns demeaned under the weights of the
last step are nearly demeaned under the new ones, so the next step starts from them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from workbench.demeaners.base import Demeaned, Demeaner, DemeanStep
from workbench.estimation.control import Control
from workbench.kernels.absorption.factors import Factors
from workbench.kernels.linear.gram import cross_product, gram, times
from workbench.likelihoods.base import total
from workbench.models.fixed_effects.families import Derivatives, Family
from workbench.optimizers.newton import newton_step
from workbench.protocols import Numpy
from workbench.sentences import counted

# Rows of a vanishing weight carry no information, but each level needs a positive weight.
_LEAST_WEIGHT = 1e-20
_ARMIJO, _SMALLEST_STEP = 1e-4, 2.0**-40
_ROUNDING = 16 * np.finfo(np.float64).eps
# The demeaner's error in the working residuals may change the decrement by so many nats.  Slow
# contractions understate the error, hence a margin of a thousand.
_UNRESOLVED = 1e-13
_LOOSEST, _TIGHTEST = 1e-5, 1e-14
_PER_GAIN = 0.01


@dataclass(frozen=True)
class Point:
    """Slopes and further parameters ``theta (k,)``, and the index ``(n,)``, effects included.

    ``loglik`` is in nats, constants included; ``size`` sums the absolute values of its terms.
    """

    theta: Numpy
    index: Numpy
    rows: Derivatives
    loglik: float
    size: float


@dataclass(frozen=True)
class NewtonStep:
    r"""The Newton step at a point.

    Attributes
    ----------
    x
        The regressors without the effects, under the weights of the point, ``(n, p)``.
    effect_response
        The derivative of the effects by the further parameter, ``(n,)``, or None without one.
    information, score
        Minus the Hessian and the gradient with the effects concentrated out, ``(k, k)``, ``(k,)``.
    direction, index_change
        The change of the parameters, ``(k,)``, and of the index, effects included, ``(n,)``.
    decrement
        :math:`g^\top H^{-1} g` of parameters and effects together, in nats; None where the
        log-likelihood curves upwards.
    share
        The share of the working residuals' sum of squares that the step explains.
    """

    x: Numpy
    effect_response: Numpy | None
    information: Numpy
    score: Numpy
    direction: Numpy
    index_change: Numpy
    decrement: float | None
    share: float


class IRLS:
    """Iteratively reweighted least squares with absorbed effects on one sample.

    Parameters
    ----------
    family
        The likelihood of each row.
    x, offset
        The regressors, ``(n, p)``; one number per row, ``(n,)``, or None.
    factors, demeaner
        The factors absorbed, unweighted, and the demeaner.
    """

    def __init__(
        self,
        family: Family,
        x: Numpy,
        offset: Numpy | None,
        factors: Factors,
        demeaner: Demeaner,
    ) -> None:
        self.family, self.x, self.factors, self.demeaner = family, x, factors, demeaner
        self.offset = np.zeros(len(x)) if offset is None else offset
        self.control = Control()
        self.on_demean: Callable[[float], None] | None = None
        self.on_demean_step: Callable[[DemeanStep], None] | None = None
        self.iterations = 0
        self.shortfall = ""
        self._method = ""

    @property
    def record(self) -> str:
        """How columns were demeaned so far, as a sentence without a full stop."""
        return f"{self._method}, {counted(self.iterations, 'iteration')}" if self._method else ""

    def weighted(self, values: Numpy) -> Numpy:
        """Multiply with the weights of the data, ``(n,)``."""
        weights = self.family.weights
        return values if weights is None else weights * values

    def demeaned(self, columns: Numpy, weights: Numpy, tolerance: float) -> Numpy:
        """Partial the effects out of ``columns (n, K)``, with the control at every iteration."""
        if not self.factors.members or not columns.shape[1]:
            return columns
        demeaner = replace(self.demeaner, tol=tolerance)  # type: ignore[type-var]
        if self.on_demean is not None:
            self.on_demean(tolerance)
        found = self._solved(demeaner, self.factors.weighted(weights), columns)
        self.iterations += found.iterations
        self._method = found.record.rpartition(",")[0] or found.record
        self.shortfall = "" if found.converged else _shortfall(found, tolerance)
        return found.columns

    def _solved(self, demeaner: Demeaner, factors: Factors, columns: Numpy) -> Demeaned:
        with closing(demeaner.solve(factors, columns)) as steps:
            while True:
                self.control.check()
                try:
                    step = next(steps)
                except StopIteration as end:
                    found: Demeaned = end.value
                    return found
                if self.on_demean_step is not None:
                    self.on_demean_step(step)

    def at(self, theta: Numpy, index: Numpy) -> Point:
        """Evaluate every row at an index."""
        further = theta[self.x.shape[1] :]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            rows = self.family.derivatives(index, further)
            values = self.weighted(rows.value)
            return Point(
                theta,
                index,
                rows,
                float(values.sum()) + self.family.constant,
                float(np.abs(values).sum()),
            )

    def curvature(self, point: Point) -> Numpy:
        """Return the weights of the rows, ``(n,)``, none of them zero."""
        h = self.weighted(point.rows.second)
        return np.maximum(h, _LEAST_WEIGHT * float(h.max()))

    def newton_step(
        self, point: Point, previous: NewtonStep | None = None, *, effects_only: bool = False
    ) -> NewtonStep:
        """Find the step at a point, from the demeaned columns of the previous step.

        With ``effects_only`` only the effects change.
        """
        rows, h = point.rows, self.curvature(point)
        working = self.weighted(rows.first) / h
        columns = [working]
        if not effects_only:
            columns += [self.x if previous is None else previous.x]
        pseudo = None
        if rows.cross is not None and not effects_only:
            pseudo = self.weighted(rows.cross) / h
            follows = (
                0.0
                if previous is None or previous.effect_response is None
                else previous.effect_response
            )
            columns += [pseudo - follows]
        stacked = np.column_stack(columns)
        squares = float(h @ working**2)
        clean = self.demeaned(stacked, h, self._tolerance(squares, previous))
        explained = working - clean[:, 0]
        x = np.ascontiguousarray(clean[:, 1 : 1 + (0 if effects_only else self.x.shape[1])])
        effect_response = None if pseudo is None else pseudo - clean[:, -1]
        information, score = self._profiled(point, h, x, clean[:, 0], explained, effect_response)
        step, definite = newton_step(information, score)
        move = explained + times(x, step[: x.shape[1]])
        if effect_response is not None:
            move += step[-1] * effect_response
        gained = float(h @ explained**2) + float(step @ information @ step)
        share = float(h @ move**2) / squares if squares > 0 else 0.0
        decrement = gained / self.family.unit if definite else None
        return NewtonStep(x, effect_response, information, score, step, move, decrement, share)

    def _tolerance(self, squares: float, previous: NewtonStep | None) -> float:
        """Return the demeaner's tolerance: loose at first, then as tight as required."""
        exact = self.demeaner.tol
        if squares > 0:
            exact = min(exact, np.sqrt(_UNRESOLVED * self.family.unit / squares))
        exact = max(exact, _TIGHTEST)
        if previous is None or previous.decrement is None:
            return exact
        return float(np.clip(_PER_GAIN * previous.share, exact, max(exact, _LOOSEST)))

    def _profiled(
        self,
        point: Point,
        h: Numpy,
        x: Numpy,
        working: Numpy,
        explained: Numpy,
        effect_response: Numpy | None,
    ) -> tuple[Numpy, Numpy]:
        """Return information and score of the parameters with the effects concentrated out."""
        rows, p = point.rows, x.shape[1]
        score = cross_product(x, h * working) if p else np.empty(0)
        if effect_response is None:
            return gram(x, np.sqrt(h)) if p else np.empty((0, 0)), score
        assert rows.cross is not None
        assert rows.own is not None
        assert rows.own_second is not None
        cross = self.weighted(rows.cross)
        information = np.empty((p + 1, p + 1))
        information[:p, :p] = gram(x, np.sqrt(h)) if p else 0.0
        information[:p, p] = information[p, :p] = -cross_product(x, cross) if p else 0.0
        weights = self.family.weights
        information[p, p] = -total(rows.own_second, weights) - float(cross @ effect_response)
        own = total(rows.own, weights) + float(cross @ explained)
        return information, np.append(score, own)

    def moved(self, point: Point, step: NewtonStep) -> Point | None:
        """Take the step, halved until the log-likelihood rises; None when it never does."""
        length, gain = 1.0, (step.decrement or 0.0) * self.family.unit
        slack = _ROUNDING * point.size
        while length >= _SMALLEST_STEP:
            self.control.check()
            theta = point.theta + length * step.direction if len(step.direction) else point.theta
            new = self.at(theta, point.index + length * step.index_change)
            if new.loglik >= point.loglik + _ARMIJO * length * gain - slack and _usable(new):
                return new
            length /= 2
        return None


def _usable(point: Point) -> bool:
    return bool(np.isfinite(point.rows.first).all() and np.isfinite(point.rows.second).all())


def _shortfall(found: Demeaned, tolerance: float) -> str:
    return (
        f"The demeaner ended after {counted(found.iterations, 'iteration')} with a relative "
        f"residual of {found.residuals.max():.1e}, above the {tolerance:.0e} that this step "
        "needs; allow more iterations or choose another"
    )
