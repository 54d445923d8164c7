"""A text file of 200 MB, sniffed and read, and the same with decimal commas and semicolons.

`pandas.read_csv` is the peer: with its defaults, and told the separator and the decimal mark of the
European file, which it does not look for.  A row's agreement is the largest distance between the
means of the columns of numbers, in their standard deviations, and between these relatively.
"""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.harness import Answer, Call, Report, Side, main, take_turns

FULL, QUICK = 1_100_000, 5_000
REPEATS, QUICK_REPEATS = 7, 2
FORMS: dict[str, dict[str, Any]] = {"comma": {}, "European": {"sep": ";", "decimal": ","}}
FOLDER = "WORKBENCH_BENCHMARK_FOLDER"
SAME = 1e-9
"""Largest distance; pandas' default conversion may be off by the last digit of a float64."""


def run(quick: bool) -> Report:
    """Compare both forms."""
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER] = folder
        for form in FORMS:
            size = write(form, quick)
            sides = [Side("ours", partial(ours, form)), Side("pandas", partial(pandas, form))]
            found = take_turns(sides, QUICK_REPEATS if quick else REPEATS, quick)
            work = f"read a {form} file"
            report.add(
                work, f"{size / 1e6:.3g} MB", found["ours"], "pandas.read_csv", found["pandas"]
            )
    for result in report.results:
        assert result.agreement is not None
        assert result.agreement < SAME, result
    return report


def write(form: str, quick: bool) -> int:
    """Write a file of ids, codes, dates, text and ten columns of decimals; return its bytes."""
    rows = QUICK if quick else FULL
    random = np.random.default_rng(3)
    columns = {
        "id": np.arange(rows),
        "firm": random.integers(0, 5_000, rows),
        "year": random.integers(1990, 2020, rows),
        "state": random.choice(["CA", "NY", "TX"], rows),
        "zip": np.char.zfill(random.integers(0, 99_999, rows).astype(str), 5),
        "day": np.datetime64("2000-01-01") + random.integers(0, 5_000, rows),
        **{f"x{i}": np.round(random.standard_normal(rows), 6) for i in range(6)},
        **{f"z{i}": random.standard_normal(rows) for i in range(4)},
    }
    pd.DataFrame(columns).to_csv(path(form), index=False, **FORMS[form])
    return path(form).stat().st_size


def path(form: str) -> Path:
    return Path(os.environ[FOLDER]) / f"{form}.csv"


def summary(frame: pd.DataFrame) -> Answer:
    """Return means and standard deviations of the columns of decimals."""
    numbers = frame[[name for name in frame if name[0] in "xz" and name != "zip"]].to_numpy()
    return Answer(numbers.mean(axis=0), numbers.std(axis=0))


def ours(form: str, quick: bool) -> Call:
    """Open the file by its path alone."""
    from workbench.data.sources import open_data

    return lambda: summary(open_data(path(form)).to_frame())


def pandas(form: str, quick: bool) -> Call:
    """Read the file with the separator and decimal mark that it has."""
    return lambda: summary(pd.read_csv(path(form), **FORMS[form]))


if __name__ == "__main__":
    main("csv_files", run)
