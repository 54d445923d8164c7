"""The second part of a formula: ``a + b + a^b + a[x]``, read as absorbed factors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.data.complete_cases import CompleteCases, Positions, fewer
from workbench.data.names import NAME, shown, unquoted
from workbench.errors import DataError, FormulaError, OptionError
from workbench.kernels.absorption.factors import Factor
from workbench.protocols import Numpy
from workbench.sentences import counted

RULES = ("singleton", "none")
"""The rules for rows that are alone in a level."""

_SEVERAL = 1.5  # frequencies are whole up to their last digits
_TERM = re.compile(
    rf"\s*({NAME}(?:\s*\^\s*{NAME})*)\s*"
    rf"(?:(\[\[?)\s*({NAME}(?:\s*,\s*{NAME})*)\s*(\]\]?))?\s*(\+|\Z)"
)
_NAMES = re.compile(NAME)


@dataclass(frozen=True)
class AbsorbedTerm:
    """One factor, or one varying slope: its columns joined by ``^``, and the slope's column."""

    columns: tuple[str, ...]
    slope: str | None = None

    @property
    def name(self) -> str:
        """Its name in the formula, as in ``firm^year`` or ``firm[trend]``."""
        joined = "^".join(self.columns)
        return joined if self.slope is None else f"{joined}[{self.slope}]"


def absorbed_terms(text: str) -> tuple[AbsorbedTerm, ...]:
    """Read the fixed effects of a formula, each once.

    ``a[x]`` stands for the factor and a slope of ``x`` in each of its levels, ``a[[x]]`` for the
    slopes alone.

    Raises
    ------
    FormulaError
        When the text is not a sum of such terms.

    Examples
    --------
    >>> [term.name for term in absorbed_terms("firm[trend] + state^year")]
    ['firm', 'firm[trend]', 'state^year']
    """
    terms: list[AbsorbedTerm] = []
    place = 0
    while place < len(text):
        match = _TERM.match(text, place)
        bracket = match[2] if match else None
        if match is None or (bracket or "").replace("[", "]") != (match[4] or ""):
            raise _unreadable(text)
        columns = tuple(unquoted(name) for name in _NAMES.findall(match[1]))
        terms += [AbsorbedTerm(columns)] if bracket != "[[" else []
        terms += [AbsorbedTerm(columns, unquoted(x)) for x in _NAMES.findall(match[3] or "")]
        place = match.end()
    if not terms or text.rstrip().endswith("+"):
        raise _unreadable(text)
    return tuple(dict.fromkeys(terms))


def columns_of(terms: Sequence[AbsorbedTerm]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns that name levels, and those that are slopes, each once."""
    groups = dict.fromkeys(name for term in terms for name in term.columns)
    slopes = dict.fromkeys(term.slope for term in terms if term.slope is not None)
    return tuple(groups), tuple(slopes)


def read_factors(
    terms: Sequence[AbsorbedTerm],
    sample: CompleteCases,
    copies: str | None,
    fixef_rm: str,
    cluster: Sequence[str] = (),
) -> tuple[CompleteCases, tuple[Factor, ...]]:
    """Code the factors, without rows that carry no information given them.

    Parameters
    ----------
    terms, sample
        The factors, and the complete rows; ``sample.groups`` has their columns.
    copies
        The column of frequencies, where rows stand for several observations.
    fixef_rm
        ``"singleton"`` leaves out rows alone in a level, and those that become so; ``"none"``
        keeps them.
    cluster
        The groups that the sample keeps; those of factors alone are used here.

    Raises
    ------
    DataError
        When no row is left.
    OptionError
        When there is no such rule.

    References
    ----------
    Correia (2015), "Singletons, cluster-robust standard errors and fixed effects: a bad mix".
    """
    if fixef_rm not in RULES:
        raise OptionError(
            f'fixef_rm has the value "{fixef_rm}".',
            hint='fixef_rm="singleton" or fixef_rm="none".',
            code="bad-option",
            where="fixef_rm",
        )
    joined = {term.columns: _joined(term.columns, sample.groups) for term in terms}
    keep = np.ones(len(sample.rows), dtype=bool)
    dropped: dict[str, int] = {}
    plain = {term.name: joined[term.columns] for term in terms if term.slope is None}
    if fixef_rm == "singleton":
        dropped |= leave_singletons(plain, keep, None if copies is None else sample.number(copies))
    kept = _without(sample, keep, dropped, cluster)
    codes = {columns: _compact(values[keep]) for columns, values in joined.items()}
    return kept, tuple(_factor(term, codes[term.columns], kept) for term in terms)


def _factor(
    term: AbsorbedTerm, coded: tuple[npt.NDArray[np.int32], int], sample: CompleteCases
) -> Factor:
    slope: Numpy | None = None if term.slope is None else sample.number(term.slope)
    return Factor(term.name, *coded, slope)


def _joined(columns: Sequence[str], groups: Mapping[str, Positions]) -> Positions:
    """Give each combination of several columns' groups a number."""
    first, *others = (groups[name] for name in columns)
    for other in others:
        first = pd.factorize(first * (int(other.max()) + 1) + other)[0].astype(np.int64)
    return first


def fewer_rows(factors: Sequence[Factor], keep: npt.NDArray[np.bool_]) -> tuple[Factor, ...]:
    """Return the factors over the rows of a mask ``(n,)``, levels without rows left out."""
    return tuple(
        Factor(
            member.name,
            *_compact(member.codes[keep]),
            None if member.slope is None else member.slope[keep],
        )
        for member in factors
    )


def leave_singletons(
    factors: Mapping[str, npt.NDArray[np.integer]],
    keep: npt.NDArray[np.bool_],
    copies: Numpy | None = None,
) -> dict[str, int]:
    """Mark rows alone in a level of a factor, until none is; count them by factor.

    A row that stands for several observations, ``copies (n,)``, is not alone.
    """
    dropped = dict.fromkeys(factors, 0)
    found = True
    while found:
        found = False
        for name, codes in factors.items():
            weights = None if copies is None else copies[keep]
            sizes = np.bincount(codes[keep], weights, int(codes.max(initial=0)) + 1)
            alone = keep & (sizes[codes] < _SEVERAL)
            if count := int(alone.sum()):
                found = True
                keep &= ~alone
                dropped[name] += count
    return {f"alone in {name}": count for name, count in dropped.items() if count}


def _without(
    sample: CompleteCases,
    keep: npt.NDArray[np.bool_],
    dropped: dict[str, int],
    cluster: Sequence[str],
) -> CompleteCases:
    groups = {name: sample.groups[name] for name in cluster}
    if keep.all():
        return replace(sample, groups=groups)
    if not keep.any():
        counts = ", ".join(f"{counted(count, 'row')} {reason}" for reason, count in dropped.items())
        raise DataError(
            f"No row is left after the fixed effects: {counts}.",
            hint='fixed effects with several rows per level, or fixef_rm="none".',
            code="no-rows-left",
            where="|",
        )
    return fewer(replace(sample, groups=groups), keep, dropped)


def _compact(codes: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int32], int]:
    """Renumber groups without gaps."""
    present = np.bincount(codes) > 0
    numbers = (np.cumsum(present) - 1).astype(np.int32)
    return numbers[codes], int(present.sum())


def _unreadable(text: str) -> FormulaError:
    return FormulaError(
        f'The fixed effects "{shown(text.strip())}" cannot be read.',
        hint="columns joined by +, as in firm + year, firm^year or firm[trend].",
        code="fixed-effects",
        where="|",
    )
