"""Several fits side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import InferenceError, OptionError
from workbench.estimation.outcome import Outcome
from workbench.protocols import Numpy
from workbench.report import numbers
from workbench.report.exports import csv, html, latex, markdown, text, word
from workbench.report.labels import (
    absorbed_by,
    at_maximum,
    clusters,
    data_used,
    device,
    errors_label,
    figure_of,
    has_errors,
    in_table_order,
    kind_note,
    left_out_count,
    library,
    model_name,
    optimizer_title,
    outcome_name,
    same_data,
    sample_of,
    shown_errors,
    unique_names,
    weights_label,
)
from workbench.report.tables.grid import Grid, Row

if TYPE_CHECKING:
    from workbench.results.fit import Fit

STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
_MARK = " †"


def compare(
    *fits: Fit | Iterable[Fit],
    stars: bool = False,
    p_values: bool = False,
    against: Fit | None = None,
    keep: Sequence[str] | None = None,
) -> Comparison:
    """Put fits side by side, one column each, parameters merged by name.

    Parameters
    ----------
    fits
        Fits, or one list of fits, in the order of the columns.
    stars
        Mark estimates by their p-value: ``*`` below 0.05, ``**`` 0.01, ``***`` 0.001.
    p_values
        Print the p-value below the standard error, in square brackets.
    against
        The fit to compare with: a row gives the root mean square difference between each column's
        estimates and those of this fit, over the parameters that both have.
    keep
        The parameters to list; the others are estimated all the same.

    Raises
    ------
    InferenceError
        When a fit has no estimates to compare, as after separation.
    OptionError
        When there is no fit, what is given is not one, or no fit has a parameter to keep.

    Examples
    --------
    >>> import workbench as wb
    >>> ols = wb.fit("ols", "inlf ~ educ", wb.load("mroz"), name="OLS")
    >>> logit = wb.fit("logit", "inlf ~ educ", wb.load("mroz"), name="Logit")
    >>> wb.compare(ols, logit).to_frame()["Logit", "estimate"].round(3).to_dict()
    {'educ': 0.174, 'Intercept': -1.852}
    """
    given = tuple(_flatten(fits))
    if not given:
        raise OptionError(
            "There is no fit to compare.", hint="pass fits: compare(fit1, fit2).", code="no-fits"
        )
    for fit in given:
        _check(fit)
    comparison = Comparison(given, stars, p_values, against, None if keep is None else tuple(keep))
    if unknown := sorted(set(keep or ()) - set(comparison.parameters)):
        raise OptionError(
            f"No fit has the parameters {unknown}.",
            hint=f"pick from {list(comparison.parameters)}.",
            code="no-such-parameter",
            where="keep",
        )
    return comparison


def _flatten(fits: Iterable[Any]) -> Iterable[Any]:
    for item in fits:
        if isinstance(item, Iterable) and not hasattr(item, "params"):
            yield from item
        else:
            yield item


def _check(fit: Any) -> None:
    if not hasattr(fit, "params") or not isinstance(getattr(fit, "outcome", None), Outcome):
        raise OptionError(
            f"A comparison takes fits; this is a {type(fit).__name__}.",
            hint="pass the result of wb.fit, or run.result().",
            code="not-a-fit",
        )
    if not fit.outcome.comparable:
        raise InferenceError(
            f'"{model_name(fit)}" has no estimates to compare: {fit.message}',
            hint="leave it out, or change the model and run it again.",
            code="not-comparable",
            where=model_name(fit),
        )


@dataclass(frozen=True)
class Comparison:
    """Several fits side by side: numbers by :meth:`to_frame`, a table by the other exports."""

    fits: tuple[Fit, ...]
    stars: bool = False
    p_values: bool = False
    against: Fit | None = None
    keep: tuple[str, ...] | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """One unique name per column."""
        return unique_names(self.fits)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """All parameters in the order of the table."""
        found = dict.fromkeys(name for fit in self.fits for name in fit.params.index)
        return in_table_order([str(name) for name in found], self.fits)

    @cached_property
    def estimates(self) -> Numpy:
        """Estimates, shape ``(parameters, fits)``; NaN where a fit has no such parameter."""
        return self._matrix(lambda fit: fit.params)

    @cached_property
    def errors(self) -> Numpy:
        """Standard errors, shape ``(parameters, fits)``; NaN where they do not exist."""
        return self._matrix(shown_errors)

    @cached_property
    def comparable(self) -> bool:
        """Whether the likelihoods are of the same outcome, observations and weights."""
        return len({sample_of(fit) for fit in self.fits}) == 1 and self.share_data

    @cached_property
    def share_data(self) -> bool:
        """Whether all fits use the same data."""
        return all(same_data(self.fits[0], fit) for fit in self.fits[1:])

    @cached_property
    def grid(self) -> Grid:
        """The table as text cells, before it is formatted."""
        depvar, *others = {outcome_name(fit) for fit in self.fits}
        return Grid(
            title=f"Dependent variable {depvar}" if depvar and not others else "",
            heads=self.names,
            subheads=tuple(map(errors_label, self.fits)),
            corner="Standard errors",
            sections=(tuple(self._coefficient_rows()), tuple(self._facts())),
            notes=tuple(self._notes()),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per parameter and, for each fit, the estimate and standard error."""
        columns = pd.MultiIndex.from_product(
            [self.names, ["estimate", "std err"]], names=["model", "figure"]
        )
        values = np.stack([self.estimates, self.errors], axis=2).reshape(len(self.parameters), -1)
        return pd.DataFrame(values, pd.Index(self.parameters, name="parameter"), columns)

    def to_text(self, *, details: bool = False) -> str:
        """Return plain text with aligned decimal points; ``details`` adds steps and time."""
        return text.render(self._table(details))

    def to_html(self, *, padding: bool = True, details: bool = False) -> str:
        """Return HTML with inline styles; without ``padding`` it is ready for a clipboard.

        ``details`` adds steps and time, which the comparison on the screen shows.
        """
        return html.render(self._table(details), padding=padding)

    def to_latex(self, *, details: bool = False) -> str:
        """Return a LaTeX table that needs the package booktabs; ``details`` adds steps and time."""
        return latex.render(self._table(details))

    def to_markdown(self, *, details: bool = False) -> str:
        """Return a pipe table; ``details`` adds steps and time."""
        return markdown.render(self._table(details))

    def to_csv(self) -> str:
        """Return all digits of every figure; names cannot be read as formulas by a spreadsheet."""
        heads = [f"{name} {figure}" for name in self.names for figure in ("estimate", "std err")]
        pairs = np.stack([self.estimates, self.errors], axis=2).reshape(len(self.parameters), -1)
        rows: list[Sequence[object]] = [["parameter", *heads]]
        rows += [[name, *line] for name, line in zip(self.parameters, pairs.tolist(), strict=True)]
        rows += [[row.label, *_spread(row.cells)] for row in self._fixed_effects()]
        rows += [[label, *_spread(values)] for label, values in self._figures()]
        rows.append(["standard errors", *_spread(list(map(errors_label, self.fits)), at=1)])
        return csv.render([*rows, *(["note", sentence] for sentence in self.grid.notes)])

    def to_word(self, path: str | Path, *, details: bool = False) -> Path:
        """Write a Word document with a real table, and return its path.

        ``details`` adds steps and time.
        """
        return word.write(self._table(details), path)

    def _table(self, details: bool) -> Grid:
        return self.grid if details else self.grid.without_details()

    def __str__(self) -> str:
        return self.to_text(details=True)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.to_html(details=True)

    def _repr_markdown_(self) -> str:
        return self.to_markdown(details=True)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {
            "text/plain": str(self),
            "text/html": self._repr_html_(),
            "text/markdown": self._repr_markdown_(),
        }

    def _matrix(self, figures: Callable[[Fit], pd.Series]) -> Numpy:
        place = {name: row for row, name in enumerate(self.parameters)}
        matrix = np.full((len(self.parameters), len(self.fits)), np.nan)
        for column, fit in enumerate(self.fits):
            series = figures(fit)
            matrix[[place[name] for name in series.index], column] = series.to_numpy()
        return matrix

    @cached_property
    def _probabilities(self) -> Numpy:
        return self._matrix(lambda fit: fit.pvalues.where(shown_errors(fit).notna()))

    def _coefficient_rows(self) -> Iterable[Row]:
        listed = set(self.parameters if self.keep is None else self.keep)
        for position, name in enumerate(self.parameters):
            if name in listed:
                yield from self._rows_of(position, name)

    def _rows_of(self, position: int, name: str) -> Iterable[Row]:
        values, errors = self.estimates[position].tolist(), self.errors[position].tolist()
        decimals = numbers.decimals_of_row(errors, values)
        written = [numbers.in_row(value, decimals) for value in values]
        if self.stars:
            written = [w + s for w, s in zip(written, self._stars(position), strict=True)]
        yield Row(name, tuple(written), "estimate", is_name=True)
        brackets = self._brackets(name, errors, decimals)
        if any(brackets):
            yield Row("", brackets, "error")
        if self.p_values:
            probabilities = map(numbers.p_value, self._probabilities[position].tolist())
            yield Row("", tuple(f"[{p}]" if p else "" for p in probabilities), "error")

    def _brackets(self, name: str, errors: Sequence[float], decimals: int) -> tuple[str, ...]:
        return tuple(
            f"({numbers.in_row(error, decimals)})"
            if not isnan(error)
            else numbers.NOT_SHOWN * (name in fit.flat)
            for fit, error in zip(self.fits, errors, strict=True)
        )

    def _stars(self, position: int) -> list[str]:
        return [
            next((stars for level, stars in STARS if p < level), "")
            for p in self._probabilities[position].tolist()
        ]

    def _facts(self) -> Iterable[Row]:
        yield from self._fixed_effects()
        yield from self._texts()
        mark = "" if self.comparable else _MARK
        yield self._fact(f"Observations{mark}", lambda fit: numbers.count(fit.nobs))
        yield from self._known("Rows left out", left_out_count)
        yield from self._known("Clusters", clusters)
        yield self._fact("Log-likelihood", lambda fit: numbers.log_likelihood(fit.loglik))
        yield from self._known("McFadden R²", lambda fit: numbers.r_squared(fit.pseudo_r2))
        yield from self._known("R²", lambda fit: numbers.r_squared(figure_of(fit, "r2")))
        yield from self._known(
            "R² within", lambda fit: numbers.r_squared(figure_of(fit, "r2_within"))
        )
        yield from self._criteria()
        if self.against is not None:
            against = self.against
            label = f"RMSE against {self._against_name}"
            yield self._fact(label, lambda fit: numbers.figure(_rmse(fit, against), 2))
        steps = self._fact("Steps", lambda fit: numbers.count(fit.steps))
        yield from (row._replace(is_detail=True) for row in (steps, self._times()))

    def _fact(self, label: str, value: Callable[[Fit], str]) -> Row:
        return Row(label, tuple(map(value, self.fits)))

    def _known(self, label: str, value: Callable[[Fit], str]) -> Iterable[Row]:
        """Yield the row of a figure that at least one fit has."""
        row = self._fact(label, value)
        if any(row.cells):
            yield row

    def _fixed_effects(self) -> Iterable[Row]:
        """Yield one row for each term that a fit has absorbed, as papers list them."""
        for term in dict.fromkeys(term for fit in self.fits for term in absorbed_by(fit)):
            marks = ("yes" if term in absorbed_by(fit) else "no" for fit in self.fits)
            yield Row(f"Fixed effects: {term}", tuple(marks), "text")

    def _texts(self) -> Iterable[Row]:
        """Yield the weights, the words that differ, and how the fits ended if one did not."""
        for label, word_of in _WORDS.items():
            words = tuple(map(word_of, self.fits))
            if len(set(words)) > 1 or (label == "Weights" and words[0] != "none"):
                yield Row(label, words, "text")
        if not all(fit.outcome.converged for fit in self.fits):
            yield Row("Outcome", tuple(fit.outcome.status_label for fit in self.fits), "text")

    def _criteria(self) -> Iterable[Row]:
        for label, attribute in (("AIC", "aic"), ("BIC", "bic")):
            if self.comparable:
                yield self._fact(label, partial(_criterion, attribute=attribute))
            else:
                yield Row(label + _MARK, (numbers.NOT_SHOWN,) * len(self.fits), "text")

    def _times(self) -> Row:
        times = [fit.timing.get("total") for fit in self.fits]
        if all(time is None or time < 59.95 for time in times):
            return Row("Time, s", tuple(map(numbers.seconds, times)))
        return Row("Time", tuple(map(numbers.duration, times)), "text")

    @property
    def _against_name(self) -> str:
        for name, fit in zip(self.names, self.fits, strict=True):
            if fit is self.against:
                return name
        return "" if self.against is None else model_name(self.against)

    def _figures(self) -> Iterable[tuple[str, list[object]]]:
        """Yield the figures below the estimates, with all digits."""
        yield "observations", [fit.nobs for fit in self.fits]
        yield "log-likelihood", [fit.loglik for fit in self.fits]
        yield "McFadden R2", [fit.pseudo_r2 for fit in self.fits]
        yield "R2", [figure_of(fit, "r2") for fit in self.fits]
        yield "R2 within", [figure_of(fit, "r2_within") for fit in self.fits]
        if self.comparable:
            yield "AIC", [fit.aic if at_maximum(fit) else None for fit in self.fits]
            yield "BIC", [fit.bic if at_maximum(fit) else None for fit in self.fits]
        if self.against is not None:
            label = f"RMSE against {self._against_name}"
            yield label, [_rmse(fit, self.against) for fit in self.fits]
        yield "steps", [fit.steps for fit in self.fits]
        yield "seconds", [fit.timing.get("total") for fit in self.fits]
        yield "outcome", [fit.outcome.status_label for fit in self.fits]

    def _notes(self) -> Iterable[str]:
        if any(has_errors(fit) for fit in self.fits):
            yield "Standard errors in brackets."
            yield from dict.fromkeys(filter(None, map(kind_note, self.fits)))
        if self.stars:
            yield "* p < 0.05, ** p < 0.01, *** p < 0.001."
        if self.keep is not None and (hidden := len(set(self.parameters) - set(self.keep))):
            yield f"{hidden} more parameters are estimated and not listed."
        yield from self._warnings()
        scales = sorted({fit.latent_scale for fit in self.fits} - {""})
        if len(scales) > 1:
            yield f"{' and '.join(scales).capitalize()} coefficients are on different scales."

    def _warnings(self) -> Iterable[str]:
        """Yield notes on what makes the columns not directly comparable."""
        if not self.share_data:
            pairs = zip(self.names, data_used(self.fits), strict=True)
            yield f"Data differ: {', '.join(f'{name} uses {used}' for name, used in pairs)}."
        if not self.comparable:
            yield (
                "† The columns differ in data, outcome, observations, weights or kind of "
                "estimation, so AIC and BIC cannot be compared and are not shown."
            )
        for name, fit in zip(self.names, self.fits, strict=True):
            if not at_maximum(fit):
                yield f"{name} is not at a maximum, so it has no standard errors, AIC or BIC."
            elif fit.flat:
                yield (
                    f"{name}: the likelihood is flat along {', '.join(fit.flat)}; "
                    "their standard errors do not exist."
                )
            yield from (f"{name}: {sentence}" for sentence in (*fit.left_out, *fit.notes))


_WORDS: dict[str, Callable[[Any], str]] = {
    "Model": lambda fit: fit.model_title,
    "Dependent variable": outcome_name,
    "Weights": lambda fit: weights_label(fit) or "none",
    "Optimizer": optimizer_title,
    "Library": library,
    "Device": device,
    "Numbers": lambda fit: fit.specification.dtype,
}


def _criterion(fit: Fit, attribute: str) -> str:
    return numbers.criterion(getattr(fit, attribute)) if at_maximum(fit) else numbers.NOT_SHOWN


def _rmse(fit: Fit, against: Fit) -> float | None:
    """Return the root mean square difference over shared names; None for ``against`` itself."""
    if fit is against:
        return None
    shared = fit.params.index.intersection(against.params.index)
    if shared.empty:
        return None
    return float(np.sqrt(np.mean((fit.params[shared] - against.params[shared]) ** 2)))


def _spread(values: Sequence[object], at: int = 0) -> list[object]:
    """Return one value per fit, in its column of estimates (0) or of standard errors (1)."""
    return [value if place == at else None for value in values for place in (0, 1)]
