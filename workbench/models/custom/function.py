"""A person's own log-likelihood, written in torch or JAX."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from workbench.backends import BACKENDS
from workbench.errors import LikelihoodError, OptionError
from workbench.estimation.model import Model
from workbench.models.custom.parameters import Parameter


@dataclass(frozen=True)
class Custom(Model):
    """A log-likelihood given as a function, with its declared parameters.

    ``loglik(params, data)`` receives the parameters by name (``params["sigma"]`` or
    ``params.sigma``, scalars on their natural scale) and the columns by name (``data["y"]`` or
    ``data.y``, arrays ``(n,)`` of the library that runs), and returns one value per observation.
    """

    name: ClassVar[str] = "custom"
    title: ClassVar[str] = "Own likelihood"
    formula: ClassVar[str] = "ℓᵢ as written"
    outcome: ClassVar[str] = "any"
    roles: ClassVar[tuple[str, ...]] = ("columns", "cluster", "weights")
    built_by: ClassVar[str] = "workbench.models.custom.build"
    results: ClassVar[str] = "workbench.models.custom.results:CustomFit"
    needs_formula: ClassVar[bool] = False
    recorded: ClassVar[bool] = False
    called_by: ClassVar[str] = "workbench.models.custom.code:function_call"
    no_cell: ClassVar[str] = "its likelihood is a Python function"
    no_setup: ClassVar[str] = "its likelihood is a Python function"

    loglik: Callable[..., Any]
    parameters: Mapping[str, Parameter]
    columns: tuple[str, ...] | None = None

    @classmethod
    def restored(cls, settings: Mapping[str, Any]) -> Self:  # noqa: ARG003
        raise LikelihoodError(
            "The run's own log-likelihood is a function, which is not stored.",
            hint="give it again: model=wb.custom(...).",
            code="function-needed",
            where="model",
        )

    def changed(self) -> dict[str, Any]:
        """Return what a record keeps of the function: its name, parameters and columns."""
        params = {name: _declared(parameter) for name, parameter in self.parameters.items()}
        name = getattr(self.loglik, "__name__", "loglik")
        settings: dict[str, Any] = {"function": name, "params": params}
        return settings if self.columns is None else {**settings, "columns": list(self.columns)}

    @property
    def captured(self) -> dict[str, Any]:
        """The outside variables that the function uses, by name; empty for other callables."""
        function = inspect.unwrap(self.loglik)
        if not inspect.isfunction(function):
            return {}
        around = inspect.getclosurevars(function)
        parameters = inspect.signature(function).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        return {**around.globals, **around.nonlocals, **defaults}

    @property
    def library(self) -> str:
        """The library that the function names; empty where it names none or several."""
        modules = (inspect.getmodule(value) for value in self.captured.values())
        named = {module.__name__.split(".")[0] for module in modules if module} & set(BACKENDS)
        return named.pop() if len(named) == 1 else ""


def custom(
    loglik: Callable[..., Any],
    params: Mapping[str, float | Parameter],
    columns: Sequence[str] | str | None = None,
) -> Custom:
    """Make a model of a log-likelihood function.

    Parameters
    ----------
    loglik
        ``loglik(params, data)``: one value per observation, shape ``(n,)``, in nats, in torch or
        JAX operations.
    params
        Start values by name; :func:`positive` and :func:`bounded` declare an interval.
    columns
        The columns the function reads.  None hands over every numeric column of the table.

    Raises
    ------
    OptionError
        When there is no parameter by name, or a start value is not a number.
    LikelihoodError
        When ``loglik`` cannot be called with parameters and data.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.custom(
    ...     lambda params, data: -0.5 * ((data["y"] - params["mu"]) / params["sigma"]) ** 2,
    ...     params={"mu": 0.0, "sigma": wb.positive(1.0)},
    ... )
    >>> list(model.parameters)
    ['mu', 'sigma']
    """
    if not callable(loglik):
        raise LikelihoodError(
            f"The log-likelihood is a {type(loglik).__name__}, which cannot be called.",
            hint="give a function loglik(params, data).",
            code="not-callable",
        )
    _check_arguments(loglik)
    if not params:
        raise OptionError(
            "The log-likelihood has no parameters.",
            hint='params={"mu": 0.0}.',
            code="no-parameters",
            where="params",
        )
    if not isinstance(params, Mapping):
        raise OptionError(
            f"The parameters are a {type(params).__name__}, and need names with start values.",
            hint='params={"mu": 0.0, "sigma": wb.positive(1.0)}.',
            code="no-parameters",
            where="params",
        )
    declared = {name: _parameter(name, value) for name, value in params.items()}
    read = (columns,) if isinstance(columns, str) else columns
    return Custom(loglik, declared, None if read is None else tuple(read))


def _declared(parameter: Parameter) -> float | list[float]:
    unbounded = parameter == Parameter(parameter.start)
    return parameter.start if unbounded else [parameter.start, parameter.lower, parameter.upper]


def _check_arguments(loglik: Callable[..., Any]) -> None:
    try:
        arguments = inspect.signature(loglik)
    except ValueError:  # some callables written in C have no signature
        return
    try:
        arguments.bind({}, {})
    except TypeError:
        raise LikelihoodError(
            f"The log-likelihood takes {arguments}, and is called as loglik(params, data).",
            hint='params["a"] and data["x"] inside of def loglik(params, data).',
            code="wrong-arguments",
        ) from None


def _parameter(name: str, value: float | Parameter) -> Parameter:
    if isinstance(value, Parameter):
        return value
    try:
        return Parameter(float(value))
    except (TypeError, ValueError):
        raise OptionError(
            f'The start value of "{name}" is {value!r}, which is not a number.',
            hint=f'params={{"{name}": 0.0}}, or wb.positive(1.0).',
            code="start-not-a-number",
            where=name,
        ) from None
