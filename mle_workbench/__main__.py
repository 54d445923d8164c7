"""Say whether ``import workbench`` finds what ``mle-workbench`` installed, and what to do if not.

``python -m mle_workbench`` ends with status 1 where it does not.  It does not import ``workbench``,
which may be another project's package.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from mle_workbench import REINSTALL, REMEDY, mixture, other_distribution

PACKAGE = Path(__file__).resolve().parent.parent / "workbench"
"""Our package, which lies next to this one, installed or not."""


def trouble(package: Path) -> str:
    """Return what is wrong with the installation and what to do; empty when it is in order.

    Parameters
    ----------
    package
        The folder in which our package ``workbench`` should be.
    """
    if other := other_distribution(str(package)):
        return mixture(str(package), other)
    found = _found()
    if found and found.parent != package:
        return f"`import workbench` finds {found.parent}, and not {package}.\n  Try: {REMEDY}"
    if lost := _lost(package):
        return (
            f"{len(lost)} files of mle-workbench in {package} are missing or changed, such as"
            f" {lost[0]}.\n  Try: {REINSTALL}."
        )
    return "" if found else f"There is no package in {package}.\n  Try: {REINSTALL}."


def _found() -> Path | None:
    """Return the file that ``import workbench`` would run; None where it would run none."""
    spec = find_spec("workbench")
    return Path(spec.origin).resolve() if spec and spec.origin else None


def _lost(package: Path) -> list[str]:
    """List the installed files of the package that are missing or were overwritten.

    ``Distribution.files`` leaves out those that are missing, so the list is read as it is written.
    """
    try:
        ours = distribution("mle-workbench")
    except PackageNotFoundError:  # a source tree that was not installed
        return []
    rows = csv.reader((ours.read_text("RECORD") or "").splitlines())
    return [
        name
        for name, digest, _ in rows
        if digest  # compiled files have none
        and name.startswith(f"{package.name}/")
        and not _is_intact(Path(ours.locate_file(name)), digest)  # type: ignore[arg-type]
    ]


def _is_intact(path: Path, digest: str) -> bool:
    """Compare a file with its ``"sha256=..."``, written down when it was installed."""
    kind, _, expected = digest.partition("=")
    if not path.is_file():
        return False
    found = hashlib.new(kind, path.read_bytes()).digest()
    return base64.urlsafe_b64encode(found).decode().rstrip("=") == expected


def main() -> int:
    """Print what was found, and return 1 where it is not in order."""
    if wrong := trouble(PACKAGE):
        print(wrong, file=sys.stderr)
        return 1
    print(f"`import workbench` finds the package of mle-workbench, in {PACKAGE}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
