"""Run all benchmarks and write their figures into docs/performance.md: ``make bench``."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import table

NAMES = ("ols", "streaming", "demean", "mixed_logit", "mixed_logit_coverage", "csv_files")
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures: made by `make bench` -->", "<!-- end of figures -->"


def main() -> None:
    """Run each benchmark in its own process; a quick run does not change the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="small data and few repeats")
    quick = parser.parse_args().quick
    found = {name: figures(name, quick) for name in NAMES}
    if not quick:
        PAGE.write_text(rewritten(PAGE.read_text("utf-8"), found), encoding="utf-8")


def figures(name: str, quick: bool) -> dict[str, Any]:
    """Run one benchmark and return its JSON."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        options = ["--quick"] if quick else []
        command = [sys.executable, "-m", f"benchmarks.{name}", *options, "--json", str(file)]
        subprocess.run(command, check=True)
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return found


def rewritten(page: str, found: dict[str, dict[str, Any]]) -> str:
    """Return the page with the figures between its two marks replaced."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    parts = [BEGIN, *(_section(name, one) for name, one in found.items()), END]
    return before + "\n\n".join(parts) + after


def _section(name: str, found: dict[str, Any]) -> str:
    about, packages = found["machine"], found["versions"]
    machine = (
        f"{about['processor']}, {about['cores']} cores, {about['memory_gb']:g} GB, "
        f"{about['system']}; load {about['load']:g} at the end"
    )
    listed = ", ".join(f"{package} {number}" for package, number in packages.items())
    extra = "\n".join(f"- {label}: {value}" for label, value in found["extra"].items())
    rows = table(found["results"]) if found["results"] else ""
    title = f"### `python -m benchmarks.{name}`"
    return "\n\n".join(filter(None, [title, f"{machine}; {listed}.", rows, extra]))


if __name__ == "__main__":
    main()
