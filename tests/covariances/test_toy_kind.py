"""A kind of covariance is one file and one line: a toy, added to a copy of the package."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.copied_package import Insertion, copied_package

TOY = '''\
"""A share of the robust covariance."""

from dataclasses import dataclass
from typing import ClassVar

from workbench.covariances.base import SumOfRows
from workbench.covariances.curvature import ClusterMeat
from workbench.covariances.evidence import Need
from workbench.options import Kind, option


@dataclass(frozen=True, kw_only=True)
class Toy(SumOfRows):
    """A share of the robust covariance."""

    name: ClassVar[str] = "toy"
    title: ClassVar[str] = "Toy"
    needs: ClassVar[frozenset[Need]] = frozenset({Need.ROW_SCORES})

    share: float = option(
        1.0, kind=Kind.NUMBER, above=0.0, help="share of the covariance", example=4
    )

    def meat(self, evidence):
        scores = evidence.score_rows()
        return ClusterMeat(self.share * scores.T @ scores, 0)

    def label(self, facts):
        return f"Toy ({self.share:g})"

    def note(self, facts):
        return f"Toy: {self.share:g} times the robust covariance"
'''
LINE = Insertion(
    "covariances/kinds.py",
    '    "none": "workbench.covariances.none:NoErrors",\n',
    '    "toy": "workbench.covariances.toy:Toy",\n',
)

FIRST = """
import json, os, sys, time
from dataclasses import replace
import workbench as wb
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
from workbench.covariances.kinds import covariance_class
from workbench.covariances.toy import Toy
from workbench.errors import OptionError
from workbench.notebook.setup import check, form, page
from workbench.notebook.setup.available import available_here
from workbench.notebook.setup.data import open_sample
from workbench.options import options_of
from workbench.report.tables.changes import what_changed

CALL = ("logit", "inlf ~ educ + age", "mroz")
plain = wb.fit(*CALL, se="robust", name="plain")
fit = wb.fit(*CALL, se="toy", se_options={"share": 4}, name="shared")
typed = wb.fit(*CALL, se=Toy(share=4), name="shared")


def refused(**options):
    try:
        wb.fit(*CALL, **options)
    except OptionError as error:
        return [error.code, error.suggestion]


def completed(cell):
    with provisionalcompleter():
        return [item.text for item in shell.Completer.completions(cell, len(cell))]


shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
shell.run_line_magic("load_ext", "workbench")
cell = '%%mle mroz --model logit --se toy --se-options "share=4" --name "of a cell"'
ran = shell.run_cell(cell + chr(10) + "inlf ~ educ + age" + chr(10))
opened, available = open_sample("mroz"), available_here()
chosen = form.Chosen(template="logit", formula="inlf ~ educ + age", se="toy")
wrong = check.checked(replace(chosen, se_options={"share": -1}), opened)
shown = page.page(chosen, check.checked(chosen, opened), opened, available)
facts = {
    "ratio": list(fit.se / plain.se),
    "same": typed.specification.replace(data=fit.specification.data) == fit.specification,
    "label": fit.se_label,
    "summary": str(fit.summary()),
    "table": wb.compare(plain, fit).to_text(details=True),
    "later": list(plain.standard_errors("toy", share=9) / plain.se),
    "misspelled": refused(se="tyo"),
    "misspelled option": refused(se="toy", se_options={"shar": 4}),
    "wrong value": refused(se="toy", se_options={"share": -1}),
    "bare option": refused(share=4),
    "code": [fit.code().python, fit.code().magic],
    "changed": [[c.label, c.first, c.second] for c in what_changed(plain, fit).settings],
    "completions": completed("%%mle mroz --se t"),
    "cell": ran.success and shell.user_ns["_"] is not None,
    "menu": {item["key"]: item["label"] for item in shown["errors"]},
    "schema": [each.schema() for each in options_of(covariance_class("toy"))],
    "fields": shown["forms"]["se"],
    "refused field": [wrong.field, wrong.of],
    "of linear models": "toy" in form.errors_of("ols"),
    "of choices": "toy" in form.errors_of("mixed_logit"),
}
slow = wb.Adam(lr=1e-9, max_steps=10_000_000)
run = wb.start(*CALL, se="toy", se_options={"share": 4}, optimizer=slow, name="killed")
while len(run.trace) < 50:
    time.sleep(0.05)
time.sleep(3)  # steps are recorded about once a second
print(json.dumps(facts), flush=True)
os._exit(9)
"""

SECOND = """
import json
import workbench as wb
from workbench.notebook.comparison_page.runs import RunList
from workbench.runs.store import current_store

runs = RunList()
runs.adopt(current_store().runs())
numbers = wb.runs().set_index("name")["id"].to_dict()
read, of_cell = (runs.fit(numbers[name]) for name in ("shared", "of a cell"))
run = wb.resume(numbers["killed"])
run.stop()
run.result()
resumed = run.continue_with("newton").result()
facts = {
    "record": [read.se_label, *read.se],
    "asked": [read.specification.se, dict(read.specification.se_options)],
    "cell": [of_cell.specification.se, dict(of_cell.specification.se_options)],
    "resumed": [resumed.se_label, *resumed.se],
}
print(json.dumps(facts), flush=True)
"""


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """Copy the package, add the file and the line, and return the environment of its processes."""
    folder = tmp_path_factory.mktemp("toy")
    environment = copied_package(folder, [LINE])
    (folder / "workbench" / "covariances" / "toy.py").write_text(TOY, encoding="utf-8")
    return environment | {"WORKBENCH_STORE": os.fspath(folder / "runs.sqlite")}


def said_by(code, environment, ends=0):
    """Run code in a new process and return the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=environment["PYTHONPATH"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ends, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def first(copied):
    """Return what a process says that fits, refuses, completes and is killed in a run."""
    return said_by(FIRST, copied, ends=9)


@pytest.fixture(scope="module")
def second(copied, first):
    """Return what the next process says that reads the record and resumes the killed run."""
    return said_by(SECOND, copied)


def test_a_toy_kind_is_computed_by_name_by_object_and_after_the_fit(first):
    assert first["ratio"] == pytest.approx([2.0] * 3)
    assert first["later"] == pytest.approx([3.0] * 3)
    assert first["same"]


def test_a_toy_kind_is_named_and_described_in_tables(first):
    assert first["label"] == "Toy (4)"
    assert "Toy: 4 times the robust covariance." in first["summary"]
    assert "Toy (4)" in first["table"]


def test_a_toy_kind_is_the_nearest_name_and_its_option_is_checked(first):
    assert first["misspelled"] == ["bad-option", "toy"]
    assert first["misspelled option"] == ["no-such-se-option", "share"]
    assert first["wrong value"] == ["bad-se-option", ""]
    assert first["bare option"] == ["no-such-option", "se_options"]


def test_a_toy_kind_stands_in_the_code_and_in_what_changed(first):
    python, magic = first["code"]

    assert 'se="toy", se_options={"share": 4}' in " ".join(python.split())
    assert "--se toy" in magic
    assert "share=4" in magic
    assert ["Standard errors", "robust", "Toy"] in first["changed"]
    assert ["Settings of the errors", "none", "share 4"] in first["changed"]


def test_a_toy_kind_is_completed_and_read_from_a_cell(first, second):
    assert first["completions"] == ["toy"]
    assert first["cell"]
    assert second["cell"] == ["toy", {"share": 4}]


def test_a_toy_kind_is_offered_on_the_page_to_models_that_have_what_it_needs(first):
    [share], [field] = first["schema"], first["fields"]

    assert first["menu"]["toy"] == "Toy"
    assert first["of linear models"]
    assert not first["of choices"]
    assert (share["name"], share["kind"], share["default"]) == ("share", "number", 1.0)
    assert share["least"] == 0.0
    assert field == share | {"value": None, "example": 4, "names": []}
    assert first["refused field"] == ["share", "se"]


def test_a_toy_kind_is_read_from_the_record_and_resumed(second):
    assert second["asked"] == ["toy", {"share": 4}]
    assert second["record"][0] == second["resumed"][0] == "Toy (4)"
    assert second["record"][1:] == pytest.approx(second["resumed"][1:], rel=1e-6)
