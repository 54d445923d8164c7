"""The errors of the package: what is wrong, where, and what to do."""

from __future__ import annotations


class WorkbenchError(Exception):
    """Say what is wrong and what to do next.

    Parameters
    ----------
    problem
        One sentence that names the column, parameter or option, and the value found.
    hint
        The next step, as a clause that can follow "Try:".
    code
        A stable short name of the case, such as ``"no-rows"``, for programs that react to it.
    where
        The place that the sentence refers to: a column, an option, a line of a cell.
    suggestion
        A replacement that would repair the input, when there is exactly one.
    """

    def __init__(
        self,
        problem: str,
        hint: str = "",
        *,
        code: str = "",
        where: str = "",
        suggestion: str = "",
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.code = code
        self.where = where
        self.suggestion = suggestion

    def __str__(self) -> str:
        return f"{self.problem}\n  Try: {self.hint}" if self.hint else self.problem

    def _render_traceback_(self) -> list[str]:
        """Show IPython the message alone; plain Python keeps the traceback."""
        return [f"{type(self).__name__}: {self}"]


class DataError(WorkbenchError):
    """The data are invalid for the model."""


class FormulaError(WorkbenchError):
    """The formula cannot be read, or has terms that are not allowed."""


class LikelihoodError(WorkbenchError):
    """The log-likelihood, built in or from a cell, is invalid, for instance not finite."""


class OptionError(WorkbenchError):
    """An option has a value that is not among the choices."""


class NotOfferedError(OptionError, AttributeError):
    """The fit does not have a method or property that fits of other models have."""


class DeviceError(WorkbenchError):
    """The device or library is not available."""


class SingularHessianError(WorkbenchError):
    """The Hessian cannot be inverted, so standard errors do not exist."""


class InferenceError(WorkbenchError):
    """The fit does not support this inference."""


class StoreError(WorkbenchError):
    """The record of runs cannot be read or written."""
