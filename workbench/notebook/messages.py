"""The messages that the page may send to the kernel: their fields and types."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

LONGEST_TEXT = 20_000
MOST_ITEMS = 200
_LOGGER = logging.getLogger(__name__)

_TEXT: Any = str
_MAYBE: Any = (str, int, type(None))
_PLAIN: Any = object
"""A value of an option: a text, a number, yes or no, nothing, or a few of these by name."""
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "set": {"field": _TEXT, "value": _MAYBE, "serial": int},
    "option": {"of": _TEXT, "name": _TEXT, "value": _PLAIN, "serial": int},
    "reread": {"name": _TEXT, "value": _PLAIN, "serial": int},
    "own": {"serial": int},
    "role": {"name": _TEXT, "role": _TEXT},
    "repair": {},
    "source": {"source": _TEXT},
    "data": {"name": _TEXT},
    "sql": {"database": _TEXT, "query": _TEXT},
    "refresh": {},
    "left_out": {"about": _TEXT},
    "run": {"ticket": int},
    "compare": {"ids": list},
    "star": {"id": _TEXT},
    "rename": {"id": _TEXT, "name": _TEXT},
    "delete": {"id": _TEXT},
    "undo": {"id": _TEXT},
    "edit": {"id": _TEXT},
    "reopen": {"id": _TEXT},
    "style": {"stars": bool, "pvalues": bool},
    "pair": {"first": _TEXT, "second": _TEXT},
    "word": {},
    "ping": {},
}
"""The fields of every message that the Setup and Results tabs send."""


def accepted(content: object) -> dict[str, Any] | None:
    """Return a message's known fields, or None, with a log line, when its fields are wrong."""
    kind = content.get("type") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or not isinstance(kind, str) or kind not in SHAPES:
        _LOGGER.warning("Ignored a message of the unknown type %.40r.", kind)
        return None
    shape = SHAPES[kind]
    if unknown := set(content) - set(shape) - {"type"}:
        _LOGGER.info("Ignored unknown fields %s of %s.", sorted(map(str, unknown))[:5], kind)
    wrong = [name for name, expected in shape.items() if not _fits(content.get(name), expected)]
    if wrong:
        _LOGGER.warning("Ignored a message %r with fields %s of the wrong type.", kind, wrong)
        return None
    return {"type": kind, **{name: content.get(name) for name in shape}}


def _fits(value: object, expected: Any) -> bool:
    if expected is _PLAIN:
        return _is_plain(value)
    if isinstance(value, bool):
        return expected is bool
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT and isinstance(value, expected)
    if isinstance(value, list):
        few = len(value) <= MOST_ITEMS
        return expected is list and few and all(isinstance(item, str) for item in value)
    return isinstance(value, expected)


def _is_plain(value: object) -> bool:
    """Return whether a value is plain, or a list or mapping of plain values or of lists of them."""
    if isinstance(value, dict):
        few = len(value) <= MOST_ITEMS
        return few and all(_fits(key, str) and _is_listed(item) for key, item in value.items())
    return _is_listed(value)


def _is_listed(value: object) -> bool:
    if isinstance(value, list):
        return len(value) <= MOST_ITEMS and all(map(_is_single, value))
    return _is_single(value)


def _is_single(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    return value is None or isinstance(value, bool | int | float)
