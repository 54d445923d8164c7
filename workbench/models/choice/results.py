"""Results of choice models: shares, elasticities, willingness to pay, persons, tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from workbench.covariances.kinds import without_options
from workbench.data.columns import numbers
from workbench.data.design import columns_predicted_from, prediction_matrix, prediction_numbers
from workbench.data.formula.parser import parse_formula, split_formula
from workbench.data.names import level_text, quoted, shown
from workbench.data.table import Table, as_table
from workbench.data.weights import check_weights
from workbench.errors import DataError, OptionError
from workbench.estimation.model import model_class
from workbench.models.choice.hausman_mcfadden import HausmanMcFadden, hausman_mcfadden
from workbench.models.choice.options import (
    LatentClass,
    MixedLogit,
    MultinomialLogit,
)
from workbench.models.choice.prediction import ChoiceSets, choice_sets, probabilities
from workbench.models.choice.state import ChoiceState
from workbench.models.choice.wtp import (
    DELTA,
    WillingnessToPay,
    check_options,
    mean_coefficients,
    price_of,
)
from workbench.models.design.results import level_terms, refuse_all_missing, row_labels
from workbench.protocols import Numpy
from workbench.results.fit import Availability, Fit

Change = Mapping[str, Any] | Callable[[pd.DataFrame], pd.DataFrame]
"""New columns by name, or a function from the data to the changed data."""

# A relative change by this much leaves about ten digits of a central difference.
_SMALL = 1e-5


@dataclass(frozen=True, repr=False)
class ChoiceFit(Fit):
    """The fit of a model of discrete choice."""

    availability: ClassVar[Mapping[str, Availability]] = {
        "choice": Availability(
            "is not a model of discrete choice",
            'wb.fit("conditional_logit", ..., situation="id", alternatives="mode").',
            "no-choices",
        )
    }

    state: ChoiceState = field(default_factory=ChoiceState, repr=False)

    @property
    def choice(self) -> ChoiceResults:
        """Results on choices: shares, elasticities, willingness to pay."""
        return ChoiceResults(self)

    def predict(self, data: Any = None) -> Any:
        """Return the probability of each row's alternative, NaN in incomplete situations.

        Parameters
        ----------
        data
            Long data; the run's own by default.

        Raises
        ------
        InferenceError
            When no data are given and the fit was read from the record.
        DataError
            When a column is missing, or no choice situation is complete.
        """
        return self.choice.predict(data)

    @property
    def residuals(self) -> pd.Series:
        """Chosen minus fitted probability of each row used, by the labels of the data's index."""
        problem = self._live_problem()
        values = problem.residuals(self.estimated.to_numpy())
        return pd.Series(values, index=row_labels(problem), name="residual")

    @property
    def score_unit(self) -> str:
        """The unit that scores are summed by: person or choice situation; empty for rows."""
        return self.state.unit

    @property
    def _score_units(self) -> float:
        return self.nobs if self.state.persons is None else self.state.persons

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        """The terms ``i(...)`` of the formula."""
        return level_terms(self.state.design)

    def ratio_note(self, restricted: Fit) -> str:
        """Warn of standard deviations at zero and of empty classes: the test is not chi-squared.

        References
        ----------
        Self and Liang (1987), JASA 82(398), case 5, on parameters at a bound; McLachlan and Peel
        (2000), "Finite Mixture Models", section 6.4, on the number of classes.
        """
        fresh = [str(n) for n in self.params.index if n not in restricted.params.index]
        fewer, more = (_random(fit) for fit in (restricted, self))
        if any(name.startswith("sd.") for name in fresh) or fewer < more:
            return "A standard deviation of zero is at the bound, so p is an upper limit"
        if _classes(self) > _classes(restricted):
            return (
                "The coefficients of an empty class are not identified, so the statistic is not "
                "chi-squared; compare AIC or BIC"
            )
        return super().ratio_note(restricted)


def _random(fit: Fit) -> set[str]:
    """Return the random coefficients of a model; empty for a model without."""
    return set(fit.specification.model.settings.get("random", ()))


def _classes(fit: Fit) -> int:
    """Return the number of latent classes; 0 for a model without."""
    return getattr(fit.model, "classes", 0) if isinstance(fit, ChoiceFit) else 0


@dataclass(frozen=True, repr=False)
class MultinomialFit(ChoiceFit):
    """The fit of a multinomial logit."""

    @property
    def outcome_label(self) -> str:
        """The dependent variable with its base."""
        levels = self.state.levels
        return f"{self.depvar} (base {levels[0]})" if levels else self.depvar

    def predict(self, data: Any = None) -> pd.DataFrame:
        """Return the probability of each level, one column per level."""
        return level_probabilities(self, data)


@dataclass(frozen=True)
class ChoiceResults:
    """Results of a model of choice; see `ChoiceFit.choice`."""

    fit: ChoiceFit

    @cached_property
    def settings(self) -> Any:
        """The model's own options."""
        return self.fit.model

    @property
    def params(self) -> pd.Series:
        """All parameters by name, the fixed ones included."""
        held = pd.Series(dict(self.fit.state.held), dtype=np.float64)
        found: pd.Series = pd.concat([self.fit.params, held])
        return found

    def _long(self) -> None:
        if isinstance(self.settings, MultinomialLogit):
            raise OptionError(
                "The multinomial logit has no attributes of alternatives.",
                hint='fit.predict(data), or the model "conditional_logit" on long data.',
                code="no-attributes",
            )

    # Probabilities ------------------------------------------------------------------------------

    def _table(self, data: Any) -> Table:
        if data is not None:
            return as_table(data).for_prediction(self.fit.notes)
        table: Table | None = self.fit._live_problem().table
        assert table is not None
        return table.selected()

    def _sets(self, table: Table) -> ChoiceSets:
        return choice_sets(self.fit.state, table, self.settings.row_columns)

    def _of(self, sets: ChoiceSets, params: pd.Series | None = None) -> Numpy:
        values = self.params if params is None else params
        seed = self.fit.specification.seed
        return probabilities(self.settings, self.fit.state, values, sets, seed)

    def predict(self, data: Any = None) -> pd.Series:
        """Return the probability of each row's alternative, NaN in incomplete situations.

        Parameters
        ----------
        data
            Long data; the run's own by default.
        """
        self._long()
        table = self._table(data)
        sets, found = self._sets(table), np.full(table.nrows, np.nan)
        found[sets.rows] = self._of(sets)
        return pd.Series(found, index=table.index, name=f"P({self.fit.depvar})")

    def shares(self, data: Any = None) -> pd.Series:
        """Return the predicted share of each alternative over choice situations, adding up to 1.

        Parameters
        ----------
        data
            Long data; the run's own by default.
        """
        self._long()
        return self._shares(self._table(data))

    def _shares(self, table: Table, params: pd.Series | None = None) -> pd.Series:
        sets = self._sets(table)
        weight = self._weights(table, sets)
        found = pd.Series(self._of(sets, params) * weight).groupby(sets.alternative).sum()
        return (found / found.sum()).rename("share").rename_axis(None)

    def _weights(self, table: Table, sets: ChoiceSets) -> Numpy:
        name = self.fit.specification.weights
        if name is None or not table.has(name):
            return np.ones(len(sets.rows))
        values = np.nan_to_num(prediction_numbers(table, name)[sets.rows])  # as the fit left out
        check_weights(values, name, self.fit.specification.weight_kind, sets.rows)
        return values

    def counterfactual(
        self, change: Change | None = None, *, without: str | Sequence[Any] = (), data: Any = None
    ) -> pd.DataFrame:
        """Return shares before and after other prices, attributes or availability.

        Parameters
        ----------
        change
            New columns by name, as in ``{"cost": df["cost"] * 1.1}``, or a function from the data
            to the changed data, which may also leave rows out.
        without
            Alternatives to leave out, one or several.
        data
            Long data; the run's own by default.

        Returns
        -------
        Columns ``before``, ``after`` and ``change``, one row per alternative.
        """
        self._long()
        table = self._table(data)
        frame = table.to_frame()
        for name in () if callable(change) else change or {}:
            table.column(name)  # which raises, with the nearest name, where there is none
        after = change(frame.copy()) if callable(change) else frame.assign(**dict(change or {}))
        gone = [level_text(each) for each in ([without] if isinstance(without, str) else without)]
        labels = after[self.settings.alternatives].map(level_text)
        if strange := [each for each in gone if each not in set(labels)]:
            raise DataError(
                f"The data have no alternative {strange[0]}.",
                hint=f"one of {sorted(set(labels))}.",
                code="no-such-alternative",
                where="without",
            )
        if not (stays := ~labels.isin(gone)).any():
            raise DataError(
                "No alternative is left to choose from.",
                hint="fewer alternatives in without=.",
                code="no-rows-left",
                where="without",
            )
        left = Table(after[stays].reset_index(drop=True))
        found = pd.DataFrame({"before": self._shares(table), "after": self._shares(left)})
        found = found.fillna(0.0)
        return found.assign(change=found["after"] - found["before"])

    def elasticities(
        self, column: str, data: Any = None, *, kind: str = "aggregate"
    ) -> pd.DataFrame:
        """Return elasticities of choice probabilities by an attribute of each alternative.

        Parameters
        ----------
        column
            The attribute; the formula may use it in any way.
        data
            Long data; the run's own by default.
        kind : {"aggregate", "mean", "rows"}
            Of the predicted shares, where situations count by their probabilities; the mean over
            situations; or of each row of the data.

        Returns
        -------
        One row for the alternative whose probability changes, and one column for that whose
        attribute does: own elasticities on the diagonal, cross elasticities off it.

        References
        ----------
        Train (2009), "Discrete Choice Methods with Simulation", section 3.6; Ben-Akiva and Lerman
        (1985), "Discrete Choice Analysis", equation 5.29 (aggregate elasticities).
        """
        self._long()
        if kind not in _KINDS:
            raise OptionError(
                f'There is no elasticity "{kind}".',
                hint=f"one of {list(_KINDS)}.",
                code="bad-option",
                where="kind",
            )
        table = self._table(data)
        self._check_attribute(column, table)
        sets = self._sets(table)
        base, weights = self._of(sets), self._weights(table, sets)
        names = sorted(set(sets.alternative))
        moves = {name: self._moved(table, column, name, sets) for name in names}
        if kind == "rows":
            by_row = {name: move / base for name, move in moves.items()}
            return pd.DataFrame(by_row, index=table.index[sets.rows])
        lines = pd.Series(sets.alternative)
        if kind == "mean":
            each = {n: _averaged(move / base, weights, lines) for n, move in moves.items()}
        else:
            total = _averaged(base, weights, lines)
            each = {n: _averaged(move, weights, lines) / total for n, move in moves.items()}
        return pd.DataFrame(each).loc[names].rename_axis("probability of", axis=0)

    def _check_attribute(self, column: str, table: Table) -> None:
        """Refuse a column that is not numeric, or that utility does not depend on."""
        if not is_numeric_dtype(table.column(column)):
            raise DataError(
                f"{shown(column)} is not numeric, so it has no elasticities.",
                hint="fit.choice.counterfactual, for other values of it.",
                code="not-numeric",
                where=column,
            )
        assert self.fit.specification.formula is not None
        sides = [f"~ {split_formula(self.fit.specification.formula).terms}"]
        own = (getattr(self.settings, name, "") for name in ("membership", "scale"))
        sides += filter(None, own)
        parsed = (parse_formula(f"{quoted(column)} {side}", table.names) for side in sides)
        read = [name for each in parsed for name in each.term_reads.columns]
        if column not in read:
            raise DataError(
                f"The model does not depend on {shown(column)}.",
                hint=f"one of {read}.",
                code="no-such-attribute",
                where=column,
            )

    def _moved(self, table: Table, column: str, name: str, sets: ChoiceSets) -> Numpy:
        """Return the change of each row's probability by the log of an attribute of one."""
        frame = table.to_frame()
        mine = (frame[self.settings.alternatives].map(level_text) == name).to_numpy()
        values = numbers(table.column(column), column)
        sides = []
        for step in (_SMALL, -_SMALL):
            moved = frame.assign(**{column: np.where(mine, values * (1 + step), values)})
            again = choice_sets(self.fit.state, Table(moved), self.settings.row_columns)
            sides.append(self._of(again))
        return (sides[0] - sides[1]) / (2 * _SMALL)

    # Coefficients -------------------------------------------------------------------------------

    def mean_coefficients(self, params: pd.Series | None = None) -> pd.DataFrame:
        """Return the mean coefficient of each column; with latent classes one column per class.

        In willingness-to-pay space they are the price's coefficient and willingness to pay.
        """
        self._long()
        values = self.params if params is None else params
        found = mean_coefficients(self.settings, self.fit.state, values)
        names = [f"class {c + 1}" for c in range(len(found))] if len(found) > 1 else ["mean"]
        return pd.DataFrame(found.T, index=list(self.fit.state.columns), columns=names)

    def wtp(
        self,
        price: str | None = None,
        *,
        method: str = "delta",
        level: float = 0.95,
        draws: int = 10_000,
        seed: int | None = None,
        se: str | None = None,
    ) -> pd.DataFrame:
        """Return willingness to pay, minus the ratio of each mean coefficient to the price's.

        Where the price's coefficient varies over persons this is not the mean of ratios; a model
        in willingness-to-pay space (``wtp_price=``) estimates that mean.

        Parameters
        ----------
        price
            The column of the price; the run's own ``wtp_price`` by default.
        method : {"delta", "krinsky_robb"}
            Intervals by the delta method, or by quantiles over draws of the estimates.
        level
            Of the intervals.
        draws, seed
            Of Krinsky and Robb's method; the run's own seed by default.
        se
            The kind of standard errors; the run's own by default.

        Returns
        -------
        Columns ``wtp``, ``se``, ``lower`` and ``upper``.

        References
        ----------
        Krinsky and Robb (1986), "On approximating the statistical properties of elasticities",
        Review of Economics and Statistics 68(4); Hole (2007), Health Economics 16(8), for both.
        """
        self._long()
        check_options(method, level, draws)
        state, column = self.fit.state, price_of(self.settings, self.fit.state.columns, price)
        found = WillingnessToPay(self.settings, state, self.fit.params, column)
        covariance = self.fit.covariance(se).to_numpy()
        if method == DELTA:
            errors, lower, upper = found.by_delta(covariance, level)
        else:
            used = self.fit.specification.seed if seed is None else seed
            errors, lower, upper = found.by_draws(covariance, level, draws, used)
        columns = {"wtp": found.values, "se": errors, "lower": lower, "upper": upper}
        return pd.DataFrame(columns, index=found.names)

    def individual(self) -> pd.DataFrame:
        """Return conditional means of the coefficients, given the choices of each person.

        Mixed logit: the mean of each random coefficient given the choices, which in
        willingness-to-pay space are those of the price and of willingness to pay.  Latent
        classes: the probability of each class, and the mean coefficients.

        References
        ----------
        Revelt and Train (2000), "Customer-specific taste parameters and mixed logit"; Train
        (2009), section 11.3.
        """
        problem = self.fit._live_problem()
        theta = problem.unconstrained(self.fit.params.to_numpy())
        if isinstance(self.settings, MixedLogit):
            names = list(self.settings.random)
            values = problem.conditional_means(theta)
        elif isinstance(self.settings, LatentClass):
            classes = [f"class {c + 1}" for c in range(self.settings.classes)]
            share = problem.posterior(theta)
            values = np.column_stack([share, share @ self.mean_coefficients().to_numpy().T])
            names = [*classes, *self.fit.state.columns]
        else:
            raise OptionError(
                f"The coefficients of the {self.fit.model_title.lower()} are the same for all.",
                hint='the model "mixed_logit" or "latent_class".',
                code="no-individual-parameters",
            )
        return pd.DataFrame(values, index=self._persons(problem), columns=names)

    def _persons(self, problem: Any) -> pd.Index:
        name = self.settings.panel or self.settings.situation
        rows = problem.design.rows[problem.data.first_rows]
        found: pd.Index = pd.Index(problem.table.column(name).iloc[rows], name=name)
        return found

    # Errors and tests ---------------------------------------------------------------------------

    def standard_errors(self) -> pd.DataFrame:
        """Return all kinds of standard errors, one per column, labelled by the unit of sums.

        These are the kinds of the model that need no option, clustered ones where the run has
        clusters.  Where persons choose several times, scores by situation are shown too, as
        software that ignores the panel has them: they treat the choices of a person as independent.
        """
        model = model_class(self.fit.specification.model.name)
        kinds = without_options(model.covariances(), self.fit.specification.clusters)
        found = [self.fit.standard_errors(kind) for kind in kinds]
        table = pd.DataFrame({str(errors.name): errors for errors in found})
        problem: Any = self.fit.live
        several = getattr(self.settings, "panel", None) is not None
        if several and problem is not None and hasattr(problem, "situation_opg"):
            theta = problem.unconstrained(self.fit.params.to_numpy())
            products = problem.situation_opg(theta)
            if products is not None:
                carried = problem.coordinates.jacobian(theta)
                covariance = carried @ np.linalg.inv(products) @ carried.T
                table["scores (OPG) by situation"] = np.sqrt(np.diag(covariance))
        return table

    def hausman_mcfadden(self, without: str) -> HausmanMcFadden:
        """Test the independence of irrelevant alternatives by leaving one out.

        Parameters
        ----------
        without
            The alternative left out, together with those who chose it.

        References
        ----------
        Hausman and McFadden (1984), "Specification tests for the multinomial logit model",
        Econometrica 52(5), equation 3.1.
        """
        return hausman_mcfadden(self.fit, level_text(without))


def level_probabilities(fit: MultinomialFit, data: Any = None) -> pd.DataFrame:
    """Return the probability of each level of a multinomial logit for each row of the data."""
    if data is None:
        problem = fit._live_problem()
        table, rows = problem.table, problem.design.rows
    else:
        table, rows = as_table(data).for_prediction(fit.notes), None
    state = fit.state
    x = prediction_matrix(state.design, table)[:, list(state.kept)]
    if len(x):
        refuse_all_missing(x.sum(axis=1), table, columns_predicted_from(state.design))
    levels, columns = list(state.levels), state.columns
    index = np.zeros((len(x), len(levels)))
    for j, level in enumerate(levels[1:], start=1):
        index[:, j] = x @ fit.params[[f"{level}:{name}" for name in columns]].to_numpy()
    raised = np.exp(index - index.max(axis=1, keepdims=True))
    found = pd.DataFrame(raised / raised.sum(axis=1, keepdims=True), table.index, levels)
    return found if rows is None else found.iloc[rows]


_KINDS = ("aggregate", "mean", "rows")


def _averaged(values: Numpy, weights: Numpy, lines: pd.Series) -> pd.Series:
    """Return weighted means by alternative."""
    total = pd.Series(values * weights).groupby(lines).sum()
    return total / pd.Series(weights).groupby(lines).sum()
