"""A copy of the package with further lines, as a person would write them, for new processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import workbench

PACKAGE = Path(workbench.__file__).parent
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "node_modules")


@dataclass(frozen=True)
class Insertion:
    """Lines that are put before a text which stands once in a file of the package.

    Attributes
    ----------
    file
        The path inside the package, as in ``"optimizers/sgd.py"``.
    before
        The text before which the lines stand.
    lines
        What is inserted, line breaks included.
    """

    file: str
    before: str
    lines: str


def option_line(name: str, kind: str, declared: str, *, python: str) -> str:
    """Return the line that declares an option, such as ``toy: int = option(1, kind=Kind.COUNT)``.

    >>> option_line("toy", "COUNT", "1", python="int").strip()
    'toy: int = option(1, kind=Kind.COUNT, help="toy option")'
    """
    return f'    {name}: {python} = option({declared}, kind=Kind.{kind}, help="toy option")\n'


TOY_OPTIONS = {
    "model": Insertion(
        "models/choice/options.py",
        "    correlated: bool = option(\n",
        option_line("toy_share", "NUMBER", "0.5, least=0.0, most=1.0", python="float"),
    ),
    "optimizer": Insertion(
        "optimizers/sgd.py",
        "    momentum: float = option(\n",
        option_line("toy_way", "CHOICE", '"short", choices=("short", "long")', python="str"),
    ),
    "demeaner": Insertion(
        "demeaners/schur.py",
        "    form: bool | None = option(\n",
        option_line("toy_check", "FLAG", "False", python="bool"),
    ),
    "covariance": Insertion(
        "covariances/newey_west.py",
        "    unit: str | None = option(\n",
        option_line("toy_count", "COUNT", "3, least=1", python="int"),
    ),
}
"""One further option of mixed logit, SGD, the Schur complement and Newey-West errors each."""
TOY_OPTION_OF_EVERY_RUN = Insertion(
    "estimation/specification.py",
    "    missing: str = option(\n",
    option_line("toy_rounds", "COUNT", "7, least=1", python="int"),
)
"""One further option of every run."""


def copied_package(folder: Path, insertions: Iterable[Insertion] = ()) -> dict[str, str]:
    """Copy the package into a folder, insert lines, and return the environment of its processes.

    Parameters
    ----------
    folder
        An empty folder; the copy is ``folder / "workbench"``.
    insertions
        The lines to insert.

    Raises
    ------
    AssertionError
        When the text before which lines are to stand does not occur once.
    """
    copy = folder / "workbench"
    shutil.copytree(PACKAGE, copy, ignore=_LEFT_OUT)
    for each in insertions:
        path = copy / each.file
        text = path.read_text(encoding="utf-8")
        assert text.count(each.before) == 1, f"{each.file} has {each.before!r} not once."
        path.write_text(text.replace(each.before, each.lines + each.before), encoding="utf-8")
    return {**os.environ, "PYTHONPATH": os.fspath(folder)}
