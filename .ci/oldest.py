"""Print pip's constraints for the lowest version of each dependency that pyproject.toml allows.

Run it as ``.venv/bin/python .ci/oldest.py > constraints-oldest.txt``.  What the dependencies need
in turn has the version of constraints.txt, except the packages that go with one version of another.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
COMPANIONS = {"jaxlib", "llvmlite", "numpy-typing-compat", "optype"}
"""Packages that jax, numba and scipy-stubs ask for in a version of their own."""
HEAD = """\
# The lowest versions that pyproject.toml allows, and for what they need those of constraints.txt.
# Written by: .venv/bin/python .ci/oldest.py > constraints-oldest.txt
"""


def lowest(project: dict) -> dict[str, str]:
    """Return ``{name: version}`` of the lower bounds of the dependencies and of the extras."""
    extras = project["optional-dependencies"].values()
    texts = [*project["dependencies"], *(text for extra in extras for text in extra)]
    needs = [Requirement(text) for text in texts]
    return {
        need.name: next(each.version for each in need.specifier if each.operator == ">=")
        for need in needs
        if need.name != project["name"]
    }


def transitive(direct: dict[str, str]) -> dict[str, str]:
    """Return the pins of constraints.txt for packages that we do not depend on."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    ours = {canonicalize_name(name) for name in direct} | COMPANIONS
    return {name: pins[name] for name in pins if canonicalize_name(name) not in ours}


def main() -> None:
    """Print the constraints in the order of their names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    direct = lowest(project)
    pins = direct | transitive(direct)
    lines = [f"{name}=={pins[name]}\n" for name in sorted(pins, key=canonicalize_name)]
    sys.stdout.write(HEAD + "".join(lines))


if __name__ == "__main__":
    main()
