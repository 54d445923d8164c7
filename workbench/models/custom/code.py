"""The calls that repeat a person's own likelihood, written as text or as a function."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from workbench.estimation.code import Block, Call, Name, fit_call, is_variable
from workbench.estimation.specification import Specification


def text_call(specification: Specification) -> Call:
    """Return the call that repeats a likelihood written as text."""
    source = specification.source
    assert source is not None
    text = Block(source.text) if "\n" in source.text else source.text
    unit = {} if source.by is None else {"by": source.by}
    return fit_call(specification, Call("likelihood", (text,), unit))


def function_call(specification: Specification) -> Call:
    """Return the call that repeats a likelihood given as a function."""
    settings = specification.model.settings
    function = str(settings.get("function", ""))
    options: dict[str, Any] = {}
    if params := settings.get("params"):
        options["params"] = {name: _parameter(value) for name, value in params.items()}
    if columns := settings.get("columns"):
        options["columns"] = list(columns)
    named = Name(function if is_variable(function) else "loglik")
    remark = "the function and the parameters are those of the run"
    return replace(fit_call(specification, Call("custom", (named,), options)), remarks=(remark,))


def _parameter(value: float | list[float]) -> Any:
    """Return a start value, or the call for a start value with its two bounds."""
    if not isinstance(value, list | tuple):
        return value
    start, lower, upper = value
    if math.isinf(lower) and math.isinf(upper):
        return start
    if lower == 0 and math.isinf(upper):
        return Call("positive", (start,))
    return Call("bounded", (lower, upper, start))
