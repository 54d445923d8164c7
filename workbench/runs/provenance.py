"""Record versions, device, seed and sizes, with which a result can be reproduced."""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from workbench import __version__
from workbench.estimation.problem import Problem


def provenance_of(problem: Problem) -> dict[str, Any]:
    """Return plain JSON types: versions, library, device, dtype, seed, rows used."""
    specification = problem.specification
    facts: dict[str, Any] = {
        "versions": versions(specification.backend),
        "backend": problem.library or specification.backend,
        "device": specification.device,
        "dtype": specification.dtype,
        "seed": specification.seed,
        "rows": len(problem.design.rows),
    }
    if problem.record:
        facts["demeaner"] = problem.record
    if problem.column_sd:
        facts["column_sd"] = dict(problem.column_sd)
    return facts


@lru_cache
def versions(backend: str) -> dict[str, str]:
    """Return the versions of Python, this package and the libraries that computed."""
    found = {"python": platform.python_version(), "workbench": __version__}
    for name in ("numpy", "scipy", "pandas", "formulaic", backend):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
