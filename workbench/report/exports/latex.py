"""Tables as LaTeX, for the packages booktabs and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.report.numbers import (
    FIGURE_SPACE,
    MINUS,
    POINT_SPACE,
    TIMES,
    paddings,
    split_hanging,
)
from workbench.report.tables.grid import Grid, Row

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "[": "{[}",  # after a line's end it would open an optional argument
        "]": "{]}",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "%": r"\%",
        "#": r"\#",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        MINUS: "$-$",
        TIMES: r"$\times$",
        "²": r"\textsuperscript{2}",
        "†": r"\textsuperscript{\dag}",
        "✓": "",
        "■": "",
        "✕": "",
        "\n": " ",
        "\r": " ",
    }
)
_POWER = re.compile(rf"({MINUS}?[\d.]+) {TIMES} 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_PHANTOM = str.maketrans({POINT_SPACE: ".", FIGURE_SPACE: "0"})
_PLAIN = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def escape(text: str) -> str:
    r"""Return ``text`` with LaTeX's special characters escaped.

    >>> escape(r"\input{x} 100%")
    '\\textbackslash{}input\\{x\\} 100\\%'
    """
    return text.translate(_ESCAPES).strip()


def number(text: str) -> str:
    """Return a formatted number in LaTeX's notation."""
    if match := _POWER.fullmatch(text):
        mantissa, exponent = match.groups()
        mantissa = mantissa.replace(MINUS, "-")
        return rf"${mantissa} \times 10^{{{exponent.translate(_PLAIN)}}}$"
    return escape(text).replace(",", "{,}")


def render(grid: Grid) -> str:
    """Return ``grid`` as a ``table`` environment with booktabs' rules."""
    columns = [_align(grid.column(j)) for j in range(len(grid.heads))]
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        *([rf"\caption{{{escape(grid.title)}}}"] if grid.title else []),
        rf"\begin{{tabular}}{{l{'r' * len(grid.heads)}}}",
        r"\toprule",
        _line("", [_centred(text) for text in grid.heads]),
        *([_line(escape(grid.corner), map(_centred, grid.subheads))] if grid.subheads else []),
        *_sections(grid, columns),
        r"\bottomrule",
        r"\end{tabular}",
        *_notes(grid.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _sections(grid: Grid, columns: Sequence[Sequence[str]]) -> list[str]:
    lines, position = [], 0
    for section in grid.sections:
        lines.append(r"\midrule")
        for row in section:
            lines.append(_row(row, [column[position] for column in columns]))
            position += 1
    return lines


def _row(row: Row, numbers: Sequence[str]) -> str:
    label = rf"\texttt{{{escape(row.label)}}}" if row.is_name else escape(row.label)
    return _line(label, numbers if row.is_number else [_centred(text) for text in row.cells])


def _line(label: str, cells: Sequence[str] | map[str]) -> str:
    return " & ".join([label, *cells]) + r" \\"


def _centred(text: str) -> str:
    return rf"\multicolumn{{1}}{{c}}{{{escape(text)}}}" if text else ""


def _align(column: Sequence[str]) -> list[str]:
    """Return a column with decimal points aligned by invisible digits."""
    split = [split_hanging(text) for text in column]
    tails = paddings([core for core, _ in split])
    return [_cell(core, hang, tail) for (core, hang), tail in zip(split, tails, strict=True)]


def _cell(core: str, hang: str, tail: str) -> str:
    if not core:
        return ""
    hanging = rf"\rlap{{{escape(hang)}}}" if hang else ""
    phantom = rf"\phantom{{{tail.translate(_PHANTOM)}}}" if tail else ""
    return f"{number(core)}{hanging}{phantom}"


def _notes(sentences: Sequence[str]) -> list[str]:
    if not sentences:
        return []
    return [r"\par\smallskip", rf"{{\footnotesize {escape(' '.join(sentences))}}}"]
