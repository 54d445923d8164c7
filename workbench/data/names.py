"""Names of columns: their spelling in a formula, and the message for an unknown one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from workbench.names import nearest

_PLAIN = re.compile(r"[^\W\d][\w.]*")
_LONGEST_SHOWN = 60


def quoted(name: str) -> str:
    """Write a column's name as a formula needs it: in backticks unless it is a plain name.

    A backtick inside a name is doubled.

    >>> quoted("wage"), quoted("hourly wage")
    ('wage', '`hourly wage`')
    """
    if _PLAIN.fullmatch(name):
        return name
    return "`" + name.replace("`", "``") + "`"


def unquoted(name: str) -> str:
    """Return a name without the backticks of a formula.

    >>> unquoted("`hourly wage`"), unquoted("wage")
    ('hourly wage', 'wage')
    """
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def shown(name: str) -> str:
    """Return a name short enough for a sentence, with control characters made visible."""
    visible = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in name)
    return visible if len(visible) <= _LONGEST_SHOWN else visible[: _LONGEST_SHOWN - 1] + "…"


def level_text(level: object) -> str:
    """Write a value that names a group, a level or an alternative; whole numbers have no point.

    >>> level_text(3.0), level_text("bus")
    ('3', 'bus')
    """
    return f"{level:.15g}" if isinstance(level, float) else str(level)


def unknown_column(name: str, names: Iterable[str], owner: str) -> tuple[str, str, str]:
    """Return problem, hint and suggestion for a column that ``owner`` does not have."""
    names = list(names)
    suggestion = nearest(name, names)
    problem = f'{owner} no column "{shown(name)}".'
    if suggestion:
        return f"{problem} The nearest name is {shown(suggestion)}.", "use that name.", suggestion
    some = ", ".join(shown(other) for other in names[:8])
    return problem, f"pick from {some}{', …' if len(names) > 8 else ''}.", ""
