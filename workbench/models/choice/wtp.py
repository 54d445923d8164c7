"""Mean coefficients of a model of choice, and willingness to pay with its intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from workbench.errors import InferenceError, OptionError
from workbench.kernels.choice.coefficients import EXPONENTIAL, MINUS_EXPONENTIAL, POSITIVE
from workbench.models.choice.options import LatentClass, MixedLogit
from workbench.models.choice.prediction import Mixture, class_coefficients, mixture
from workbench.models.choice.state import ChoiceState
from workbench.protocols import Numpy

Parameters = Mapping[str, Any] | pd.Series
"""All parameters by name, the fixed ones included; each a number or an array of one shape."""

DELTA = "delta"
METHODS = (DELTA, "krinsky_robb")
# Relative, for central differences, which keep about ten digits.
_STEP = 1e-6


def mean_coefficients(settings: Any, state: ChoiceState, params: Parameters) -> Numpy:
    """Return the mean of each coefficient over persons, by class, ``(C, p, ...)``.

    In willingness-to-pay space they are the price's coefficient and willingness to pay.
    """
    if isinstance(settings, LatentClass):
        return class_coefficients(settings, state, params)
    if isinstance(settings, MixedLogit):
        return mean_values(mixture(settings, state, params))[None]
    return np.array([[params[name] for name in state.columns]])


def mean_values(mixed: Mixture) -> Numpy:
    """Return the mean of each coefficient, or of willingness to pay, over persons, ``(p, ...)``."""
    found = mixed.means.copy()
    sds = np.sqrt(np.sum(mixed.factor**2, axis=1))
    for k, each in enumerate(mixed.random):
        mean, sd = found[each.column], sds[k]
        if each.shape in {EXPONENTIAL, MINUS_EXPONENTIAL}:
            sign = 1.0 if each.shape == EXPONENTIAL else -1.0
            found[each.column] = sign * np.exp(mean + sd**2 / 2)
        elif each.shape == POSITIVE:
            ratio = mean / np.where(sd > 0, sd, np.inf)
            both = mean * stats.norm.cdf(ratio) + sd * stats.norm.pdf(ratio)
            found[each.column] = np.where(sd > 0, both, np.maximum(mean, 0.0))
    return found


def price_of(settings: Any, columns: Sequence[str], given: str | None) -> str:
    """Return the column of the price.

    Parameters
    ----------
    settings
        The options of the model, which may name it.
    columns
        The columns of the model.
    given
        The column that the call names, or None.

    Raises
    ------
    OptionError
        When none is given, or it is not the model's.
    """
    own = getattr(settings, "wtp_price", None)
    name = given or own
    if name is None or name not in columns or (own and name != own):
        raise OptionError(
            "Willingness to pay needs the price's column."
            if name is None
            else f'The price "{name}" is not the price of the model.',
            hint=f'price="{own}".' if own else f"price= with one of {list(columns)}.",
            code="no-price",
            where="price",
        )
    return str(name)


def check_options(method: str, level: float, draws: int) -> None:
    """Refuse invalid options."""
    if method not in METHODS:
        raise OptionError(
            f'There is no method "{method}" for willingness to pay.',
            hint='"delta" or "krinsky_robb".',
            code="bad-option",
            where="method",
        )
    if draws < 2:
        raise OptionError(
            f"The option draws is {draws!r}.",
            hint="2 or more, such as 10000.",
            code="bad-option",
            where="draws",
        )
    if not 0 < level < 1:
        raise OptionError(
            f"The confidence level is {level}; it must lie between 0 and 1.",
            hint="level=0.95.",
            code="bad-level",
            where="level",
        )


@dataclass(frozen=True)
class WillingnessToPay:
    """Willingness to pay for each other column, ``w`` of them, class by class.

    Attributes
    ----------
    settings
        The options of the model.
    state
        The state of the fit.
    params
        The estimates by name, ``(k,)``.
    price
        The column of the price.
    """

    settings: Any
    state: ChoiceState
    params: pd.Series
    price: str

    @property
    def names(self) -> list[str]:
        """The columns, after their class where there are several, ``(w,)``."""
        others = [name for name in self.state.columns if name != self.price]
        if not isinstance(self.settings, LatentClass):
            return others
        classes = range(1, self.settings.classes + 1)
        return [f"class {c}: {name}" for c in classes for name in others]

    @property
    def values(self) -> Numpy:
        """Minus the ratios of mean coefficients to that of the price, ``(w,)``."""
        return self._at(self.params)

    def _at(self, params: Parameters) -> Numpy:
        """Return the ratios at parameters ``(...)`` by name, ``(w, ...)``."""
        shape = np.shape(params[self.params.index[0]])
        held = {name: np.full(shape, value) for name, value in self.state.held.items()}
        means = mean_coefficients(self.settings, self.state, {**params, **held})
        at = list(self.state.columns).index(self.price)
        others = np.delete(means, at, axis=1)
        if getattr(self.settings, "wtp_price", None) is None:
            others = -others / means[:, [at]]
        return others.reshape(-1, *shape)

    def by_delta(self, covariance: Numpy, level: float) -> tuple[Numpy, Numpy, Numpy]:
        """Return errors and limits by the delta method, ``(w,)`` each.

        Ratios that depend on a parameter without a standard error have none.
        """
        jacobian, known = self._jacobian(), np.isfinite(np.diag(covariance))
        used = jacobian[:, known]
        variances = np.diag(used @ covariance[np.ix_(known, known)] @ used.T)
        unknown = (jacobian[:, ~known] != 0).any(axis=1)
        errors = np.where(unknown, np.nan, np.sqrt(variances))
        reach = stats.norm.ppf((1 + level) / 2) * errors
        return errors, self.values - reach, self.values + reach

    def _jacobian(self) -> Numpy:
        """Return the derivative of the ratios by the parameters, ``(w, k)``."""
        names, values = self.params.index, self.params.to_numpy()
        steps = _STEP * np.maximum(np.abs(values), 1e-3)
        above, below = (
            self._at(dict(zip(names, values[:, None] + side, strict=True)))
            for side in (np.diag(steps), -np.diag(steps))
        )
        return np.asarray((above - below) / (2 * steps))

    def by_draws(
        self, covariance: Numpy, level: float, draws: int, seed: int
    ) -> tuple[Numpy, Numpy, Numpy]:
        """Return errors and limits over draws of the estimates, ``(w,)`` each.

        Raises
        ------
        InferenceError
            When a parameter has no standard error.
        """
        if not np.isfinite(covariance).all():
            raise InferenceError(
                "Some parameters have no standard errors, which the draws need.",
                hint='method="delta", for those that do.',
                code="no-standard-error",
            )
        rng, index = np.random.default_rng(seed), self.params.index
        drawn = rng.multivariate_normal(self.params.to_numpy(), covariance, draws)
        ratios = self._at(dict(zip(index, drawn.T, strict=True)))
        low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2], axis=1)
        return ratios.std(axis=1, ddof=1), low, high
