"""The labels of a fit, its standard errors and its outcome, the same in every table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np

from workbench.covariances import TOGETHER
from workbench.covariances.kinds import covariance_class
from workbench.estimation.model import model_class
from workbench.estimation.specification import RunOptions
from workbench.literals import Choice
from workbench.optimizers import OPTIMIZERS
from workbench.options import Kind, options_of
from workbench.report import numbers
from workbench.report.numbers import MINUS

if TYPE_CHECKING:
    import pandas as pd

    from workbench.estimation.specification import DataReference
    from workbench.results.fit import Fit


INTERCEPT = "Intercept"

_READS = (
    *("formula", "source", "se_options"),
    *(each.name for each in options_of(RunOptions) if each.kind in {Kind.COLUMN, Kind.COLUMNS}),
)
"""The settings that say which columns are read."""
_QUERY_SHOWN = 60
"""The number of characters of a query that are shown with its database."""


def model_name(fit: Fit) -> str:
    """Return the name given to the fit, else its model's title."""
    return fit.name or fit.model_title


def in_table_order(names: Sequence[str], fits: Sequence[Fit]) -> tuple[str, ...]:
    """Return parameters as tables list them: regressors, constant, further equations, the others.

    A further equation has its regressors first and its constant last as well.
    """
    further = [name for fit in fits for name in fit.further_coefficients]
    constants = [name for name in further if name.endswith(f":{INTERCEPT}")]
    regressors = [name for name in further if name not in set(constants)]
    further = [name for fit in fits for name in fit.further_parameters]
    last = dict.fromkeys([INTERCEPT, *regressors, *constants, *further])
    return (*(n for n in names if n not in last), *(n for n in last if n in set(names)))


def outcome_name(fit: Fit) -> str:
    """Return the dependent variable, with its level that counts as 1, or its base."""
    return fit.outcome_label


def figure_of(fit: Fit, name: str) -> float | None:
    """Return a statistic that fits of some models have, such as ``r2``; else None."""
    figure: float | None = getattr(fit, name, None)
    return figure


def absorbed_by(fit: Fit) -> tuple[str, ...]:
    """Return the fixed effects that a fit has absorbed; empty where there are none."""
    absorbed: tuple[str, ...] = getattr(fit, "absorbed", ())
    return absorbed


def weights_label(fit: Fit) -> str:
    """Return the column of weights and what they are; empty without weights."""
    specification = fit.specification
    return f"{specification.weights} ({specification.weight_kind})" if specification.weights else ""


def unique_names(fits: Sequence[Fit]) -> tuple[str, ...]:
    """Return one unique name per fit: a repeated name is numbered."""
    names = [model_name(fit) for fit in fits]
    repeated = {name for name, times in Counter(names).items() if times > 1}
    taken, unique = set(names) - repeated, []
    for name in names:
        number, candidate = 1, f"{name} (1)" if name in repeated else name
        while name in repeated and candidate in taken:
            number += 1
            candidate = f"{name} ({number})"
        taken.add(candidate)
        unique.append(candidate)
    return tuple(unique)


def at_maximum(fit: Fit) -> bool:
    """Return whether the fit ended at a maximum, a flat one included."""
    return fit.outcome.at_maximum


def has_errors(fit: Fit) -> bool:
    """Return whether the fit has standard errors, which were requested and exist."""
    return at_maximum(fit) and fit.se_label != "none"


def shown_errors(fit: Fit) -> pd.Series:
    """Return the standard errors of a fit; NaN for all of them away from a maximum."""
    return fit.se if has_errors(fit) else fit.se * np.nan


def errors_label(fit: Fit) -> str:
    """Return the kind of standard error with its small-sample factor."""
    if not at_maximum(fit):
        return "none: " + fit.outcome.status_label.split(" ", 1)[1].lower()
    factor = fit.ssc_label.replace("-", MINUS)
    return f"{fit.se_label}, {factor}" if factor and has_errors(fit) else fit.se_label


def clusters(fit: Fit) -> str:
    """Return the number of clusters, as in ``"50"`` or ``"50 & 12"``; empty without clusters."""
    if not has_errors(fit) or fit.curvature is None or not covariance_class(fit.se_kind).by_cluster:
        return ""
    sums = fit.curvature.clusters
    return TOGETHER.join(numbers.count(sums[name].groups) for name in fit.specification.clusters)


def kind_note(fit: Fit) -> str:
    """Return the sentence on how the standard errors were computed."""
    if not has_errors(fit):
        return ""
    factor = f", times {fit.ssc_label.replace('-', MINUS)}" if fit.ssc_label else ""
    return f"{fit.se_note}{factor}." if fit.se_note else ""


def sample_of(fit: Fit) -> tuple[object, ...]:
    """Return what two fits must share for their likelihoods to be compared."""
    weights = fit.specification.weights
    kind = fit.specification.weight_kind if weights else ""
    return fit.depvar, fit.nobs, weights, kind, fit.family


def reads_same_columns(first: Fit, second: Fit) -> bool:
    """Return whether two fits read the same columns, so that their fingerprints are comparable."""
    one, two = first.specification, second.specification
    alike = all(getattr(one, name) == getattr(two, name) for name in _READS)
    return alike and _columns(one.model) == _columns(two.model)


def _columns(model: Choice) -> dict[str, object]:
    """Return the options of a model that say which columns it reads."""
    kinds = {each.name: each.kind for each in options_of(model_class(model.name))}
    reads = {Kind.COLUMN, Kind.COLUMNS, Kind.FORMULA}
    return {name: v for name, v in model.settings.items() if kinds.get(name) in reads}


def same_data(first: Fit, second: Fit) -> bool:
    """Return whether two fits use the same data, by fingerprint, else by where the data are."""
    one, two = first.specification.data, second.specification.data
    if one.fingerprint and two.fingerprint:
        if one.fingerprint == two.fingerprint:
            return True
        if reads_same_columns(first, second):
            return False
    places = [(of.kind, of.name, of.query, of.rows) for of in (one, two)]
    return places[0] == places[1]


def data_name(of: DataReference) -> str:
    """Return the name of data, of a database with the beginning of its query."""
    query = shorten(of.query, _QUERY_SHOWN, placeholder=" …")
    return f"{of.name}: {query}" if query else of.name


def data_used(fits: Sequence[Fit]) -> list[str]:
    """Return the rows that each fit uses, as in ``"753 rows of mroz"``.

    Data of the same name and length are distinguished by the first digits of the fingerprint.
    """
    references = [fit.specification.data for fit in fits]
    rows = [numbers.count(fit.provenance.get("rows", fit.nobs)) for fit in fits]
    used = [
        f"{n} rows of {data_name(of) or 'data'}" for n, of in zip(rows, references, strict=True)
    ]
    if len(set(used)) > 1:
        return used
    return [f"{each} ({of.fingerprint[:8]})" for each, of in zip(used, references, strict=True)]


def rows_left_out(fit: Fit) -> int | None:
    """Return how many rows of the data were not used, each counted once; None when not known."""
    used = fit.provenance.get("rows")
    return None if used is None else fit.specification.data.rows - used


def left_out_count(fit: Fit) -> str:
    """Return the number of rows left out, as text; empty where none was."""
    return numbers.count(rows_left_out(fit)) if fit.dropped else ""


def column_spreads(fit: Fit) -> dict[str, float]:
    """Return the standard deviation of each regressor, where the fit has it."""
    return {name: spread for name, spread in fit.column_sd.items() if name != INTERCEPT}


def is_solved(fit: Fit) -> bool:
    """Tell whether the model of a fit has a closed form."""
    return model_class(fit.specification.model.name).solved


def optimizer_title(fit: Fit) -> str:
    """Return the title of the optimizer, as in ``"Newton"``."""
    if is_solved(fit):
        return "closed form"
    name = fit.specification.optimizer.name
    return OPTIMIZERS[name].title if name in OPTIMIZERS else name


def library(fit: Fit) -> str:
    """Return the title of the library that computed a fit: torch, JAX or NumPy."""
    name: str = fit.provenance.get("backend", fit.specification.backend)
    return {"jax": "JAX", "numpy": "NumPy"}.get(name, name)


def device(fit: Fit) -> str:
    """Return the name of the device in capitals."""
    return fit.specification.device.upper()
