"""Ask a package with toy options for what it knows of them; prints JSON.

`tests/test_options_once.py` runs this in a new process.
"""

from __future__ import annotations

import inspect
import json
import sys

import workbench as wb
from workbench.errors import WorkbenchError
from workbench.estimation.families import FAMILIES
from workbench.estimation.specification import RunOptions, Specification
from workbench.models.registry import model_class
from workbench.options import options_of
from workbench.report.tables.changes import what_changed
from workbench.runs.store import current_store

CHOICE = {"situation": "individual", "alternatives": "mode"}
CALLS = {
    "model": (
        ("mixed_logit", "choice ~ ttme + invc", "modechoice"),
        {**CHOICE, "random": {"ttme": "normal"}, "draws": 5, "max_steps": 2},
        {"toy_share": 0.25},
    ),
    "optimizer": (
        ("logit", "inlf ~ educ", "mroz"),
        {"optimizer": "sgd", "max_steps": 2},
        {"optimizer_options": {"toy_way": "long"}},
    ),
    "demeaner": (
        ("feols", "y ~ x | unit + year", "staggered"),
        {"demeaner": "schur"},
        {"demeaner_options": {"toy_check": True}},
    ),
    "covariance": (
        ("ols", "y ~ x", "staggered"),
        {"se": "newey_west"},
        {"se_options": {"time": "year", "unit": "unit", "toy_taper": 3}},
    ),
    "run": (("probit", "inlf ~ educ", "mroz"), {"max_steps": 2}, {"toy_rounds": 9}),
    "function": (
        ("staggered", "y", "~ x | unit + year", "~ treated", "treated", "unit"),
        {},
        {"toy_trim": 0.25},
    ),
}
"""For each family a call without the toy option, and what is added to it."""
MISTAKES = {
    "model": ({"toy_shar": 0.25}, {"toy_share": 2.0}),
    "optimizer": (
        {"optimizer_options": {"toy_wya": "long"}},
        {"optimizer_options": {"toy_way": "lon"}},
    ),
    "demeaner": (
        {"demeaner_options": {"toy_chek": True}},
        {"demeaner_options": {"toy_check": "perhaps"}},
    ),
    "covariance": (
        {"se_options": {"time": "year", "unit": "unit", "toy_tapr": 3}},
        {"se_options": {"time": "year", "unit": "unit", "toy_taper": 0}},
    ),
    "run": ({"toy_ronds": 9}, {"toy_rounds": 0}),
    "function": ({"toy_trm": 0.25}, {"toy_trim": 1.0}),
}
"""A misspelled name and a wrong value of each toy option."""


def answers_of(family):
    """Run a call with and without the toy option; return what the fits say of it."""
    what, plain, toy = CALLS[family]
    without = {"se_options": {"time": "year", "unit": "unit"}} if family == "covariance" else {}
    function = function_of(family)
    before = function(*what, **plain, **without)
    after = function(*what, **plain, **toy)
    specification = after.specification
    record = current_store().read(wb.runs()["id"].iloc[0]).specification
    return {
        "python": after.code().python,
        "magic": after.code().magic,
        "again": Specification.from_dict(record) == specification,
        "changed": repr(what_changed(before, after)),
        "record": json.dumps(record),
    }


def signature_of(function, *names):
    parameters = inspect.signature(function).parameters
    return {
        name: [parameters[name].annotation.__name__, parameters[name].default] for name in names
    }


def refused(family):
    """Return the errors of a misspelled name and of a wrong value."""
    what, plain, _ = CALLS[family]
    function = function_of(family)
    return [error_of(function, *what, **plain, **mistake) for mistake in MISTAKES[family]]


def function_of(family):
    return wb.did2s if family == "function" else wb.fit


def error_of(function, *what, **options):
    try:
        function(*what, **options)
    except WorkbenchError as error:
        return {"text": str(error), "suggestion": error.suggestion, "where": error.where}
    return {"text": "", "suggestion": "", "where": ""}


def schemas():
    """Return what a form is drawn from, by family."""
    kinds = {
        "model": model_class("mixed_logit"),
        "optimizer": FAMILIES["optimizer"].members["sgd"],
        "demeaner": FAMILIES["demeaner"].members["schur"],
        "covariance": FAMILIES["se"].members["newey_west"],
        "run": RunOptions,
        "function": model_class("did2s"),
    }
    found = {family: [each.schema() for each in options_of(kind)] for family, kind in kinds.items()}
    return {
        family: next(entry for entry in entries if entry["name"].startswith("toy_"))
        for family, entries in json.loads(json.dumps(found)).items()
    }


def in_cells():
    """Return what the cell completes, explains and reads."""
    from IPython.core.completer import provisionalcompleter
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from workbench.notebook.cell.arguments import settings
    from workbench.notebook.cell.magic import MleMagics
    from workbench.notebook.cell.options import read_line

    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "workbench")

    def offered(line):
        text = f"%%mle staggered {line}"
        with provisionalcompleter():
            return [item.text for item in shell.Completer.completions(text, len(text))]

    return {
        "flags": {
            "model": offered("--model mixed_logit --toy-s"),
            "optimizer": offered("--optimizer sgd --optimizer-toy"),
            "demeaner": offered("--demeaner schur --demeaner-toy"),
            "covariance": offered("--se newey_west --se-toy"),
            "run": offered("--model probit --toy"),
        },
        "values": {
            "optimizer": offered("--optimizer sgd --optimizer-toy-way "),
            "demeaner": offered("--demeaner schur --demeaner-toy-check "),
        },
        "help": " ".join((MleMagics.mle.__doc__ or "").split()),
        "read": settings(
            read_line(
                MleMagics.mle.parser,
                "d --model mixed_logit --toy-share 0.25 --toy-rounds 9 --optimizer sgd "
                "--optimizer-toy-way=long "
                "--demeaner schur --demeaner-toy-check true --se newey_west --se-toy-taper 3",
            )
        ),
    }


if __name__ == "__main__":
    answers = {
        "file": wb.__file__,
        "signature": signature_of(wb.fit, "toy_share", "toy_rounds"),
        "signature of did2s": signature_of(wb.did2s, "toy_trim", "toy_rounds"),
        "help of did2s": " ".join((inspect.getdoc(wb.did2s) or "").split()),
        "help": " ".join((inspect.getdoc(wb.fit) or "").split()),
        "asked": {family: answers_of(family) for family in CALLS},
        "refused": {family: refused(family) for family in CALLS},
        "schemas": schemas(),
        "cell": in_cells(),
    }
    sys.stdout.write(f"\n{json.dumps(answers)}\n")
