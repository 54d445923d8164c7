"""What every likelihood template states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Literal

import numpy as np
import scipy.linalg

from workbench.backends import Array, Backend
from workbench.kernels.likelihood.parameters import LOG, Block, OutcomeTerm
from workbench.kernels.likelihood.separation import (
    Separation,
    separating_direction,
    vanishing_direction,
)
from workbench.kernels.linear.gram import cross_product, gram
from workbench.kernels.linear.moments import Moments
from workbench.options import Options
from workbench.protocols import Numpy

# Above this the columns are far enough apart for a factorization without pivots.
_SAFE_PIVOT = 1e-4


class Support(Enum):
    """The values an outcome may take; the text completes "must be ..."."""

    REAL = "a finite number"
    ZERO_ONE = "0 or 1"
    COUNT = "zero or more"
    WHOLE_COUNT = "a whole number, zero or more"
    ORDERED = "one of a set of ordered levels"

    def violations(self, y: Numpy) -> np.ndarray:
        """Return the positions of the rows outside the support."""
        allowed = np.isfinite(y)
        if self is Support.ZERO_ONE:
            allowed = (y == 0) | (y == 1)
        if self in {Support.COUNT, Support.WHOLE_COUNT}:
            allowed &= y >= 0
        if self is Support.WHOLE_COUNT:
            allowed &= y == np.floor(y)
        return np.flatnonzero(~allowed)


@dataclass(frozen=True)
class Equation:
    """One linear predictor of a row, with a design of its own.

    Attributes
    ----------
    name
        The first equation is the formula's; the coefficients of a further one are called
        ``name:column``.
    option
        The field of the likelihood that holds the right side of a further equation, ``"~ z"``.
    thresholds
        Whether a block of thresholds takes the place of the constant.
    saturation
        The absolute predictor from which fitted probabilities, or means, are 0 or 1 to eight
        digits, so that separation is looked for.
    vanishes
        Whether the equation has no effect any more where its constant falls without bound.
    """

    name: str
    option: str = ""
    thresholds: bool = False
    saturation: float | None = None
    vanishes: bool = False


@dataclass(frozen=True)
class Observed:
    """What start values are computed from.

    Attributes
    ----------
    y
        The outcome ``(n,)``; of ordered levels their numbers from 0.
    designs
        One ``(n, p_a)`` for each equation.
    offset
        Of the first equation, ``(n,)`` or None.
    moments
        The second moments of the first design, where they are known without weights.
    columns
        Further columns by role.
    weights
        One factor for each row, ``(n,)``, or None.
    """

    y: Numpy
    designs: tuple[Numpy, ...]
    offset: Numpy | None = None
    moments: Moments | None = None
    columns: Mapping[str, Numpy] = field(default_factory=dict)
    weights: Numpy | None = None

    @property
    def x(self) -> Numpy:
        """The design of the first equation."""
        return self.designs[0]

    @property
    def shift(self) -> Numpy | float:
        """The offset, or zero."""
        return 0.0 if self.offset is None else self.offset


@dataclass(frozen=True)
class Start:
    """Start values in the coordinates of the formula.

    ``coefficients`` has one array ``(p_a,)`` for each equation, ``parameters`` the others ``(m,)``.
    """

    coefficients: tuple[Numpy, ...]
    parameters: Numpy = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, kw_only=True)
class Likelihood(Options, ABC):
    r"""A likelihood with rows that read the data through linear predictors and a few parameters.

    A template states one formula, :meth:`contributions`, of the predictors
    :math:`x_{ai}^\top\beta_a` of its equations and of its parameters on their natural scale.
    Derivatives, the blocks of the Hessian and the scales on which parameters are estimated are
    the kernel's.  A template's options are the fields of its class.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    formula: ClassVar[str]
    support: ClassVar[Support]
    equations: ClassVar[tuple[Equation, ...]] = (Equation("mean"),)
    parameters: ClassVar[tuple[Block, ...]] = ()
    columns: ClassVar[tuple[str, ...]] = ()
    """The roles of further columns: event, entry, left, right, trials.  Each is also the name of
    the option that says which column of the data has it."""
    unit: ClassVar[Literal["row", "group"]] = "row"
    """What has one log-likelihood: a row, or a group with rows that ``columns["group"]`` sums."""
    group: ClassVar[str | None] = None
    """The column of groups; a likelihood of groups has an option of this name."""
    scales_outcome: ClassVar[bool] = False
    """Whether the outcome may be centred and scaled before the fit, and estimates put back."""
    with_effects: ClassVar[str] = ""
    """The name of the model that takes this one's place when fixed effects are added."""
    body: ClassVar[str] = ""
    """The log-likelihood as the body of a ``%%mle`` cell, from which a person's own can start."""
    usual_for: ClassVar[str] = ""
    """The type of outcome for which a page proposes the model: 0/1, integer or number."""
    textbook: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Formulas of data sets that textbooks use, with the options that each needs."""
    further_parameters: ClassVar[tuple[str, ...]] = ()
    """Names of the parameters that are not coefficients, as far as no data are needed."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.further_parameters = tuple(name for block in cls.parameters for name in block.names)

    @property
    def counts(self) -> bool:
        """Whether the outcome is a count."""
        return self.support in {Support.COUNT, Support.WHOLE_COUNT}

    @property
    def positive(self) -> tuple[str, ...]:
        """Names of the positive parameters, with zero as their bound."""
        return tuple(n for b in self.parameters if b.transform == LOG for n in b.names)

    @property
    def formulas(self) -> dict[str, str]:
        """The right sides of the further equations by their names."""
        named = {equation.name: equation.option for equation in self.equations if equation.option}
        return {name: getattr(self, option) for name, option in named.items()}

    @abstractmethod
    def contributions(
        self,
        y: Array,
        predictors: Sequence[Array],
        parameters: Sequence[Array],
        columns: Mapping[str, Any],
        xp: Backend,
    ) -> Array:
        """Return the log-likelihood of each unit, shape ``(n,)``, in nats, constants included.

        Parameters
        ----------
        y
            The outcome ``(n,)``.
        predictors
            The linear predictor of each equation, ``(n,)`` each.
        parameters
            The natural parameters as the row reads them, ``(n,)`` each.
        columns
            Further columns by role; a likelihood of groups also finds ``group`` here.
        xp
            The verbs of the library that computes.
        """

    def outcome_term(self, y: Numpy, parameters: Numpy) -> OutcomeTerm | None:
        """Return a part that no regressor enters, for distinct outcomes ``(u,)``, in numpy.

        It is added to `contributions`.  Sums over counts belong here, which would be slow row by
        row; most templates have none.
        """
        return None

    @abstractmethod
    def start(self, data: Observed) -> Start:
        """Return start values from a closed form, or a first stage."""

    def blocks(self, y: Numpy, levels: Sequence[str]) -> tuple[Block, ...]:
        """Return the parameters that are not coefficients; their number may depend on the data."""
        return self.parameters

    def derived(self, y: Numpy, levels: Sequence[str]) -> Mapping[str, Numpy]:
        """Return further columns ``(n,)`` that the formula reads and the outcome determines."""
        return {}

    def mean(self, predictors: Sequence[Numpy], parameters: Numpy) -> Numpy | None:
        """Return the expected outcome of each row, ``(n,)``, or None where there is none."""
        return None

    def probabilities(self, predictors: Sequence[Numpy], parameters: Numpy) -> Numpy | None:
        """Return the probability of each level, ``(n, J)``, where the outcome is a level."""
        return None

    def null_loglik(self, y: Numpy, weights: Numpy | None, offset: Numpy | None) -> float | None:
        """Return the log-likelihood, in nats, of constants alone, where it has a closed form."""
        return None

    # What is said of the data and of the estimates ------------------------------------------------

    def check_data(self, data: Observed, outcome: str) -> None:
        """Refuse data that the likelihood cannot be estimated from.

        Raises
        ------
        DataError
            Naming the outcome and what to do.
        """

    def notes_before(self, data: Observed, outcome: str) -> tuple[str, ...]:
        """Return sentences on what the data say before any step is taken."""
        return ()

    def notes_after(
        self, data: Observed, parameters: Numpy, loglik: float, outcome: str
    ) -> tuple[str, ...]:
        """Return sentences on the estimates; ``parameters (m,)`` are those besides coefficients."""
        return ()

    def at_limit(self, names: Sequence[str], outcome: str) -> str:
        """Say what the model becomes where these parameters lie at their bounds."""
        return ""

    # Where no maximum exists ---------------------------------------------------------------------

    def saturated(self, y: Numpy, predictors: Sequence[Numpy], parameters: Numpy) -> list[bool]:
        """Return for each equation whether some rows are predicted as good as exactly."""
        return [
            equation.saturation is not None
            and float(np.abs(index).max(initial=0.0)) >= equation.saturation
            for equation, index in zip(self.equations, predictors, strict=True)
        ]

    def separating(self, equation: int, y: Numpy, x: Numpy) -> Separation | None:
        """Look for a direction of an equation's coefficients along which the likelihood rises."""
        return vanishing_direction(y, x) if self.counts else separating_direction(y, x)

    # Where the formula's coordinates are not natural parameters --------------------------------

    def natural(self, params: Numpy) -> Numpy:
        """Turn the coordinates of the formula ``(k,)`` into natural parameters."""
        return params

    def unconstrained(self, params: Numpy) -> Numpy:
        """Turn natural parameters ``(k,)`` into the coordinates of the formula."""
        return params

    def natural_jacobian(self, params: Numpy) -> Numpy:
        """Return the derivative of :meth:`natural`, shape ``(k, k)``."""
        return np.eye(len(params))


def least_squares(y: Numpy, x: Numpy, moments: Moments | None = None) -> Numpy:
    """Return the coefficients ``(p,)`` of least squares, by normal equations.

    They serve as start values, so speed matters more than the last digits.
    """
    return normal_equations(gram(x) if moments is None else moments.gram, cross_product(x, y))


def normal_equations(square: Numpy, cross: Numpy) -> Numpy:
    """Solve ``square b = cross`` for ``b (p,)``, the shortest one where many do."""
    scale = np.sqrt(np.maximum(np.diag(square), np.finfo(float).tiny))
    scaled, right = square / np.outer(scale, scale), cross / scale
    try:
        factor = np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError:
        factor = np.zeros_like(scaled)
    if np.diag(factor).min(initial=1.0) > _SAFE_PIVOT:
        return np.asarray(scipy.linalg.cho_solve((factor, True), right) / scale)
    return np.asarray(np.linalg.lstsq(scaled, right, rcond=1e-12)[0] / scale)


def total(values: Numpy, weights: Numpy | None) -> float:
    """Sum rows, each as often as its weight says."""
    return float(np.sum(values if weights is None else weights * values))
