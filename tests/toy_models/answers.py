"""Ask a package with two toy models what it can do with them; prints JSON.

`tests/test_model_once.py` runs this in a new process.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd

import workbench as wb
from workbench.data.table import as_table
from workbench.errors import WorkbenchError
from workbench.estimation.specification import DataReference, Specification
from workbench.literals import Choice
from workbench.models.drafts import plan_of
from workbench.report.tables.changes import what_changed
from workbench.runs.store import current_store

MODELS = {"ridge": {"penalty": 20.0}, "exponential": {"shape": 2.0}}


def durations():
    """Return 200 durations whose mean depends on two regressors, drawn with seed 1."""
    rng = np.random.default_rng(1)
    x, z = rng.normal(size=200), rng.normal(size=200)
    y = rng.gamma(2.0, np.exp(0.5 + 0.4 * x - 0.2 * z) / 2.0)
    return pd.DataFrame({"y": y, "x": x, "z": z, "town": np.arange(200) % 20})


def shell():
    """Return a shell that knows the magic and the data."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    made = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    made.run_line_magic("load_ext", "workbench")
    made.push({"frame": frame})
    return made


def answers_of(name, options):
    """Run a model in every way there is, and return what came of it."""
    fit = wb.fit(name, "y ~ x + z", frame, **options)
    kind = getattr(wb, type(fit.model).__name__)
    by_object = wb.fit(kind(**options), "y ~ x + z", frame)
    plain = wb.fit(name, "y ~ x + z", frame)
    scope = {"frame": frame}
    exec(fit.code().python, scope)
    in_shell.run_cell(fit.code().magic.replace("\n", f" --name {name}\n", 1))
    stored = current_store().read(wb.runs()["id"].iloc[0])
    again = type(fit).from_dict(stored.result, stored.trace, stored.demeaning)
    clustered = wb.fit(name, "y ~ x + z", frame, cluster="town", **options)
    drafted = Specification(Choice(name, {}), DataReference("frame", "frame"), "y ~ x + z")
    plan = plan_of(drafted, as_table(frame, "frame"))
    return {
        "class": type(fit).__name__,
        "params": list(fit.params),
        "others": [list(other.params) for other in (by_object, scope["fit"], again)],
        "cell": list(in_shell.user_ns[name].params),
        "se": list(fit.se),
        "clustered": list(clustered.se),
        "converged": fit.converged,
        "summary": str(fit.summary()),
        "compared": str(wb.compare(plain, fit)),
        "changed": repr(what_changed(plain, fit)),
        "predicted": list(fit.predict(frame).iloc[:3]),
        "plot": repr(fit.plot().words),
        "svg": fit.plot().svg()[:4],
        "code": [fit.code().python, fit.code().magic],
        "listed": list(wb.models().loc[name, ["title", "formula"]]),
        "runs": wb.runs()["model"].iloc[0],
        "plan": [list(plan.names), len(plan.rows), plan.ready],
        "stored": again.state == fit.state,
    }


def refusals():
    """Return the error where another model has the option or the property."""
    said = {}
    try:
        wb.fit("ols", "y ~ x", frame, penalty=1.0)
    except WorkbenchError as error:
        said["option"] = str(error)
    try:
        _ = wb.fit("ols", "y ~ x", frame).shrinkage
    except AttributeError as error:
        said["property"] = str(error)
    try:
        wb.fit("rigde", "y ~ x", frame)
    except WorkbenchError as error:
        said["name"] = str(error)
    return said


if __name__ == "__main__":
    frame = durations()
    in_shell = shell()
    answers = {name: answers_of(name, options) for name, options in MODELS.items()}
    answers["shrinkage"] = wb.fit("ridge", "y ~ x + z", frame, penalty=20.0).shrinkage
    answers["refused"] = refusals()
    sys.stdout.write(f"\n{json.dumps(answers)}\n")
