"""The report of fits that the workbench estimated, compared with those of other packages."""

from __future__ import annotations

import maketables
import numpy as np
import pandas as pd
import pyfixest
import pytest
import statsmodels.formula.api as smf

import workbench as wb
from tests.report.stand_in import FORMULA
from workbench.report.plots.trace_png import trace_charts
from workbench.report.static import static_bundle


@pytest.fixture(scope="module")
def logit(mroz):
    """Return our logit on mroz with Hessian errors."""
    return wb.fit("logit", FORMULA, mroz, name="Logit", backend="torch")


@pytest.fixture(scope="module")
def regression():
    """Return 500 rows of y = 1 + x1 - x2 + 0.5 x3 + standard normal noise."""
    draws = np.random.default_rng(7)
    frame = pd.DataFrame(draws.normal(size=(500, 3)), columns=["x1", "x2", "x3"])
    noise = draws.normal(size=500)
    return frame.assign(y=1 + frame["x1"] - frame["x2"] + 0.5 * frame["x3"] + noise)


def test_a_row_that_misses_two_columns_is_left_out_once(mroz):
    holed = mroz.assign(educ=mroz["educ"].where(mroz["lwage"].notna()))

    fit = wb.fit("ols", "lwage ~ educ", holed)

    assert sum(fit.dropped.values()) == 650
    assert ("Rows left out", "325") in fit.summary().facts


def test_tables_say_which_level_is_one_and_what_the_weights_are(mroz):
    answers = mroz.assign(works=np.where(mroz["inlf"] == 1, "yes", "no"), w=1.0)
    asked = {"weights": "w", "weight_kind": "probability", "offset": "age"}

    yes = wb.fit("logit", "works ~ educ", answers, positive="yes", **asked)
    no = wb.fit("logit", "works ~ educ", answers, positive="no")

    assert ("Dependent variable", "works (1 = yes)") in yes.summary().facts
    assert ("Weights", "w (probability)") in yes.summary().facts
    assert ("Offset", "age") in yes.summary().facts
    rows = {row.label: row.cells for row in wb.compare(yes, no).grid.rows}
    assert rows["Dependent variable"] == ("works (1 = yes)", "works (1 = no)")
    assert rows["Weights"] == ("w (probability)", "none")


def test_a_comparison_counts_rows_left_out_and_shows_the_notes_of_a_fit(mroz):
    few = mroz.assign(band=mroz["age"] > 40)

    whole = wb.fit("ols", "hours ~ educ", few, name="whole")
    part = wb.fit("ols", "lwage ~ educ", few, cluster="band", name="part")
    grid = wb.compare(whole, part).grid

    assert {row.label: row.cells for row in grid.rows}["Rows left out"] == ("", "325")
    assert any(note.startswith("part: Clustering by band uses 2 groups") for note in grid.notes)


@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")  # of pyfixest
def test_absorbed_terms_and_both_r_squared_stand_in_the_comparison(mroz):
    grouped = mroz.assign(band=mroz["age"] > 40)
    plain = wb.fit("ols", "lwage ~ educ", grouped)
    absorbed = wb.fit("feols", "lwage ~ educ | city + band", grouped)
    theirs = smf.ols("lwage ~ educ", grouped).fit()
    by_pyfixest = pyfixest.feols("lwage ~ educ | city + band", grouped)

    rows = {row.label: row.cells for row in wb.compare(plain, absorbed).grid.rows}

    assert rows["Fixed effects: city"] == rows["Fixed effects: band"] == ("no", "yes")
    assert rows["R²"] == (f"{theirs.rsquared:.4f}", f"{by_pyfixest._r2:.4f}")
    assert rows["R² within"] == ("", f"{by_pyfixest._r2_within:.4f}")


def test_clustered_errors_come_with_the_number_of_clusters(logit, mroz):
    grouped = mroz.assign(city=mroz["age"] % 7, band=mroz["age"] // 10)
    one = wb.fit("logit", FORMULA, grouped, se="cluster", cluster="city", backend="torch")
    two = wb.fit("ols", FORMULA, grouped, se="cluster", cluster=("city", "band"))

    rows = {row.label: row.cells for row in wb.compare(logit, one, two).grid.rows}

    bands = grouped["band"].nunique()
    assert ("Clusters", "7") in one.summary().facts
    assert rows["Clusters"] == ("", "7", f"7 & {bands}")
    assert "Clusters" not in str(logit.summary()) + str(wb.compare(logit))


def test_a_likelihood_without_an_outcome_shows_none_and_no_mcfadden(mroz):
    body = "params: mu, sigma > 0 = 1\nloglik = normal_logpdf(educ, mu, sigma)"

    own = wb.fit(wb.likelihood(body), data=mroz)

    shown = static_bundle(own)
    for text in (*shown.values(), str(own.summary())):
        assert "Dependent variable" not in text
        assert "McFadden" not in text
    assert "Standard errors in brackets." in shown["text/html"]


# pyfixest 0.60 still passes inplace=True to pandas 3.1.
@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")
def test_one_table_holds_our_fit_one_of_statsmodels_and_one_of_pyfixest(logit, mroz):
    theirs = smf.logit(FORMULA, mroz).fit(disp=0)
    third = pyfixest.feols(FORMULA, mroz)

    frame = maketables.ETable(
        [logit, theirs, third], coef_fmt="b:.6f (se:.6f)", model_stats=["N", "ll", "se_type"]
    ).df

    row = next(line for label, line in frame.iterrows() if "educ" in str(label))
    first, second, last = (str(cell) for cell in row)
    assert first == second == f"{theirs.params['educ']:.6f} ({theirs.bse['educ']:.6f})"
    assert last.startswith(f"{third.coef()['educ']:.6f}")
    assert "Hessian" in frame.to_string()


def test_one_table_compares_three_ways_to_least_squares_with_their_distance(regression):
    formula, torch = "y ~ x1 + x2 + x3", {"backend": "torch", "seed": 1}
    ols = wb.fit("ols", formula, regression, name="OLS", **torch)
    sgd = wb.fit(
        "gaussian", formula, regression, name="torch SGD", optimizer="sgd", max_steps=50, **torch
    )
    minimized = wb.fit(
        "gaussian", formula, regression, name="minimize", optimizer="torchmin:l-bfgs", **torch
    )

    comparison = wb.compare(ols, sgd, minimized, against=ols)

    rows = {row.label: row.cells for row in comparison.grid.rows}
    closed = smf.ols(formula, regression).fit()
    shared = minimized.params[closed.params.index]
    rmse = float(np.sqrt(np.mean((shared - closed.params) ** 2)))
    assert rmse < 1e-4
    assert rows["RMSE against OLS"][0] == ""
    assert rows["RMSE against OLS"][2] != ""
    assert rows["Optimizer"][0] == "closed form"
    assert all(rows["Time, s"])
    np.testing.assert_allclose(
        comparison.to_frame()["OLS", "estimate"][closed.params.index], closed.params, rtol=1e-8
    )


def test_a_summary_prints_statsmodels_figures(logit, mroz):
    reference = smf.logit(FORMULA, mroz).fit(disp=0)

    printed = str(logit.summary())

    assert f"{reference.llf:.3f}".replace("-", "−") in printed
    assert f"{reference.tvalues['age']:.2f}".replace("-", "−") in printed


def test_a_separated_run_is_reported_and_never_compared(mroz, logit):
    separated = wb.fit("logit", "inlf ~ educ + hours", mroz, name="hours", backend="torch")

    with pytest.raises(wb.WorkbenchError, match="no estimates to compare"):
        wb.compare(logit, separated)
    summary = str(separated.summary())
    assert "hours predicts inlf exactly" in summary
    assert "428" in summary


def test_the_saved_picture_of_a_demeaned_fit_has_a_line_for_each_column():
    rng = np.random.default_rng(4)
    panel = pd.DataFrame(rng.integers(0, 12, (200, 2)), columns=["firm", "worker"])
    panel[["x", "z"]] = rng.normal(size=(200, 2))
    panel["y"] = panel["x"] + rng.normal(size=200)
    fits = [wb.fit("feols", f, panel, demeaner="lsmr") for f in ("y ~ x + z | firm + worker",) * 2]

    (alone,), (both,) = trace_charts(fits[:1]), trace_charts(fits)
    page = static_bundle(fits[0])["text/html"]

    assert (alone.title, alone.finished, alone.axis) == ("Demeaning residual", 1e-8, "iteration")
    assert [line.name for line in alone.lines] == ["y", "x", "z"]
    for line, residuals in zip(alone.lines, fits[0].demeaning.rows()[:, 3:].T, strict=True):
        np.testing.assert_array_equal(line.values, residuals[residuals > 0])
    assert len(both.lines) == 2
    np.testing.assert_array_equal(both.lines[0].values, np.max([x.values for x in alone.lines], 0))
    assert page.count("<img") == 1
    assert "Demeaning residual by iteration, relative, log scale: y ends at" in page
