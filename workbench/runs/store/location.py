"""Where the record of runs is kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from workbench.errors import StoreError

IN_MEMORY = ":memory:"
VARIABLE = "WORKBENCH_STORE"


def chosen_path(path: str | os.PathLike[str] | None = None) -> Path | None:
    """Return the file of the store: ``path``, else ``WORKBENCH_STORE``, else the user's folder.

    ``":memory:"`` asks for a store that is not kept, and gives None.
    """
    text = os.fspath(path) if path is not None else os.environ.get(VARIABLE, "")
    if not text:
        return _user_folder() / "workbench" / "runs.sqlite"
    if text == IN_MEMORY:
        return None
    if "://" in text or "\0" in text:
        raise StoreError(
            f"The record of runs cannot be kept at {text!r}.",
            hint='give a file of this machine, such as wb.use_store("project/runs.sqlite").',
            code="store-place",
            where=text,
        )
    return Path(_expanded(text)).absolute()


def shown(path: Path | None) -> str:
    """Return the place as text, with the home directory as ``~``."""
    if path is None:
        return "memory only"
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)


def _expanded(text: str) -> str:
    try:
        return str(Path(text).expanduser())
    except RuntimeError as error:
        raise StoreError(
            f"The home directory of {text!r} is not known.",
            hint=f"set {VARIABLE} to a file of this machine.",
            code="store-place",
            where=text,
        ) from error


def _user_folder() -> Path:
    if sys.platform == "win32":
        fallback, variable = Path("~/AppData/Local"), "LOCALAPPDATA"
    elif sys.platform == "darwin":
        fallback, variable = Path("~/Library/Application Support"), ""
    else:
        fallback, variable = Path("~/.local/share"), "XDG_DATA_HOME"
    given = os.environ.get(variable, "") if variable else ""
    return Path(given if Path(given).is_absolute() else _expanded(str(fallback)))
