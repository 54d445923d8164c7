"""Estimate maximum-likelihood models in JupyterLab, watch them converge, and compare.

Importing this package loads nothing heavy: a name is fetched from its module when it is first
used (PEP 562), and with it the libraries it needs.

Examples
--------
>>> import workbench as wb
>>> fit = wb.fit("logit", "inlf ~ educ + exper + age", wb.load("mroz"), se="robust")
>>> fit.converged
True
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from mle_workbench import refuse_mixture

__version__ = "0.1.0"

refuse_mixture(__path__[0])

_PUBLIC = {
    "workbench.backends.devices": "devices",
    "workbench.data.sources": "load read_csv read_excel read_sql samples",
    "workbench.models.choice.wide": "long",
    "workbench.demeaners.demean": "demean",
    "workbench.errors": "WorkbenchError",
    "workbench.api.calls": "did2s fit likelihood resume start",
    "workbench.results.fit": "Fit",
    "workbench.results.likelihood_ratio": "likelihood_ratio",
    "workbench.runs.run": "Run",
    "workbench.runs.store": "store_path use_store",
    "workbench.models.custom.function": "custom",
    "workbench.models.custom.parameters": "bounded positive",
    "workbench.notebook.extension": "load_ipython_extension",
    "workbench.notebook.widgets.workbench": "Workbench",
    "workbench.report.comparison": "Comparison compare",
    "workbench.report.plots.event_study": "event_plot",
}
"""The public names by module, besides those of `workbench.api.members`."""

_MODULES = {name: module for module, names in _PUBLIC.items() for name in names.split()}


_LISTS = {
    "models": "workbench.api.calls:models",
    "optimizers": "workbench.optimizers:describe",
    "runs": "workbench.api.calls:runs",
}
"""The functions that have the name of a package, as ``module:name``."""


class _Callable(ModuleType):
    """A package that, called, lists its members: ``wb.models()``."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        module, name = _LISTS[self.__name__.rpartition(".")[2]].split(":")
        return getattr(import_module(module), name)(*args, **options)


class _Package(ModuleType):
    """The package itself; some of its subpackages are functions too."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _LISTS and isinstance(value, ModuleType):
            value.__class__ = _Callable
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _LISTS:
        return import_module(f"{__name__}.{name}")
    module = _MODULES.get(name) or _members().get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_imported(module, name), name)
    globals()[name] = value
    return value


def _members() -> dict[str, str]:
    """Return the module of each model, optimizer, demeaner and covariance by its public name."""
    found: dict[str, str] = import_module(f"{__name__}.api.members").MEMBERS
    return found


def _imported(module: str, name: str) -> ModuleType:
    """Import the home of a name, or say which extra of this package brings what it needs."""
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        if str(missing.name).startswith(__name__):
            raise
        raise import_module("workbench.errors").WorkbenchError(
            f"wb.{name} needs {missing.name}, which is not installed.",
            import_module("workbench.extras").install_command(str(missing.name)),
            code="missing-library",
            where=name,
        ) from missing


def __dir__() -> list[str]:
    return sorted([*_MODULES, *_members(), *_LISTS, "__version__"])
