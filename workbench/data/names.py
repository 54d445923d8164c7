"""Names of columns: their spelling in a formula, and the message for an unknown one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from workbench.names import nearest

QUOTED = r"`(?:[^`]|``)*`|\"[^\"]*\"|'[^']*'"
"""A name in backticks, or a text in quotation marks."""
NAME = r"(?:`(?:[^`]|``)*`|[\w.]+)"
"""A name as a formula has it, in backticks or plain."""

_PLAIN = re.compile(r"[^\W\d][\w.]*")
_STRINGS = re.compile(QUOTED)
_LONGEST_SHOWN = 60


def quoted(name: str) -> str:
    """Write a column's name as a formula needs it: in backticks unless it is a plain name.

    A backtick inside a name is doubled.

    >>> quoted("wage"), quoted("hourly wage")
    ('wage', '`hourly wage`')
    """
    if is_plain(name):
        return name
    return "`" + name.replace("`", "``") + "`"


def is_plain(name: str) -> bool:
    """Tell whether a formula has the name without backticks.

    >>> is_plain("wage"), is_plain("hourly wage")
    (True, False)
    """
    return _PLAIN.fullmatch(name) is not None


def unquoted(word: str) -> str:
    """Return the name of a column as a formula spells it.

    >>> unquoted("wage"), unquoted("`hourly wage`")
    ('wage', 'hourly wage')
    """
    return word[1:-1].replace("``", "`") if word.startswith("`") else word


def with_aliases(side: str, aliases: dict[str, str], text: str) -> str:
    """Replace backticked names by aliases that are plain names and occur nowhere in ``text``.

    A name may hold anything, quotes and Python included; as an alias it can only be a name.  The
    names are added to ``aliases``, by alias.
    """
    stem = "column_"
    while stem in text:
        stem += "_"
    known = {name: alias for alias, name in aliases.items()}

    def alias_of(match: re.Match[str]) -> str:
        if not match.group().startswith("`"):
            return match.group()
        name = unquoted(match.group())
        alias = known.setdefault(name, f"{stem}{len(known)}_")
        aliases[alias] = name
        return f" {alias} "

    return _STRINGS.sub(alias_of, side)


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
