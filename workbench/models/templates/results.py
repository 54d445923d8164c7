"""What a fitted template of a likelihood says: expected outcomes, probabilities and residuals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.design import prediction_matrix
from workbench.data.table import Table, as_table
from workbench.likelihoods.base import Likelihood, Support
from workbench.models.design.results import FormulaState, MeanFit, row_labels
from workbench.protocols import Numpy
from workbench.results.fit import Fit


@dataclass(frozen=True)
class TemplateState(FormulaState):
    """What the fit of a likelihood template keeps.

    Attributes
    ----------
    equations
        Of each equation after the first its name, what builds its columns, and their names.
    ordered_levels
        The levels of an ordered outcome, in their order.
    """

    equations: Sequence[Mapping[str, Any]] = ()
    ordered_levels: Sequence[str] = ()


@dataclass(frozen=True, repr=False)
class TemplateFit(MeanFit):
    """The fit of a likelihood template."""

    state: TemplateState = field(default_factory=TemplateState, repr=False)

    @property
    def likelihood(self) -> Likelihood:
        """The likelihood that was fitted."""
        model: Any = self.model
        likelihood: Likelihood = model.likelihood
        return likelihood

    @property
    def latent_scale(self) -> str:
        """The name of a binary model, whose coefficients are in units of its own latent error."""
        likelihood = self.likelihood
        return likelihood.name if likelihood.support is Support.ZERO_ONE else ""

    @property
    def further_coefficients(self) -> tuple[str, ...]:
        """The coefficients of the equations after the first."""
        return tuple(name for part in self.state.equations for name in part["names"])

    def ratio_note(self, restricted: Fit) -> str:
        """Say where the smaller model holds a parameter of this one at its bound."""
        fresh = [name for name in self.nuisance if name not in restricted.nuisance]
        bounded = [name for name in fresh if name in self.likelihood.positive]
        if bounded and not self.further_coefficients:
            return f"{bounded[0]} = 0 is a bound, so p is half of that"
        return super().ratio_note(restricted)

    # Prediction ---------------------------------------------------------------------------------

    def predict(self, data: Any = None) -> Any:
        """Return the expected outcome of each row, or a column of probabilities per level.

        Parameters
        ----------
        data
            A table with the columns of the formulas; the run's own rows by default.

        Returns
        -------
        A Series ``(n,)``, or for an ordered outcome a DataFrame ``(n, J)``, by the labels of the
        data's index.

        Raises
        ------
        InferenceError
            When no data are given and the fit was read from the record.
        DataError
            When a column is missing, or a factor has a level that the fit has not seen.
        """
        if data is None:
            problem = self._live_problem()
            predictors, labels = problem.predictors(self.estimated.to_numpy()), row_labels(problem)
        else:
            table = as_table(data)
            predictors, labels = self._predictors(table), table.index
        if self.state.ordered_levels:
            chances = self.likelihood.probabilities(predictors, self._further)
            return pd.DataFrame(chances, labels, list(self.state.ordered_levels))
        mean = self.likelihood.mean(predictors, self._further)
        return pd.Series(mean, labels, name=f"E({self.depvar})")

    @property
    def residuals(self) -> pd.Series:
        """Outcome minus fitted mean of each row used, by the labels of the data's index.

        Raises
        ------
        OptionError
            When the outcome is a level, which has no mean.
        """
        return super().residuals

    def _predictors(self, table: Table) -> list[Numpy]:
        """Return the linear predictor of each equation in a table's rows, ``(n,)`` each."""
        found, params = [self._index(table)], self.estimated
        for part in self.state.equations:
            x = prediction_matrix(part["design"], table)[:, list(part["kept"])]
            found.append(np.asarray(x @ params[list(part["names"])].to_numpy()))
        return found

    @property
    def _further(self) -> Numpy:
        """The parameters that are not coefficients."""
        estimated = self.estimated.to_numpy()
        return estimated[len(estimated) - len(self.nuisance) :]
