"""Tables as GitHub's Markdown, with aligned columns in the source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from workbench.report.tables.grid import Grid

_SIGNS = re.compile(r"([\\`*_\[\]|~$@]|^[-+#]|:(?=//))")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\n": " ", "\r": " "})


def escape(text: str) -> str:
    r"""Return ``text`` so that Markdown shows it as it is.

    >>> escape("a|b <img>")
    'a\\|b &lt;img&gt;'
    """
    return _SIGNS.sub(r"\\\1", text.translate(_ENTITIES))


def render(grid: Grid) -> str:
    """Return ``grid`` as a pipe table, with its title above and its notes below."""
    lines = [["", *map(escape, grid.heads)]]
    if grid.subheads:
        lines.append([escape(grid.corner), *map(escape, grid.subheads)])
    for number, section in enumerate(grid.sections):
        lines += [[""] * (1 + len(grid.heads))] if number else []
        lines += [[escape(row.label), *map(_cell, row.cells)] for row in section]
    title = [f"**{escape(grid.title)}**", ""] if grid.title else []
    notes = ["", " ".join(map(escape, grid.notes))] if grid.notes else []
    return "\n".join([*title, *_table(lines), *notes]) + "\n"


def _cell(text: str) -> str:
    """Return a formatted number; only its stars and bars need escaping."""
    return text.translate(_ENTITIES).replace("*", r"\*").replace("|", r"\|")


def _table(lines: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(3, *map(len, column)) for column in zip(*lines, strict=True)]
    head, *body = [_join(line, widths) for line in lines]
    rule = "|".join([f":{'-' * (widths[0] + 1)}", *(f"{'-' * (w + 1)}:" for w in widths[1:])])
    return [head, f"|{rule}|", *body]


def _join(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = line
    cells = [first.ljust(widths[0]), *(t.rjust(w) for t, w in zip(rest, widths[1:], strict=True))]
    return f"| {' | '.join(cells)} |"
