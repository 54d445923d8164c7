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
from typing import TYPE_CHECKING, Any

from mle_workbench import refuse_mixture

if TYPE_CHECKING:
    from workbench.api.calls import (
        did2s as did2s,
        fit as fit,
        likelihood as likelihood,
        models as models,
        resume as resume,
        runs as runs,
        start as start,
    )
    from workbench.backends.devices import devices as devices
    from workbench.data.sources import (
        load as load,
        read_sql as read_sql,
        samples as samples,
    )
    from workbench.demeaners.alternating import AlternatingProjections as AlternatingProjections
    from workbench.demeaners.demean import demean as demean
    from workbench.demeaners.lsmr import LSMR as LSMR
    from workbench.demeaners.schur import Schur as Schur
    from workbench.demeaners.within import Within as Within
    from workbench.errors import WorkbenchError as WorkbenchError
    from workbench.models.choice.wide import long as long
    from workbench.models.custom.function import custom as custom
    from workbench.models.custom.parameters import (
        bounded as bounded,
        positive as positive,
    )
    from workbench.notebook.extension import load_ipython_extension as load_ipython_extension
    from workbench.notebook.widgets.workbench import Workbench as Workbench
    from workbench.optimizers import describe as optimizers  # noqa: F401, a public name
    from workbench.optimizers.adam import Adam as Adam
    from workbench.optimizers.newton import Newton as Newton
    from workbench.optimizers.scipy_minimize import (
        BFGS as BFGS,
        CG as CG,
        LBFGSB as LBFGSB,
        SLSQP as SLSQP,
        TNC as TNC,
        NelderMead as NelderMead,
        NewtonCG as NewtonCG,
        TrustConstr as TrustConstr,
        TrustExact as TrustExact,
    )
    from workbench.optimizers.sgd import SGD as SGD
    from workbench.optimizers.torchmin_minimize import (
        TorchminBFGS as TorchminBFGS,
        TorchminCG as TorchminCG,
        TorchminDogleg as TorchminDogleg,
        TorchminLBFGS as TorchminLBFGS,
        TorchminNewtonCG as TorchminNewtonCG,
        TorchminNewtonExact as TorchminNewtonExact,
        TorchminTrustExact as TorchminTrustExact,
        TorchminTrustNCG as TorchminTrustNCG,
    )
    from workbench.optimizers.trust_region import TrustRegion as TrustRegion
    from workbench.report.comparison import (
        Comparison as Comparison,
        compare as compare,
    )
    from workbench.report.plots.event_study import event_plot as event_plot
    from workbench.results.fit import Fit as Fit
    from workbench.results.likelihood_ratio import likelihood_ratio as likelihood_ratio
    from workbench.runs.run import Run as Run
    from workbench.runs.store import (
        store_path as store_path,
        use_store as use_store,
    )

__version__ = "0.1.0"

refuse_mixture(__path__[0])

_FACE = {
    "workbench.backends.devices": "devices",
    "workbench.data.sources": "load read_sql samples",
    "workbench.models.choice.wide": "long",
    "workbench.demeaners.alternating": "AlternatingProjections",
    "workbench.demeaners.demean": "demean",
    "workbench.demeaners.lsmr": "LSMR",
    "workbench.demeaners.schur": "Schur",
    "workbench.demeaners.within": "Within",
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
    "workbench.optimizers.adam": "Adam",
    "workbench.optimizers.newton": "Newton",
    "workbench.optimizers.scipy_minimize": (
        "BFGS CG LBFGSB SLSQP TNC NelderMead NewtonCG TrustConstr TrustExact"
    ),
    "workbench.optimizers.sgd": "SGD",
    "workbench.optimizers.torchmin_minimize": (
        "TorchminBFGS TorchminCG TorchminDogleg TorchminLBFGS TorchminNewtonCG "
        "TorchminNewtonExact TorchminTrustExact TorchminTrustNCG"
    ),
    "workbench.optimizers.trust_region": "TrustRegion",
    "workbench.report.comparison": "Comparison compare",
    "workbench.report.plots.event_study": "event_plot",
}
"""The public names, by the module that they live in."""

_HOME = {name: module for module, names in _FACE.items() for name in names.split()}


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
    """The package itself, some of whose subpackages are functions too."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _LISTS and isinstance(value, ModuleType):
            value.__class__ = _Callable
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _LISTS:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_imported(_HOME[name], name), name)
    globals()[name] = value
    return value


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
    return sorted([*_HOME, *_LISTS, "__version__"])
