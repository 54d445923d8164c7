"""Results of likelihood templates: expected outcomes, probabilities and residuals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.design import columns_predicted_from, prediction_matrix
from workbench.data.table import Table, as_table
from workbench.errors import OptionError
from workbench.likelihoods.base import Likelihood, Support
from workbench.models.design.results import FormulaState, MeanFit, refuse_all_missing, row_labels
from workbench.models.templates.parallel_lines import ParallelLines, parallel_lines
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
        """The name of a binary model, with coefficients in units of its own latent error."""
        likelihood = self.likelihood
        return likelihood.name if likelihood.support is Support.ZERO_ONE else ""

    @property
    def further_coefficients(self) -> tuple[str, ...]:
        """The coefficients of the equations after the first."""
        return tuple(name for part in self.state.equations for name in part["names"])

    @property
    def unconstrained(self) -> pd.DataFrame:
        """The parameters that are not estimated on their natural scale, on the scale they are.

        One row for each, with the columns ``estimate`` and ``std_error``, by the delta method from
        the errors in force: ``log(alpha)``, which Stata calls ``/lnalpha``, for example.

        Examples
        --------
        >>> import workbench as wb
        >>> fit = wb.fit("negbin2", "mdvis ~ lncoins", "randhie", backend="torch")
        >>> fit.unconstrained.index.tolist()
        ['log(alpha)']
        """
        names = [n for n in self.further_parameters if n in self.likelihood.positive]
        values, errors = self.params[names], self.se[names]
        columns = {"estimate": np.log(values), "std_error": errors / values}
        return pd.DataFrame(columns).rename(index="log({})".format)

    def ratio_note(self, restricted: Fit) -> str:
        """Say where a parameter is at its bound in the smaller model."""
        fresh = [str(name) for name in self.params.index if name not in restricted.params.index]
        vanishing = [e.name for e in self.likelihood.equations if e.vanishes]
        if any(name.partition(":")[0] in vanishing for name in fresh):
            return "Without that equation its share is at the bound, so p is only a guide"
        bounded = [name for name in fresh if name in self.likelihood.positive]
        if bounded:
            return f"{bounded[0]} = 0 is a bound, so p is half of that"
        return super().ratio_note(restricted)

    def parallel_lines(self) -> ParallelLines:
        """Test that the slopes are the same at every cutpoint of an ordered logit.

        Raises
        ------
        OptionError
            When the model is not an ordered logit, or has two levels.
        InferenceError
            When the fit was read from the record, or the levels on one side of a cutpoint are
            predicted exactly.
        """
        if len(self.state.ordered_levels) < 3:
            raise OptionError(
                f"The model {self.model_title} has no slopes at several cutpoints to compare.",
                hint='wb.fit("ordered_logit", "rating ~ x", df), with three levels or more.',
                code="no-cutpoints",
            )
        problem = self._live_problem()
        part = problem.parts[0]
        x = problem.design.matrix[:, list(part.columns.kept)]
        return parallel_lines(
            problem.y,
            x,
            part.names,
            self.further_parameters,
            problem.weights.values,
            problem.offset,
        )

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
            When a column is missing, infinite or of another type, a factor has a level that the fit
            has not seen, or no row of several can be predicted.
        """
        if data is None:
            problem = self._live_problem()
            predictors, labels = problem.predictors(self.estimated.to_numpy()), row_labels(problem)
        else:
            table = as_table(data).for_prediction(self.notes)
            predictors, labels = self._predictors(table), table.index
            refuse_all_missing(np.sum(predictors, axis=0), table, self._columns_read())
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

    def _columns_read(self) -> tuple[str, ...]:
        parts = [part["design"] for part in self.state.equations]
        further = (name for part in parts for name in columns_predicted_from(part))
        return (*super()._columns_read(), *further)

    @property
    def _further(self) -> Numpy:
        """The parameters that are not coefficients."""
        estimated = self.estimated.to_numpy()
        return estimated[len(estimated) - len(self.further_parameters) :]
