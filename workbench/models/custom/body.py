"""The small language in which a cell writes a log-likelihood.

A body is a few assignments in plain Python, the last of which gives ``loglik``::

    params: const, b_educ, sigma > 0 = 1.0
    mu = const + b_educ*educ
    loglik = normal_logpdf(lwage, mu, sigma)

It reads the columns of the table, the parameters it declares, the functions of `FUNCTIONS`, and
with a formula also the outcome ``y`` and the linear index ``eta``; nothing else.  Since it can read
nothing outside itself, a body replays from its text alone, on either library.
"""

from __future__ import annotations

import ast
import itertools
import linecache
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import CodeType
from typing import Any

from workbench.errors import LikelihoodError
from workbench.kernels.likelihood.densities import DENSITIES
from workbench.models.custom.declarations import error_at, has_params, line_of, split_params
from workbench.models.custom.grammar import (
    BY_UNIT,
    FUNCTIONS,
    Names,
    Reader,
    column_id,
    parse,
)
from workbench.models.custom.parameters import Parameter

__all__ = ["FUNCTIONS", "Body", "Units", "has_params", "parse_body"]

Array = Any
Units = tuple[Array, int]
"""The unit of each row as codes ``(n,)`` from 0, and the number of units ``g``."""

_LONGEST = 20_000


@dataclass(frozen=True)
class Body:
    """A log-likelihood written as text, read and compiled.

    Attributes
    ----------
    text
        The body as it was written.
    parameters
        The declared parameters with start and bounds, in the order of declaration.
    columns
        The columns of the table it reads, in the order of their first use.
    functions
        The functions it calls.
    """

    text: str
    parameters: dict[str, Parameter]
    columns: tuple[str, ...]
    functions: frozenset[str]
    by_unit: bool = False
    code: CodeType = field(repr=False, default_factory=lambda: compile("", "", "exec"))
    answer_line: int = 1

    def evaluate(
        self,
        values: Mapping[str, Array],
        columns: Mapping[str, Array],
        xp: Any,
        units: Units | None = None,
    ) -> Array:
        """Return the log-likelihood of each observation, shape ``(n,)``, or unit, ``(g,)``.

        Parameters
        ----------
        values
            Each declared parameter, as a scalar array on its natural scale.
        columns
            Each column the body reads, shape ``(n,)``; with a formula also ``y`` and ``eta``.
        xp
            The verbs of the backend the arrays belong to.
        units
            The rows' units, for a body written by unit.

        Raises
        ------
        LikelihoodError
            When a line fails or ``loglik`` has another shape; ``where`` names the line.
        """
        scope = self._namespace(values, columns, xp, units)
        try:
            exec(self.code, scope)  # the allow-list of `Reader` has passed it
        except Exception as error:
            raise self._explain(error) from error
        rows = next(iter(columns.values())).shape[0]
        return self._checked(scope["loglik"], units[1] if units else rows)

    def _namespace(
        self,
        values: Mapping[str, Array],
        columns: Mapping[str, Array],
        xp: Any,
        units: Units | None,
    ) -> dict[str, Any]:
        functions = {name: _function(name, xp, units) for name in self.functions}
        named = {
            alias: array for name, array in columns.items() for alias in (name, column_id(name))
        }
        scope = {**named, **values, **functions, "pi": math.pi, "__builtins__": {}}
        if units:
            scope["unit_size"] = _unit_sizes(next(iter(columns.values())), xp, units)
        return scope

    def _checked(self, loglik: Array, size: int) -> Array:
        shape = tuple(getattr(loglik, "shape", ()))
        if shape == (size,):
            return loglik
        whom = "unit" if self.by_unit else "observation"
        found = "one number" if shape == () else f"an array of shape {shape}"
        raise error_at(
            f"loglik is {found}, where {size} values are needed, one for each {whom}.",
            "write loglik = unit_sum(...), the sum over the rows of each unit."
            if self.by_unit
            else "leave the sum to the workbench, and let each line use the columns.",
            code="loglik-shape",
            line=self.answer_line,
        )

    def _explain(self, error: Exception) -> LikelihoodError:
        filename = self.code.co_filename
        lines = self.text.splitlines(keepends=True)
        linecache.cache[filename] = (len(self.text), None, lines, filename)
        line = _failing_line(error, filename)
        cause = next(iter(str(error).strip().splitlines()), "") or "no further message"
        return error_at(
            f"`{line_of(self.text, line)}` fails with {type(error).__name__}: {cause}.",
            "check this line's arguments and the columns' values.",
            code="body-failed",
            line=line,
        )


def parse_body(
    text: str,
    *,
    columns: Collection[str],
    formula: str | None = None,
    by: str | None = None,
    outside: Collection[str] = (),
) -> Body:
    r"""Read the body of a cell.

    Parameters
    ----------
    text
        ``params:`` lines and assignments; see the module.
    columns
        Names of the table's columns.
    formula
        The formula given with the body: its outcome is ``y``, its linear index ``eta``.
    by
        The column that groups rows into units, when ``loglik`` has one value per unit.
    outside
        Names that the user may expect to be visible, such as the notebook's variables; they
        only make the message about an unknown name more precise.

    Raises
    ------
    LikelihoodError
        When the text is not in the language, a name is unknown or means two things, a parameter
        is not used, or ``loglik`` is not assigned; ``where`` names the line.

    Examples
    --------
    >>> body = parse_body("params: rate > 0\nloglik = log(rate) - rate*t", columns=["t", "x"])
    >>> body.parameters, body.columns
    ({'rate': Parameter(start=1.0, lower=0.0, upper=inf)}, ('t',))
    """
    if len(text) > _LONGEST:
        raise error_at(
            f"The body has {len(text):,} characters; at most {_LONGEST:,} are read.",
            "move the computation into a function and use wb.custom.",
            code="body-too-long",
        )
    declared, statements = split_params(text)
    names = Names(frozenset(columns), tuple(declared), formula, by, frozenset(outside))
    for name, (_, line) in declared.items():
        names.check_one_meaning(name, line, text)
    reader = Reader(names, text)
    tree = reader.read(parse(statements, names.columns))
    _check_all_used(reader, declared, formula)
    return Body(
        text,
        {name: parameter for name, (parameter, _) in declared.items()},
        tuple(reader.columns),
        frozenset(reader.functions),
        by is not None,
        _compile(tree),
        reader.assigned["loglik"],
    )


def _check_all_used(
    reader: Reader, declared: Mapping[str, tuple[Parameter, int]], formula: str | None
) -> None:
    if "loglik" not in reader.assigned:
        raise error_at(
            "The body never assigns loglik.",
            "end with loglik = ..., one value per observation.",
            code="no-loglik",
        )
    for name, (_, line) in declared.items():
        if name not in reader.used:
            raise error_at(
                f"The parameter {name} is declared but not used.",
                "use it in a line, or leave it out of params:.",
                code="unused-parameter",
                line=line,
            )
    if formula is not None and "eta" not in reader.used:
        raise error_at(
            "The body does not use eta, so the formula's coefficients would have no effect.",
            "use eta, the linear index of the formula, or leave the formula out.",
            code="unused-index",
        )
    if not reader.columns and formula is None:
        raise error_at(
            "The body reads no column, so the estimates do not depend on the data.",
            "name at least one column of the table.",
            code="no-columns",
        )
    if not declared and formula is None:
        raise error_at(
            "The body declares no parameters, so there is nothing to estimate.",
            "begin with a line such as params: const, sigma > 0.",
            code="no-parameters",
        )


_serial = itertools.count(1)


def _compile(tree: ast.Module) -> CodeType:
    """Compile under a file name of its own, so that a traceback can show the body's lines."""
    return compile(ast.fix_missing_locations(tree), f"<mle body {next(_serial)}>", "exec")


def _function(name: str, xp: Any, units: Units | None) -> Callable[..., Array]:
    if name in DENSITIES:
        return partial(DENSITIES[name], xp=xp)
    if name == "where":
        return lambda condition, a, b: xp.where(condition != 0, a, b)
    if units and name in BY_UNIT:
        return partial(_by_unit, name, xp, units)
    verb: Callable[..., Array] = getattr(xp, name)
    return verb


def _by_unit(name: str, xp: Any, units: Units, values: Array) -> Array:
    codes, size = units
    if name == "to_rows":
        return values[codes]
    total = xp.segment_sum(values, codes, size)
    return total if name == "unit_sum" else total / _unit_sizes(values, xp, units)


def _unit_sizes(rows: Array, xp: Any, units: Units) -> Array:
    return xp.segment_sum(0 * rows + 1.0, *units)


def _failing_line(error: BaseException, filename: str) -> int:
    """Return the line of ``filename`` that the error passed through last."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
