"""The benchmarks run and write results of one form; `make bench` measures how fast they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import BEGIN, END, PAGE, rewritten
from benchmarks.harness import Answer, Report, Side, Timing, agreement, smallest, table, take_turns

ROOT = Path(__file__).parents[2]
FIELDS = {
    "work",
    "size",
    "ours_seconds",
    "peer",
    "peer_seconds",
    "ratio",
    "agreement",
    "repeats",
}


def counting(quick):
    """A side that answers with the number of its turn."""
    turns = iter(range(100))
    return lambda: Answer(np.array([float(next(turns))]), np.ones(1), step=0.5)


def test_packages_take_turns_and_quick_ones_begin_with_a_run_that_is_not_timed():
    found = take_turns([Side("a", counting), Side("b", counting, repeats=1)], 3, quick=True)

    assert [len(found[name].seconds) for name in "ab"] == [3, 1]
    assert [float(found[name].answer.estimates[0]) for name in "ab"] == [3.0, 0.0]
    assert found["a"].of_a_step().median == 0.5


def test_a_ratio_is_the_median_of_theirs_over_the_median_of_ours():
    report, answer = Report(), Answer(np.zeros(2), np.ones(2))

    report.add("work", "2 x 2", Timing((1.0, 2.0, 9.0), answer), "peer", Timing((8.0,), answer))

    (result,) = report.to_dict()["results"]
    assert (result["ratio"], result["repeats"], result["agreement"]) == (4.0, 1, 0.0)
    assert smallest(report.results) == "Smallest ratio: 4, work against peer."
    assert table([result]).splitlines()[2].startswith("| work | 2 x 2 | 2 | peer | 8 | 4 |")


def test_estimates_are_compared_in_standard_errors_and_standard_errors_by_their_ratio():
    ours = Answer(np.array([1.0, 2.0]), np.array([0.5, 0.1]))

    apart = agreement(ours, Answer(np.array([1.0, 2.05]), np.array([0.5, 0.1])))
    wider = agreement(ours, Answer(np.array([1.0, 2.0]), np.array([0.5, 0.3])))

    np.testing.assert_allclose([apart, wider], [0.5, 2.0])


def test_new_figures_replace_the_old_and_leave_the_rest_of_the_page():
    answer = Answer(np.zeros(2), np.ones(2))
    report = Report(extra={"first fit, s": 3})
    report.add("work", "2 x 2", Timing((1.0,), answer), "peer", Timing((2.0,), answer))
    page = PAGE.read_text("utf-8")

    once = rewritten(page, {"ols": report.to_dict()})
    twice = rewritten(once, {"ols": report.to_dict()})

    assert once == twice
    assert "| work | 2 x 2 | 1 | peer | 2 | 2 |" in once
    assert (once.partition(BEGIN)[0], once.partition(END)[2]) == (
        page.partition(BEGIN)[0],
        page.partition(END)[2],
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["ols", "csv_files", pytest.param("streaming", marks=pytest.mark.browser)]
)
def test_a_benchmark_writes_its_figures_and_ends_with_the_smallest_ratio(name, tmp_path):
    file = tmp_path / "figures.json"

    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--quick", "--json", file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    found = json.loads(file.read_text())
    assert {"machine", "versions", "results"} <= set(found)
    assert all(set(result) == FIELDS for result in found["results"])
    assert all(result["ratio"] > 0 for result in found["results"])
    assert done.stdout.splitlines()[-1].startswith("Smallest ratio: ")
