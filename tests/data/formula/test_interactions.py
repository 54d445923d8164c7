"""What i() and sunab() make of columns, against dummies written out and against pyfixest."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
from packaging.version import Version

from workbench.data.design import build_design, prediction_matrix
from workbench.data.formula.parser import parse_formula
from workbench.data.sources import load
from workbench.data.table import as_table
from workbench.errors import DataError, FormulaError

ROWS = 200


@pytest.fixture(scope="module")
def frame():
    """Draw an outcome, a number, years, a 0/1 column, a text, and years with infinity in them."""
    rng = np.random.default_rng(20240701)
    year = rng.integers(2000, 2005, ROWS)
    return pd.DataFrame(
        {
            "y": rng.normal(size=ROWS),
            "x": rng.normal(size=ROWS),
            "year": year,
            "my year": year,
            "treat": rng.integers(0, 2, ROWS),
            "kind": rng.choice(["a", "b", "c"], ROWS),
            "since": np.where(year == 2000, -np.inf, year - 2002.0),
        }
    )


def dummies(frame, name, without=()):
    levels = [level for level in sorted(frame[name].unique()) if level not in without]
    return {level: (frame[name] == level).to_numpy(float) for level in levels}


CASES = {
    "i(year)": lambda f: {f"year::{v}": d for v, d in dummies(f, "year", [2000]).items()},
    "i(year, ref=2003)": lambda f: {f"year::{v}": d for v, d in dummies(f, "year", [2003]).items()},
    "i(kind, ref='b')": lambda f: {f"kind::{v}": d for v, d in dummies(f, "kind", "b").items()},
    "i(year, treat, ref=[2000, 2002])": lambda f: {
        f"year::{v}:treat": d * f.treat for v, d in dummies(f, "year", [2000, 2002]).items()
    },
    "i(year, x)": lambda f: {f"year::{v}:x": d * f.x for v, d in dummies(f, "year").items()},
    "i(`my year`, x, ref=2001)": lambda f: {
        f"my year::{v}:x": d * f.x for v, d in dummies(f, "my year", [2001]).items()
    },
    "i(year, kind, ref=2000)": lambda f: {
        f"year::{v}:kind::{k}": d * e
        for v, d in dummies(f, "year", [2000]).items()
        for k, e in dummies(f, "kind").items()
    },
    "i(year, treat, ref=2000, ref2=0)": lambda f: {
        f"year::{v}:treat::1": d * f.treat for v, d in dummies(f, "year", [2000]).items()
    },
    "i(since, ref=[-1, -inf])": lambda f: {
        f"since::{v:g}": d for v, d in dummies(f, "since", [-1, -np.inf]).items()
    },
}


@pytest.mark.parametrize("term", CASES)
def test_the_columns_are_the_dummies_written_out(frame, term):
    expected = CASES[term](frame)

    design = build_design(as_table(frame), f"y ~ {term}")

    assert design.names == ("Intercept", *expected)
    np.testing.assert_array_equal(design.matrix[:, 1:], np.column_stack(list(expected.values())))


@pytest.mark.skipif(
    Version(np.__version__) < Version("2.1"), reason="pyfixest 0.60 crosses factors by numpy 2.1"
)
@pytest.mark.parametrize("term", [term for term in CASES if "[" not in term and "`" not in term])
def test_the_columns_span_those_of_pyfixest(frame, term):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pf.feols(f"y ~ {term}", frame)

    design = build_design(as_table(frame), f"y ~ {term}")

    fitted = design.matrix @ np.linalg.lstsq(design.matrix, design.outcome, rcond=None)[0]
    np.testing.assert_allclose(fitted, frame.y - theirs.resid(), atol=1e-10)


@pytest.mark.parametrize("term", [*CASES, "i(year):x + i(year)", "0 + i(year)"])
def test_prediction_after_a_reload_gives_the_same_columns_for_any_rows(frame, term):
    design = build_design(as_table(frame), f"y ~ {term}")
    state = json.loads(json.dumps(design.state))

    matrix = prediction_matrix(state, as_table(frame.drop(columns="y").iloc[[7, 90]]))

    np.testing.assert_array_equal(matrix, design.matrix[[7, 90]])


@pytest.mark.parametrize(
    ("term", "said"),
    [
        ("i(year, ref=1999)", "year has no level 1999, which ref names."),
        ("i(kind, ref='d')", "kind has no level d, which ref names."),
        ("i(year, ref=[2000, 2001, 2002, 2003, 2004])", "Every level of year is a reference."),
        ("i(year, 2000)", "codes something that is not a column"),
        ("i(log(x))", "codes something that is not a column"),
        ("i(year, ref=open('f'))", "not allowed"),
        ("i(year, ref=treat)", "not allowed"),
        ("i(year, bin=3)", r"i\(\) has no option bin"),
        ("sunab(year)", r"sunab\(\) names one variable"),
        ("sunab(year, treat, ref_p=__import__('os'))", "not allowed"),
        ("sunab(kind, year)", "kind has 'a' in row 0"),
        ("x:since", "infinite"),
        ("since + i(since, ref=-1)", "infinite"),
    ],
)
def test_an_interaction_that_cannot_be_coded_is_refused_in_a_sentence(frame, term, said):
    with pytest.raises((FormulaError, DataError), match=said):
        build_design(as_table(frame), f"y ~ {term}")


def test_a_column_called_inf_is_not_taken_for_infinity(frame):
    named = frame.assign(inf=frame.x)

    with pytest.raises(FormulaError, match="inf is both a function and a column"):
        parse_formula("y ~ inf + i(since, ref=[-1, -inf])", named.columns)


def test_the_reference_is_recorded_with_the_levels(frame):
    asked = build_design(as_table(frame), "y ~ i(`my year`, x, ref=2001)").state["events"]
    implied = build_design(as_table(frame), "y ~ i(kind)").state["events"]

    assert [asked[0][key] for key in ("variable", "by", "reference")] == ["my year", "x", [2001]]
    assert [implied[0][key] for key in ("levels", "reference")] == [["a", "b", "c"], ["a"]]


# sunab() -----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def staggered():
    return load("staggered")


def test_cohorts_are_coded_by_relative_period_without_the_never_treated(staggered):
    design = build_design(as_table(staggered), "y ~ sunab(first_treated, year)")

    pairs = staggered[["first_treated", "time_to_treatment"]].drop_duplicates()
    pairs = pairs[(pairs.first_treated < 10_000) & (pairs.time_to_treatment != -1)]
    expected = {f"year::{e}:cohort::{g}" for g, e in pairs.itertuples(index=False)}
    assert set(design.names) == {"Intercept", *expected}
    column = design.matrix[:, design.names.index("year::2:cohort::2010")]
    cell = (staggered.first_treated == 2010) & (staggered.year == 2012)
    np.testing.assert_array_equal(column, cell)


def test_relative_periods_may_be_given_as_they_are(staggered):
    direct = build_design(as_table(staggered), "y ~ sunab(first_treated, year)")

    relative = build_design(as_table(staggered), "y ~ sunab(first_treated, time_to_treatment)")

    assert relative.names[1] == "time_to_treatment::-9:cohort::2013"
    np.testing.assert_array_equal(relative.matrix, direct.matrix)


def test_a_cell_that_the_fit_has_not_seen_is_refused(staggered):
    seen = staggered[(staggered.first_treated != 2013) | (staggered.year < 2015)]
    design = build_design(as_table(seen), "y ~ sunab(first_treated, year)")

    with pytest.raises(DataError, match="The cohort 2013 is not known 2 periods after"):
        prediction_matrix(design.state, as_table(staggered))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("first_treated < 9999", "none is a control"),
        ("year >= 2007", "2007 of first_treated is treated in every period"),
        ("first_treated == 10000 or year < first_treated - 4", "no cohort is ever treated"),
    ],
)
def test_designs_that_identify_no_effect_are_refused(staggered, rows, said):
    with pytest.raises(DataError, match=said):
        build_design(as_table(staggered.query(rows)), "y ~ sunab(first_treated, year)")
