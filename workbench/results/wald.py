"""Wald tests of linear restrictions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from formulaic.errors import FormulaParsingError
from formulaic.utils.constraints import LinearConstraints
from scipy import stats

from workbench.data.names import quoted
from workbench.errors import InferenceError, OptionError

_LONGEST = 2_000


@dataclass(frozen=True)
class WaldTest:
    """A test of linear restrictions.

    Attributes
    ----------
    restrictions
        As they were written.
    statistic
        Chi-squared for likelihoods, F for least squares.
    df, df_resid
        Degrees of freedom; the second is infinite for chi-squared.
    pvalue
        The chance of a larger statistic if the restrictions hold.
    """

    restrictions: str
    statistic: float
    df: int
    df_resid: float
    pvalue: float

    def __repr__(self) -> str:
        kind = "chi2" if math.isinf(self.df_resid) else f"F({self.df}, {self.df_resid:g})"
        kind = f"chi2({self.df})" if math.isinf(self.df_resid) else kind
        shown = "< 0.001" if self.pvalue < 0.001 else f"= {self.pvalue:.3f}"
        return f"Wald test of {self.restrictions}: {kind} = {self.statistic:.3f}, p {shown}"


def wald_test(
    restrictions: str, params: pd.Series, covariance: pd.DataFrame, df_resid: float
) -> WaldTest:
    r"""Test ``R b = q`` with :math:`(Rb-q)^\top (R V R^\top)^{-1} (Rb-q)`.

    Raises
    ------
    OptionError
        When the text cannot be read or names what is not a parameter.
    InferenceError
        When a parameter in it has no standard error, or the restrictions are linearly dependent.

    References
    ----------
    Wald (1943), "Tests of statistical hypotheses concerning several parameters", theorem IV.
    """
    matrix, values = read_restrictions(restrictions, [str(name) for name in params.index])
    touched = [str(name) for name in params.index[np.any(matrix != 0, axis=0)]]
    part = covariance.loc[touched, touched].to_numpy()
    if not np.isfinite(part).all():
        raise InferenceError(
            f"A parameter of {touched} has no standard error, so it cannot be tested.",
            hint="test other parameters.",
            code="no-standard-error",
        )
    used = np.any(matrix != 0, axis=0)
    gap = matrix @ params.to_numpy() - values
    variance = matrix[:, used] @ part @ matrix[:, used].T
    df = int(np.linalg.matrix_rank(variance))
    if df < len(matrix):
        raise InferenceError(
            "The restrictions are linearly dependent.",
            hint="leave out the one that follows from the others.",
            code="repeated-restriction",
        )
    statistic = float(gap @ np.linalg.solve(variance, gap))
    if math.isinf(df_resid):
        return WaldTest(restrictions, statistic, df, df_resid, float(stats.chi2.sf(statistic, df)))
    statistic /= df
    return WaldTest(
        restrictions, statistic, df, df_resid, float(stats.f.sf(statistic, df, df_resid))
    )


def read_restrictions(restrictions: str, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix ``(m, k)`` of the left sides and the right sides ``(m,)``.

    Raises
    ------
    OptionError
        When the text cannot be read or names what is not a parameter.
    """
    if len(restrictions) > _LONGEST:
        raise OptionError(
            f"The restrictions have {len(restrictions):,} characters, over {_LONGEST:,}.",
            hint="test fewer at a time.",
            code="restrictions-too-long",
        )
    try:
        found = LinearConstraints.from_spec(restrictions, variable_names=names)
    except KeyError as error:
        raise OptionError(
            f'The restrictions "{restrictions}" cannot be read: no parameter is {error.args[0]}.',
            hint=f'"{quoted(names[-1])} = 0", with names from {names}.',
            code="no-such-parameter",
            where=str(error.args[0]),
        ) from None
    except (FormulaParsingError, ValueError, SyntaxError, RuntimeError) as error:
        said = next(iter(str(error).splitlines()), "")
        raise OptionError(
            f'The restrictions "{restrictions}" cannot be read: {said}',
            hint=f'"{quoted(names[-1])} = 0", with names from {names}.',
            code="bad-restrictions",
        ) from None
    if not np.any(found.constraint_matrix):
        raise OptionError(
            f'The restrictions "{restrictions}" name no parameter.',
            hint=f'"{quoted(names[-1])} = 0", with names from {names}.',
            code="bad-restrictions",
        )
    return np.asarray(found.constraint_matrix, dtype=float), np.asarray(
        found.constraint_values, dtype=float
    )
