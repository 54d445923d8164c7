"""``%%mle``: a cell that gives a model and shows its fit.

The first line names the data and the options, the body is a formula or a log-likelihood::

    %%mle mroz --model logit --se robust --name baseline
    inlf ~ educ + exper + age

The cell waits for the end and shows the table; the first interrupt stops the run and keeps its
best step, the second one raises.  The fit of a run with ``--name "by hand"`` is also the variable
``by_hand``, or ``by_hand_fit`` where that is another value of the notebook; a name of Python's, of
IPython's or of a module is refused.  ``wb.runs()`` lists every run.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from functools import partial
from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from workbench.api.calls import start
from workbench.data.sources import read_file, read_sql
from workbench.data.table import Table
from workbench.errors import DataError, WorkbenchError
from workbench.notebook.cell.arguments import in_cell, model_and_formula, settings
from workbench.notebook.cell.data import find_data, introduce
from workbench.notebook.cell.display import leave, show_text, show_until_end
from workbench.notebook.cell.options import READ, read_line, with_options
from workbench.notebook.cell.session import fit_named, remember
from workbench.notebook.cell.variables import check_name, place_for
from workbench.notebook.setup.available import usual_model
from workbench.results.fit import Fit
from workbench.runs.run import Run

HELP = (
    f"%%mle DATA --model {usual_model('0/1')}, and a formula in the lines below it.  Tab completes "
    "options, data and columns; %mle? explains every option."
)


@magics_class
class MleMagics(Magics):
    """The magic of this package."""

    @no_var_expand
    @with_options
    @line_cell_magic
    def mle(self, line: str, cell: str | None = None) -> None:
        """Estimate the model that the cell gives, and show its fit."""
        assert self.shell is not None
        body, namespace = cell or "", self.shell.user_ns
        if line.strip() in {"--help", "-h"} or not (line.strip() or body.strip()):
            show_text(HELP)
            return
        options = read_line(self.mle.parser, line)
        earlier = [fit_named(name, namespace) for name in options.beside or ()]
        try:
            run = _started(options, body, namespace)
            if options.background:
                leave(run, partial(_keep, namespace))
            else:
                show_until_end(run, earlier, partial(_keep, namespace))
        except WorkbenchError as error:
            raise in_cell(error, body) from error


def _started(options: Namespace, body: str, namespace: Mapping[str, Any]) -> Run:
    check_name(options.name or "", namespace)
    table = _data(options, namespace)
    visible = [name for name in namespace if not name.startswith("_")]
    arguments = settings(options)
    model, formula = model_and_formula(options, body, table, outside=visible)
    run = start(model, formula, table, **arguments)
    show_text(introduce(table, namespace))
    return run


def _data(options: Namespace, namespace: Mapping[str, Any]) -> Table:
    if options.data is None:
        raise DataError(
            "The cell names no data.",
            "%%mle mroz, or a variable of the notebook, or a file's path.",
            code="no-data",
            where="data",
        )
    if options.sql is not None:
        return read_sql(options.sql, options.data)
    if options.read is not None:
        return read_file(options.data, READ.read(options.read))
    return find_data(options.data, namespace)


def _keep(namespace: dict[str, Any], fit: Fit) -> None:
    """Remember a fit, and assign it to a variable that no other value has."""
    name = fit.specification.name
    if not name:
        return
    remember(fit)
    variable, remark = place_for(name, namespace)
    if variable:
        namespace[variable] = fit
    if remark:
        show_text(remark)
