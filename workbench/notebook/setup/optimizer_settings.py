"""The settings of an optimizer as a person writes them, as in ``lr=0.1, momentum=0.9``."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from workbench.errors import OptionError
from workbench.literals import Choice, choice_text, parse_choice
from workbench.optimizers import OPTIMIZERS, optimizer_named

_LIMIT = "max_steps"
"""The setting that the page has a field of its own for."""


def hint(name: str) -> str:
    """Return the settings of an optimizer with their defaults; empty when it has none.

    Examples
    --------
    >>> hint("newton"), hint("nobody")
    ('', '')
    """
    kind: Any = OPTIMIZERS.get(name)
    known = [] if kind is None else [item for item in fields(kind) if item.name != _LIMIT]
    return ", ".join(f"{item.name}={item.default!r}" for item in known)


def read(name: str, text: str) -> Choice:
    """Return the optimizer with the settings that were written.

    Raises
    ------
    OptionError
        When the text is not ``name=value`` pairs, or the optimizer takes no such setting.

    Examples
    --------
    >>> read("sgd", "lr=0.1")
    Choice(name='sgd', settings={'lr': 0.1})
    """
    choice = parse_choice(f"{name}({text})")
    try:
        optimizer_named(choice.name, choice.settings)
    except (TypeError, ValueError) as error:
        raise OptionError(
            f"{OPTIMIZERS[name].title} cannot have the settings {text}.",
            "give each setting a value of its kind, as in lr=0.1.",
            code="bad-setting",
            where="settings",
        ) from error
    return choice


def written(choice: Choice) -> str:
    """Return the settings of a choice as :func:`read` takes them."""
    return choice_text(choice).removeprefix(choice.name).removeprefix("(").removesuffix(")")
