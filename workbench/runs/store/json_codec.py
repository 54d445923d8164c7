"""Strict JSON that restores values exactly, and that is read without running code.

Plain JSON has no NaN, no infinity, no bytes, arrays or times.  Each is written as an object with
one tag, such as ``{"$float": "inf"}``; floats that JSON has are written by their shortest exact
decimal.  The home directory is written as a tag too, so that the file contains no user's path.
"""

from __future__ import annotations

import base64
import json
import math
import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Never

import numpy as np

from workbench.errors import StoreError

_ARRAY_KINDS = "biufcMmSU"
"""Kinds of numpy types that are nothing but numbers, times and text."""


def dumps(value: Any) -> str:
    """Write ``value`` as strict JSON in ASCII.

    Parameters
    ----------
    value
        None, bool, int, float, str, bytes, datetime, numpy scalars and arrays of those, and
        mappings, lists and tuples of them.

    Raises
    ------
    StoreError
        When something else is inside, such as a function or an object array.
    """
    return json.dumps(_plain(value), allow_nan=False, separators=(",", ":"))


def loads(text: str) -> Any:
    """Read what :func:`dumps` wrote; raise :class:`StoreError` for anything else."""
    try:
        return _rich(json.loads(text, parse_constant=_refuse_constant))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise StoreError(
            f"A stored value cannot be read: {error}.",
            hint="delete this run, or open the file with the version of workbench that wrote it.",
            code="damaged-record",
        ) from error


def _plain(value: Any) -> Any:
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    raise StoreError(
        f"A {type(value).__name__} cannot be kept in the record of runs.",
        hint="pass numbers, text, arrays, lists and dictionaries.",
        code="not-storable",
    )


def _plain_array(value: Any) -> dict[str, Any]:
    array = np.asarray(value)
    if array.dtype.kind not in _ARRAY_KINDS:
        raise StoreError(
            f"An array of type {array.dtype} cannot be kept in the record of runs.",
            hint="convert it to numbers or text first.",
            code="not-storable",
        )
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"$array": [array.dtype.str, list(array.shape), data]}


def _plain_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    if all(isinstance(key, str) and _plain_text(key) is key and key[:1] != "$" for key in value):
        return {key: _plain(item) for key, item in value.items()}
    return {"$pairs": [[_plain(key), _plain(item)] for key, item in value.items()]}


def _plain_text(text: str) -> Any:
    home = _home()
    if home not in text or (pattern := _home_pattern(home)) is None:
        return text
    parts = pattern.split(text)
    return text if len(parts) == 1 else {"$home": parts}


def _plain_float(value: float) -> Any:
    return float(value) if math.isfinite(value) else {"$float": repr(float(value))}


def _home() -> str:
    return _home_of(os.environ.get("HOME", ""))


@cache
def _home_of(variable: str) -> str:
    """Return the home directory for a value of ``HOME``; asking each time would be slow."""
    try:
        return str(Path.home())
    except RuntimeError:  # a user without a home directory
        return variable


@cache
def _home_pattern(home: str) -> re.Pattern[str] | None:
    """Match the home directory as whole parts of a path; a home of ``/`` hides nothing."""
    return re.compile(re.escape(home) + r"(?![\w.-])") if len(home) > 1 else None


def _rich(value: Any) -> Any:
    if isinstance(value, list):
        return [_rich(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and (tag := next(iter(value))).startswith("$"):
        return _READERS[tag](value[tag])
    return {key: _rich(item) for key, item in value.items()}


def _rich_array(parts: list[Any]) -> Any:
    kind, shape, data = parts
    dtype = np.dtype(str(kind))
    if dtype.kind not in _ARRAY_KINDS:
        raise ValueError(f"an array of type {dtype} is not allowed")
    array = np.frombuffer(base64.b64decode(data, validate=True), dtype).reshape(shape).copy()
    return array if shape else array[()]


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not strict JSON")


_WRITERS: list[tuple[Any, Callable[[Any], Any]]] = [
    ((int, type(None)), lambda value: value),
    (float, _plain_float),
    (str, _plain_text),
    ((np.ndarray, np.generic), _plain_array),
    (bytes, lambda value: {"$bytes": base64.b64encode(value).decode()}),
    (datetime, lambda value: {"$datetime": value.isoformat()}),
    (Mapping, _plain_mapping),
    (tuple, lambda value: {"$tuple": [_plain(item) for item in value]}),
    (list, lambda value: [_plain(item) for item in value]),
]
_READERS: dict[str, Callable[[Any], Any]] = {
    "$float": float,
    "$bytes": lambda text: base64.b64decode(text, validate=True),
    "$datetime": datetime.fromisoformat,
    "$tuple": lambda items: tuple(_rich(item) for item in items),
    "$pairs": lambda pairs: {_rich(key): _rich(item) for key, item in pairs},
    "$home": lambda parts: _home().join(parts),
    "$array": _rich_array,
}
