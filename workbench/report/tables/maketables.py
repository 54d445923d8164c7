"""The plug-in protocol of maketables, so that its tables can include these fits.

maketables reads ``__maketables_coef_table__``, ``__maketables_stat__(key)`` and
``__maketables_depvar__`` of any object.  It prints stars
unless ``coef_fmt`` is given without them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.errors import InferenceError
from workbench.report.labels import errors_label, model_name, shown_errors

if TYPE_CHECKING:
    from workbench.results.fit import Fit

_STATISTICS: dict[str, Callable[[Any], Any]] = {
    "N": lambda fit: int(fit.nobs) if float(fit.nobs).is_integer() else fit.nobs,
    "se_type": errors_label,
    "pseudo_r2": lambda fit: fit.pseudo_r2,
    "ll": lambda fit: fit.loglik,
    "llnull": lambda fit: fit.loglik_null,
    "aic": lambda fit: fit.aic,
    "bic": lambda fit: fit.bic,
    "df_model": lambda fit: len(fit.params),
}


def maketables_table(fit: Fit) -> pd.DataFrame:
    """Return b, se, t, p, ci95l, ci95u by parameter.

    Raises
    ------
    InferenceError
        When the fit has no estimates, as after separation.
    """
    if not fit.outcome.comparable:
        raise InferenceError(
            f'"{model_name(fit)}" has no estimates for a table: {fit.message}',
            hint="leave it out, or change the model and run it again.",
            code="not-comparable",
        )
    errors, interval = shown_errors(fit), fit.conf_int()
    known = errors.notna()
    columns = {
        "b": fit.params,
        "se": errors,
        "t": fit.tvalues.where(known),
        "p": fit.pvalues.where(known),
        "ci95l": interval.iloc[:, 0].where(known),
        "ci95u": interval.iloc[:, 1].where(known),
    }
    return pd.DataFrame(columns).rename_axis("Coefficient")


def maketables_stat(fit: Fit, key: str) -> Any:
    """Return a statistic by maketables' key, None for one that a likelihood does not have."""
    return _STATISTICS[key](fit) if key in _STATISTICS else None


def maketables_depvar(fit: Fit) -> str:
    """Return the name of the dependent variable."""
    return fit.depvar
