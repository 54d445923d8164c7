"""Make `runs.sqlite`: runs as they were recorded at commit c1034f3, before fits had families.

`tests/runs/test_recorded.py` reads the file with the code of today, and compares the fits with
`figures.json`, which is what the code of that commit made of them.  To make both again, check that
commit out and run, from there::

    PYTHONPATH=. python .../tests/runs/recorded/make_store.py .../tests/runs/recorded

All data are samples of the package.  Times, versions and the number of the process are of the day
it was made.  Runs: one of each family; one that was stopped; one with a log-likelihood as text;
and one whose process was killed, which can be resumed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import workbench as wb

ROUTES = {"choosers": "individual", "alternatives": "mode"}
TRAVEL = "choice ~ gc + ttme"
SUNAB = "y ~ x + sunab(first_treated, year) | unit + year"
BODY = "params: a, slope\nloglik = log_ndtr((2 * inlf - 1) * (a + slope * educ))"
CALLS = {
    "ols": ("ols", "inlf ~ educ + exper", "mroz", {"se": "robust"}),
    "logit": ("logit", "inlf ~ educ + exper", "mroz", {"se": "cluster", "cluster": "kidslt6"}),
    "sunab": ("feols", SUNAB, "staggered", {"cluster": "unit"}),
    "feols": ("feols", "lwage ~ hours | nr + year | union ~ married", "wage_panel", {}),
    "fepois": ("fepois", "educ ~ exper | kidslt6", "mroz", {"se": "hessian"}),
    "mixed": ("mixed_logit", TRAVEL, "modechoice", ROUTES | {"random": {"gc": "normal"}}),
    "scaled": ("conditional_logit", TRAVEL, "modechoice", ROUTES | {"scale": "~ psize"}),
    "classes": ("latent_class", TRAVEL, "modechoice", ROUTES | {"starts": 1}),
    "levels": ("multinomial_logit", "kidslt6 ~ educ", "mroz", {}),
    "body": (wb.likelihood(BODY), None, "mroz", {}),
}
"""Model, formula, data and options of each run, by its name."""

KILLED = """
import sys, time, workbench as wb
wb.use_store(sys.argv[1])
slow = wb.Adam(lr=1e-5, max_steps=10_000_000)
run = wb.start("logit", "inlf ~ educ", "mroz", optimizer=slow, backend="torch", name="killed")
while len(run.trace) < 50:
    time.sleep(0.1)
time.sleep(2)
print("ready", flush=True)
time.sleep(600)
"""


def make(folder: Path) -> None:
    """Record the runs in a store of their own, and write their figures next to it."""
    path, figures = folder / "runs.sqlite", {}
    wb.use_store(path)
    for name, (model, formula, data, options) in CALLS.items():
        few = {"draws": 50, "seed": 1} if model == "mixed_logit" else {}
        fit = wb.fit(model, formula, data, name=name, **options, **few)
        figures[name] = _figures(fit)
    figures["two stages"] = _figures(_two_stages())
    figures["stopped"] = _figures(_stopped())
    wb.runs()
    _killed(path)
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")


def _figures(fit: wb.Fit) -> dict[str, object]:
    ended = fit.outcome.at_maximum
    return {
        "params": fit.params.tolist(),
        "se": fit.se.tolist() if ended else None,
        "se_label": fit.se_label,
        "loglik": fit.loglik,
        "aic": fit.aic,
        "df_resid": fit.df_resid if fit.family == "least squares" else None,
        "pseudo_r2": fit.pseudo_r2,
        "r2": fit.r2,
        "r2_within": fit.r2_within,
        "absorbed": list(fit.absorbed),
    }


def _two_stages() -> wb.Fit:
    stages = {"first_stage": "~ x | unit + year", "second_stage": "~ treated"}
    columns = {"yname": "y", "treatment": "treated", "cluster": "unit"}
    return wb.did2s("staggered", **columns, **stages, name="two stages")


def _stopped() -> wb.Fit:
    crawl = wb.Adam(lr=1e-5, max_steps=10_000_000)
    run = wb.start("logit", "inlf ~ educ", "mroz", optimizer=crawl, name="stopped")
    while len(run.trace) < 5:
        time.sleep(0.05)
    run.stop()
    return run.result()


def _killed(path: Path) -> None:
    command = [sys.executable, "-c", KILLED, os.fspath(path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()


if __name__ == "__main__":
    make(Path(sys.argv[1]).absolute())
