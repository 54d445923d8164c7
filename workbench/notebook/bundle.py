"""Where the built page is found: one ES module and one style sheet."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from workbench.errors import WorkbenchError

STATIC = Path(__file__).parent / "static"


def module() -> str:
    """Return the text of the page's ES module."""
    return _read(STATIC / "workbench.js")


def style_sheet() -> str:
    """Return the text of the page's style sheet."""
    return _read(STATIC / "workbench.css")


@cache
def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise WorkbenchError(
            f"The page of the workbench is not built: {path.name} is missing.",
            hint="install the package with `pip install .`, or run `make lab` in its folder.",
            code="page-not-built",
        ) from None
