"""Expressions in the options of a run: as with the columns computed first, in every family."""

import numpy as np
import pandas as pd
import pytest

import workbench as wb

EXACT = 1e-12
"""Relative; the same numbers reach the same code."""


@pytest.fixture(scope="module")
def panel():
    """240 rows of 12 firms over 20 years, with gaps in one column."""
    rng = np.random.default_rng(5)
    firm, year = np.repeat(np.arange(12), 20), np.tile(np.arange(1981, 2001), 12)
    x, hours = rng.normal(size=240), rng.uniform(1, 9, 240)
    frame = pd.DataFrame({"firm": firm, "year": year, "x": x, "hours": hours})
    frame["y"] = x + 0.1 * firm + rng.normal(size=240)
    frame["count"] = rng.poisson(hours * np.exp(0.3 * x))
    frame["work"] = (x + rng.normal(size=240) > 0).astype(int)
    frame["kind"] = rng.choice(["a", "b", "c"], 240)
    frame["w"] = rng.uniform(0.5, 2, 240)
    frame["gap"] = np.where(rng.uniform(size=240) < 0.1, np.nan, year)
    return frame.sample(frac=1, random_state=1)


MODELS = {
    "ols": "y ~ x",
    "feols": "y ~ x | firm",
    "gaussian": "y ~ x",
    "logit": "work ~ x",
    "fepois": "count ~ x | firm",
    "multinomial_logit": "kind ~ x",
}


@pytest.mark.parametrize("model", MODELS)
def test_a_subset_gives_what_the_filtered_data_give(panel, model):
    found = wb.fit(model, MODELS[model], panel, subset="year > 1990 and kind != 'c' or firm < 3")
    rows = (panel.year > 1990) & (panel.kind != "c") | (panel.firm < 3)
    expected = wb.fit(model, MODELS[model], panel[rows])

    pd.testing.assert_series_equal(found.params, expected.params, rtol=EXACT)
    pd.testing.assert_series_equal(found.standard_errors(), expected.standard_errors(), rtol=1e-9)
    assert found.dropped["not in subset"] == int((~rows).sum())


def test_rows_that_miss_a_column_of_the_subset_are_counted(panel):
    found = wb.fit("ols", "y ~ x", panel, subset="gap > 1990")

    assert found.dropped == {
        "not in subset": int((panel.gap <= 1990).sum()),
        "missing gap": int(panel.gap.isna().sum()),
    }
    assert found.nobs == int((panel.gap > 1990).sum())


def test_rows_outside_the_subset_are_not_counted_as_missing(panel):
    frame = panel.assign(x=panel.x.where(panel.year != 1985))

    found = wb.fit("ols", "y ~ x", frame, subset="year > 1984", missing="drop")

    assert found.dropped == {"not in subset": 48, "missing x": 12}
    assert wb.fit("ols", "y ~ x", frame, subset="year > 1985", missing="raise").nobs == 180


def test_values_outside_the_subset_may_be_infinite(panel):
    frame = panel.assign(x=panel.x.where(panel.year != 1985, np.inf))

    assert wb.fit("ols", "y ~ x", frame, subset="year != 1985").nobs == 228


def test_a_subset_leaves_alternatives_out_of_choice_sets():
    rng = np.random.default_rng(2)
    n = 150
    frame = pd.DataFrame({"id": np.repeat(np.arange(n), 3), "mode": np.tile(["a", "b", "c"], n)})
    frame["cost"], frame["wave"] = rng.normal(size=3 * n), frame["id"] % 4
    utility = (frame["cost"] + rng.gumbel(size=3 * n)).to_numpy().reshape(n, 3)
    frame["chosen"] = (utility == utility.max(axis=1)[:, None]).astype(int).ravel()
    options = {"situation": "id", "alternatives": "mode"}

    found = wb.fit("conditional_logit", "chosen ~ cost", frame, subset="wave > 1", **options)
    expected = wb.fit("conditional_logit", "chosen ~ cost", frame[frame.wave > 1], **options)

    pd.testing.assert_series_equal(found.params, expected.params, rtol=1e-9)
    pd.testing.assert_series_equal(found.choice.shares(), expected.choice.shares(), rtol=1e-9)
    assert found.choice.predict().index.equals(frame.index[frame.wave > 1])


def test_predictions_for_other_data_leave_the_subset_aside(panel):
    found = wb.fit("ols", "y ~ x", panel, subset="year > 1990")

    assert len(found.predict(panel[["x"]])) == len(panel)
    assert found.predict().index.equals(panel.index[panel.year > 1990])


def test_a_subset_is_recorded_and_in_the_code(panel):
    found = wb.fit("ols", "y ~ x", panel, subset="year > 1990")

    assert found.specification.subset == "year > 1990"
    assert 'subset="year > 1990"' in found.code().python
    assert '--subset "year > 1990"' in found.code().magic


def test_a_body_and_a_function_take_a_subset(panel):
    body = wb.likelihood("params: mu, sigma > 0 = 1.0\nloglik = normal_logpdf(y, mu, sigma)")

    found = wb.fit(body, data=panel, subset="firm in [1, 2]")

    mean = panel.y[panel.firm.isin([1, 2])].mean()
    np.testing.assert_allclose(found.params["mu"], mean, rtol=1e-6)


@pytest.mark.parametrize("model", ["ols", "feols", "logit"])
def test_errors_clustered_by_a_combination_are_those_by_its_codes(panel, model):
    frame = panel.assign(decade=panel.year // 10)
    frame["both"] = frame.groupby(["firm", "decade"]).ngroup()

    found = wb.fit(model, MODELS[model], frame, cluster="firm^decade")
    expected = wb.fit(model, MODELS[model], frame, cluster="both")

    np.testing.assert_allclose(found.standard_errors(), expected.standard_errors(), rtol=1e-9)
    after = wb.fit(model, MODELS[model], frame).standard_errors("cluster", cluster="firm:decade")
    np.testing.assert_allclose(after, expected.standard_errors(), rtol=1e-9)


@pytest.mark.parametrize("cluster", ["firm + year", "~firm + year", "~ firm+year"])
def test_a_sum_of_columns_to_cluster_by_means_each_of_them(panel, cluster):
    found = wb.fit("ols", "y ~ x", panel, cluster=cluster)

    assert found.specification.cluster == ("firm", "year")
    assert wb.fit("ols", "y ~ x", panel, cluster="~firm").specification.cluster == "firm"


def test_weights_that_are_computed_are_those_of_a_column(panel):
    frame = panel.assign(inverse=1 / panel.w)

    found = wb.fit("ols", "y ~ x", frame, weights="1/w", weight_kind="analytic")
    expected = wb.fit("ols", "y ~ x", frame, weights="inverse", weight_kind="analytic")

    pd.testing.assert_series_equal(found.params, expected.params, rtol=EXACT)


@pytest.mark.parametrize("model", ["poisson", "fepois"])
def test_an_offset_that_is_computed_is_that_of_a_column_and_predicts(panel, model):
    frame = panel.assign(log_hours=np.log(panel.hours))
    formula = "count ~ x" + " | firm" * (model == "fepois")

    found = wb.fit(model, formula, frame, offset="log(hours)")
    expected = wb.fit(model, formula, frame, offset="log_hours")

    pd.testing.assert_series_equal(found.params, expected.params, rtol=1e-9)
    pd.testing.assert_series_equal(found.predict(frame), expected.predict(frame), rtol=1e-9)
    with pytest.raises(wb.WorkbenchError, match="hours"):
        found.predict(frame.drop(columns="hours"))


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_an_offset_without_a_value_is_refused_with_its_row(panel, value):
    frame = panel.reset_index(drop=True)
    frame.loc[7, "hours"] = value

    with pytest.raises(wb.WorkbenchError, match=r"log\(hours\) is infinite in 1 row, .* row 7"):
        wb.fit("poisson", "count ~ x", frame, offset="log(hours)")
    assert (
        wb.fit("poisson", "count ~ x", frame, offset="log(hours)", subset="hours > 0").nobs == 239
    )


def test_the_fingerprint_reads_the_columns_of_expressions(panel):
    options = {"cluster": "firm^year", "subset": "gap > 1982"}
    prints = [
        wb.fit("ols", "y ~ x", frame, **options).specification.data.fingerprint
        for frame in (
            panel,
            panel.assign(kind="z"),
            panel.assign(firm=1 + panel.firm),
            panel.assign(gap=panel.gap + 1),
        )
    ]

    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_an_exposure_is_answered_with_the_offset(panel):
    with pytest.raises(wb.WorkbenchError, match=r'offset="log\(hours\)"'):
        wb.fit("poisson", "count ~ x", panel, exposure="hours")
