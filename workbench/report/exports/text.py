"""Tables as plain text, for a terminal or a notebook that shows no HTML."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from workbench.report.numbers import paddings, split_hanging
from workbench.report.tables.grid import Grid

WIDTH = 79
_GAP = "  "


def render(grid: Grid) -> str:
    """Return ``grid`` with aligned decimal points, rules and notes."""
    columns = [_column(grid, j) for j in range(len(grid.heads))]
    labels = _left(["", *([grid.corner] if grid.subheads else []), *(r.label for r in grid.rows)])
    lines = [_GAP.join(cells).rstrip() for cells in zip(labels, *columns, strict=True)]
    width = max(map(len, lines))
    return "\n".join([*_title(grid), *_ruled(grid, lines, width), *_notes(grid, width)])


def _left(texts: Sequence[str]) -> list[str]:
    texts = [" ".join(text.split()) for text in texts]
    width = max(map(len, texts))
    return [text.ljust(width) for text in texts]


def _column(grid: Grid, position: int) -> list[str]:
    """Return heads and cells of one column, all of one width."""
    split = [split_hanging(text) for text in grid.column(position)]
    tails = paddings([core for core, _ in split], " ")
    hang = max((len(mark) for _, mark in split), default=0)
    numbers = [
        core + mark.ljust(hang + len(tail)) for (core, mark), tail in zip(split, tails, strict=True)
    ]
    heads = [grid.heads[position], *(grid.subheads[position : position + 1])]
    texts = [row.cells[position] for row in grid.rows]
    width = max(map(len, [*heads, *numbers, *texts]), default=0)
    cells = [
        number.rjust(width) if row.is_number else text.center(width)
        for row, number, text in zip(grid.rows, numbers, texts, strict=True)
    ]
    return [*(head.center(width) for head in heads), *cells]


def _title(grid: Grid) -> list[str]:
    return [grid.title] if grid.title else []


def _ruled(grid: Grid, lines: Sequence[str], width: int) -> list[str]:
    heads = 2 if grid.subheads else 1
    ruled = ["═" * width, *lines[:heads]]
    start = heads
    for section in grid.sections:
        ruled += ["─" * width, *lines[start : start + len(section)]]
        start += len(section)
    return [*ruled, "═" * width]


def _notes(grid: Grid, width: int) -> list[str]:
    return textwrap.wrap(" ".join(grid.notes), max(width, WIDTH))
