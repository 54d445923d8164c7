"""The options of standard errors, which do not declare them yet."""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import lru_cache
from typing import Any

from workbench.covariances import SETTINGS
from workbench.options import Kind, Option, options_of

_KINDS = {"int": Kind.COUNT, "float": Kind.NUMBER, "str": Kind.TEXT}


@lru_cache
def covariance_options(kind: str) -> tuple[Option, ...]:
    """Return the options of a kind of standard error."""
    known = SETTINGS.get(kind)
    if known is None:
        return ()
    if declared := options_of(known):
        return declared
    return tuple(_of_errors(known, item) for item in fields(known))


def _of_errors(known: Any, item: Any) -> Option:
    required = item.default is MISSING
    default = None if required else item.default
    choices = known.choices.get(item.name, ())
    name = str(item.type).removesuffix(" | None")
    kind = Kind.COLUMN if item.name in known.columns else _KINDS[name]
    return Option(
        item.name,
        Kind.CHOICE if choices else kind,
        "",
        default,
        required=required,
        choices=tuple(each for each in choices if each is not None),
        code="bad-se-option",
    )
