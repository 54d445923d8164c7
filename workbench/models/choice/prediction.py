"""Probabilities of alternatives from the estimates of a model of choice, for any long data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.data.design import prediction_matrix
from workbench.data.names import level_text
from workbench.data.table import Table
from workbench.errors import DataError
from workbench.kernels.choice.coefficients import (
    EXPONENTIAL,
    MINUS_EXPONENTIAL,
    POSITIVE,
    RandomCoefficient,
    factor_pairs,
)
from workbench.kernels.choice.draws import base_draws, gauss_hermite
from workbench.kernels.choice.nested_logit import nested_probabilities, nested_sets
from workbench.models.choice.data import identify, labelled, refuse_twice, refuse_varying
from workbench.models.choice.options import (
    GAUSS_HERMITE,
    LatentClass,
    MixedLogit,
    NestedLogit,
    RowColumns,
)
from workbench.models.choice.state import ChoiceState, PersonState
from workbench.protocols import Numpy

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ChoiceSets:
    """The choice sets of long data that can be predicted, sorted by person and situation.

    Attributes
    ----------
    x
        The model's columns, ``(m, p)``.
    rows
        Position of each row in the table, ``(m,)``.
    first
        Where each situation begins, ``(s + 1,)``.
    person
        The person of each situation, ``(s,)``, numbered from 0.
    alternative
        The alternative of each row, as text.
    z
        Covariates of the membership in latent classes, by person, or None.
    s
        Covariates of the log of the scale, by row, ``(m, g)``, or None.
    """

    x: Numpy
    rows: Int64
    first: Int64
    person: Int64
    alternative: Any
    z: Numpy | None = None
    s: Numpy | None = None

    @property
    def situation_of(self) -> Int64:
        """The situation of each row, ``(m,)``."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    @property
    def persons(self) -> int:
        """The number of persons."""
        return int(self.person.max(initial=-1)) + 1

    def shares(self, utility: Numpy) -> Numpy:
        """Return the logit's probabilities within situations, ``(m, ...)``."""
        begin, situation = self.first[:-1], self.situation_of
        raised = np.exp(utility - np.maximum.reduceat(utility, begin, axis=0)[situation])
        return np.asarray(raised / np.add.reduceat(raised, begin, axis=0)[situation])


def choice_sets(state: ChoiceState, table: Table, roles: RowColumns) -> ChoiceSets:
    """Read the choice sets of a table with the design of a fit.

    Situations with an incomplete row are left out.

    Raises
    ------
    DataError
        When no situation is complete, one lists an alternative twice, or a covariate of persons
        differs between the rows of one.
    """
    x = prediction_matrix(state.design, table)[:, list(state.kept)]
    z, s = (_of_persons(part, table) for part in (state.members, state.scale))
    situation, person = identify(table, roles)
    named = table.column(roles.alternatives).notna().to_numpy()
    whole = np.isfinite(x).all(axis=1) & (situation >= 0) & (person >= 0) & named
    for each in (z, s):
        whole &= True if each is None else np.isfinite(each).all(axis=1)
    broken = np.unique(situation[~whole])
    rows = np.flatnonzero(whole & ~np.isin(situation, broken))
    if not len(rows):
        raise DataError(
            "No choice situation of the data is complete.",
            hint="fill the gaps of the model's columns.",
            code="no-rows-left",
        )
    codes = labelled(table.column(roles.alternatives))[0]
    refuse_twice(table, roles, rows, situation[rows], codes[rows])
    order = rows[np.lexsort((situation[rows], person[rows]))]
    changes = np.flatnonzero(np.diff(situation[order])) + 1
    first = np.concatenate([[0], changes, [len(order)]]).astype(np.int64)
    of_situation = np.unique(person[order][first[:-1]], return_inverse=True)[1]
    labels = table.column(roles.alternatives).iloc[order]
    names = np.array([level_text(value) for value in labels.tolist()], dtype=object)
    begins = np.unique(of_situation, return_index=True)[1]
    of_row = of_situation[np.repeat(np.arange(len(first) - 1), np.diff(first))]
    for part, values in ((state.members, z), (state.scale, s)):
        if part is not None and values is not None:
            shared = values[order[first[:-1][begins]]][of_row]
            for name, differs in zip(part.names, (values[order] != shared).T, strict=True):
                refuse_varying(order[differs], name, table, roles)
    members = None if z is None else z[order][first[:-1][begins]]
    scale = None if s is None else s[order]
    return ChoiceSets(x[order], order, first, of_situation.astype(np.int64), names, members, scale)


def _of_persons(part: PersonState | None, table: Table) -> Numpy | None:
    """Return the covariates of persons, ``(rows, g)``, where there are any."""
    if part is None:
        return None
    return np.asarray(prediction_matrix(part.design, table)[:, list(part.kept)])


def probabilities(
    settings: Any, state: ChoiceState, params: pd.Series, sets: ChoiceSets, seed: int
) -> Numpy:
    """Return the probability of each row, ``(m,)``.

    Parameters
    ----------
    settings, state
        Of the fit.
    params
        All parameters by name, the fixed ones included.
    sets
        The rows.
    seed
        Of the draws of a mixed logit.
    """
    columns = list(state.columns)
    if sets.s is not None and state.scale is not None:
        logs = sets.s @ params[[f"scale.{name}" for name in state.scale.names]].to_numpy()
        # Utility is a sum of these columns times coefficients.
        sets = replace(sets, x=sets.x * np.exp(logs)[:, None], s=None)
    if isinstance(settings, NestedLogit):
        return _nested(settings, params, sets, params[columns].to_numpy())
    if isinstance(settings, LatentClass):
        return _latent(settings, state, params, sets)
    if isinstance(settings, MixedLogit):
        return _mixed(settings, state, params, sets, seed)
    return sets.shares(sets.x @ params[columns].to_numpy())


def _nested(settings: NestedLogit, params: pd.Series, sets: ChoiceSets, beta: Numpy) -> Numpy:
    """Return probabilities within nests times those of nests."""
    of = {each: k for k, members in enumerate(settings.nests.values()) for each in members}
    unknown = [each for each in pd.unique(sets.alternative) if each not in of]
    if unknown:
        raise DataError(
            f"The alternative {unknown[0]} is in no nest of this fit.",
            hint=f"one of {list(of)}.",
            code="no-such-alternative",
            where=settings.alternatives,
        )
    nest = np.array([of[each] for each in sets.alternative], dtype=np.int64)
    tau = params[[f"tau.{name}" for name in settings.nests]].to_numpy(dtype=np.float64)
    each_first = np.arange(len(sets.first))
    nested, order = nested_sets(
        sets.x, nest, len(tau), sets.situation_of, each_first, sets.first[:-1]
    )
    found = np.empty(len(order))
    found[order] = nested_probabilities(nested, beta, tau)
    return found


def class_coefficients(
    settings: LatentClass, state: ChoiceState, params: Mapping[str, Any] | pd.Series
) -> Numpy:
    """Return the coefficients of each class, ``(C, p, ...)``, of parameters ``(...)`` by name."""
    return np.array(
        [
            [params[f"class{c}.{name}"] for name in state.columns]
            for c in range(1, settings.classes + 1)
        ]
    )


def memberships(settings: LatentClass, state: ChoiceState, params: pd.Series, z: Numpy) -> Numpy:
    """Return the probability of each class of persons with ``z (n, g)``, ``(n, C)``."""
    names = () if state.members is None else state.members.names
    gamma = np.array(
        [
            [params[f"membership{c}.{name}"] for name in names]
            for c in range(2, settings.classes + 1)
        ]
    )
    index = np.column_stack([np.zeros(len(z)), z @ gamma.T])
    raised = np.exp(index - index.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _latent(
    settings: LatentClass, state: ChoiceState, params: pd.Series, sets: ChoiceSets
) -> Numpy:
    assert sets.z is not None
    member = memberships(settings, state, params, sets.z)
    shares = sets.shares(sets.x @ class_coefficients(settings, state, params).T)
    return np.asarray(np.sum(shares * member[sets.person[sets.situation_of]], axis=1))


# The mixed logit ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Mixture:
    """The distribution of the coefficients of a mixed logit, from natural parameters.

    Attributes
    ----------
    means, factor
        Means of the underlying variates, ``(p,)``, and the Cholesky factor of their covariance,
        ``(q, q)``; both may have further axes over values of the parameters.
    random
        The random coefficients in the order of the draws.
    price
        The column of the price in willingness-to-pay space, or None.
    """

    means: Numpy
    factor: Numpy
    random: tuple[RandomCoefficient, ...]
    price: int | None

    @property
    def columns(self) -> list[int]:
        """The columns of the random coefficients."""
        return [each.column for each in self.random]

    def values(self, variates: Numpy) -> Numpy:
        """Return the random coefficients, or willingness to pay, of variates ``(..., q)``."""
        u = self.means[self.columns] + variates @ self.factor.T
        for k, each in enumerate(self.random):
            u[..., k] = _transformed(each.shape, u[..., k])
        return np.asarray(u)

    def coefficients(self, variates: Numpy) -> Numpy:
        """Return all coefficients of utility, ``(..., p)``."""
        found = np.broadcast_to(self.means, (*variates.shape[:-1], len(self.means))).copy()
        found[..., self.columns] = self.values(variates)
        if self.price is None:
            return found
        price = found[..., self.price].copy()
        found *= -price[..., None]
        found[..., self.price] = price
        return found


def _transformed(shape: int, u: Numpy) -> Numpy:
    if shape == EXPONENTIAL:
        return np.exp(u)
    if shape == MINUS_EXPONENTIAL:
        return -np.exp(u)
    return np.maximum(u, 0.0) if shape == POSITIVE else u


def mixture(
    settings: MixedLogit, state: ChoiceState, params: Mapping[str, Any] | pd.Series
) -> Mixture:
    """Read the distribution of coefficients from all parameters by name."""
    columns, names = list(state.columns), list(settings.random)
    means = np.array([params[name] for name in columns], dtype=np.float64)
    q = len(names)
    factor = np.zeros((q, q, *means.shape[1:]))
    for row, column in factor_pairs(q, settings.correlated).tolist():
        diagonal = f"sd.{names[row]}"
        full = f"chol.{names[column]}.{names[row]}"
        factor[row, column] = params[full if settings.correlated else diagonal]
    random = tuple(RandomCoefficient(columns.index(n), kind) for n, kind in settings.random.items())
    price = None if settings.wtp_price is None else columns.index(settings.wtp_price)
    return Mixture(means, factor, random, price)


def _mixed(
    settings: MixedLogit, state: ChoiceState, params: pd.Series, sets: ChoiceSets, seed: int
) -> Numpy:
    """Average the probabilities over the draws of each person."""
    mixed = mixture(settings, state, params)
    row_of = sets.person[sets.situation_of]
    found = np.zeros(len(sets.x))
    for variates, weight in _variates(settings, state, mixed, sets.persons, seed):
        coefficients = mixed.coefficients(variates)
        each = coefficients if coefficients.ndim == 1 else coefficients[row_of]
        found += weight * sets.shares(np.sum(sets.x * each, axis=1))
    return found


def _variates(
    settings: MixedLogit, state: ChoiceState, mixed: Mixture, persons: int, seed: int
) -> list[tuple[Numpy, float]]:
    """Return the variates of each draw, ``(n, q)``, or of each node, ``(1,)``, with weights."""
    if settings.draw_kind == GAUSS_HERMITE:
        rule = gauss_hermite(settings.draws)
        pairs = zip(rule.nodes.tolist(), rule.weights.tolist(), strict=True)
        return [(np.array([node]), weight) for node, weight in pairs]
    kinds = [each.variate for each in mixed.random]
    drawn = base_draws(settings.draw_kind, persons, settings.draws, len(kinds), seed, kinds)
    drawn = drawn * np.array(state.signs)
    return [(drawn[:, r], 1 / drawn.shape[1]) for r in range(drawn.shape[1])]
