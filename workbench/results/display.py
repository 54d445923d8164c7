"""Functions of higher layers that results call, by name, imported at the first call.

A fit prints itself by `workbench.report`, a run is shown live by `workbench.notebook`, and the
class of a stored fit is known to `workbench.models.registry`.  None of them is imported here.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

TABLE = {
    "summary": "workbench.report.tables.summary:summary",
    "plot": "workbench.report.plots.event_study:fit_plot",
    "maketables_table": "workbench.report.tables.maketables:maketables_table",
    "maketables_stat": "workbench.report.tables.maketables:maketables_stat",
    "view": "workbench.notebook.widgets.trace_view:TraceView",
    "class_of_stored": "workbench.models.registry:class_of_stored",
    "models_with": "workbench.models.registry:models_with",
}
"""Each function as ``"module:function"``, by the name under which results ask for it."""


def call(name: str, *arguments: Any, **options: Any) -> Any:
    """Call the function that `TABLE` has under a name, and return what it returns."""
    return imported(TABLE[name])(*arguments, **options)


def imported(place: str) -> Any:
    """Import what stands at ``"module:name"``."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
