"""Formulas of other programs are answered with ours, filled with the person's own names."""

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.formula.other_programs import ivreg
from workbench.data.formula.parser import parse_formula
from workbench.errors import FormulaError

COLUMNS = [*("y", "x", "price", "cost", "rate", "firm", "year", "hours"), "my col"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("y ~ 1 + x + [price ~ cost]", "y ~ 1 + x | price ~ cost"),
        ("y ~ [price ~ cost + rate] + x", "y ~ x | price ~ cost + rate"),
        ("y ~ [price ~ cost]", "y ~ 1 | price ~ cost"),
        ("y ~ x + (price = cost)", "y ~ x | price ~ cost"),
        ("y ~ x + (price = cost rate)", "y ~ x | price ~ cost + rate"),
        ("y x (price = cost)", "y ~ x | price ~ cost"),
        ("ivregress 2sls y x i.year (price = cost)", "y ~ x + C(year) | price ~ cost"),
        ("y ~ x + (price = cost) | firm", "y ~ x | firm | price ~ cost"),
        ("y ~ x | price | cost", "y ~ x | price ~ cost"),
        ("y ~ x | firm | (price ~ cost) | 0", "y ~ x | firm | price ~ cost"),
        ("y ~ x | firm + year | 0 | 0", "y ~ x | firm + year"),
        ("y ~ x + i.year", "y ~ x + C(year)"),
        ("y ~ x + ib2000.year", "y ~ x + C(year)"),
        ("y ~ c.x#c.price", "y ~ x:price"),
        ("y ~ c.x##i.year", "y ~ x * C(year)"),
        ("regress y x price", "y ~ x + price"),
        ("y ~ factor(year) + x", "y ~ C(year) + x"),
        ("y ~ as.factor(year)", "y ~ C(year)"),
        ("y ~ I(x^2)", "y ~ I(x**2)"),
        ("y ~ ln(x)", "y ~ log(x)"),
        ("y ~ Q('my col')", "y ~ `my col`"),
        ("areg y x, absorb(firm)", "y ~ x | firm"),
        ("reghdfe y x, a(firm#year price)", "y ~ x | firm^year + price"),
        ("regress y x price, noconstant", "y ~ x + price - 1"),
        ("feols(y ~ x | firm)", "y ~ x | firm"),
        ("lm(y ~ log(x) + price)", "y ~ log(x) + price"),
        ("y ~ x + fe(firm) + fe(year)", "y ~ x | firm + year"),
        ("y ~ x | firm:year", "y ~ x | firm^year"),
        ("y ~ x | firm#year", "y ~ x | firm^year"),
    ],
)
def test_another_spelling_is_answered_with_ours(theirs, ours):
    with pytest.raises(FormulaError) as refusal:
        parse_formula(theirs, COLUMNS)

    assert refusal.value.suggestion == ours
    assert ours in refusal.value.hint
    parse_formula(ours, COLUMNS)


@pytest.mark.parametrize(
    ("theirs", "says"),
    [
        ("y ~ x | firm | 0 | year", 'y ~ x | firm, with cluster="year"'),
        ("y ~ x + cluster(firm)", 'y ~ x, with cluster="firm"'),
        (
            "ivregress 2sls y x (price = cost), robust",
            'y ~ x | price ~ cost, with se="robust"',
        ),
        (
            "reghdfe y x, absorb(firm i.year) cluster(firm)",
            'y ~ x | firm + year, with cluster="firm"',
        ),
        ("areg y x, absorb(firm) vce(cluster firm year)", 'cluster=["firm", "year"]'),
        ("reg y x, vce(robust) nocons", 'y ~ x - 1, with se="robust"'),
        ("reg y x, beta level(90)", "y ~ x; nothing stands for beta and level(90) in it"),
        ("xtreg y x, fe", "y ~ x | unit, where unit is the first column that xtset names"),
        ("xtreg y x, re", "nothing stands for re in it"),
        ("feols(y ~ x | firm, vcov = ~year)", "y ~ x | firm; nothing stands for vcov = ~year"),
        ("y ~ ns(x, 3)", "as in bs(x, df=5)"),
        ("y ~ s(x) + price", "another kind of spline, which is not available"),
        ("y ~ x + offset(log(hours))", 'y ~ x, with offset="log(hours)"'),
        ("y ~ exposure(hours) + x", 'y ~ x, with offset="log(hours)"'),
        ("y ~ L.x", 'df.groupby("unit")["x"].shift(1)'),
        ("y ~ F2.x", 'df.groupby("unit")["x"].shift(-1)'),
        ("y ~ D.x + price", 'df.groupby("unit")["x"].diff()'),
        ("y ~ lag(x, 1)", 'df.groupby("unit")["x"].shift(1)'),
        ("y ~ x + (1 | firm)", "y ~ x | firm"),
        ("y ~ x + (1 + x | firm)", "not available"),
        ("y ~ sw(x, price)", "one fit for each"),
        ("c(y, x) ~ price", "one fit for each"),
        ("y ~ x + EntityEffects", "y ~ x | firm + year"),
    ],
)
def test_what_is_an_option_or_not_available_is_said(theirs, says):
    with pytest.raises(FormulaError) as refusal:
        parse_formula(theirs, COLUMNS)

    assert says in str(refusal.value)
    assert not refusal.value.suggestion


@pytest.mark.parametrize("formula", ["y ~ x + i.year", "y ~ L.x", "y ~ x + `c.x`"])
def test_a_column_of_such_a_name_is_read(formula):
    columns = [*COLUMNS, "i.year", "L.x", "c.x"]

    assert parse_formula(formula, columns).parts.text == formula


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("y ~ x + yaer", "nearest name is year"),
        ("y ~ x +", "cannot be read"),
        ("y ~ tg(x)", "not among the functions"),
        ("y ~ x, price", "The sign ,"),
    ],
)
def test_other_errors_stay_as_they_are(formula, says):
    with pytest.raises(FormulaError, match=says):
        parse_formula(formula, COLUMNS)


def test_all_instruments_behind_one_bar_are_answered_by_every_model():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(60, 4)), columns=["y", "x", "price", "cost"])
    ours = "y ~ x | price ~ cost"
    assert ivreg("y ~ x + price | x + cost") == ours

    for model in ("ols", "feols"):
        with pytest.raises(wb.WorkbenchError) as refusal:
            wb.fit(model, "y ~ x + price | x + cost", frame)
        assert ours in str(refusal.value)
    coarse = frame.round(0)
    assert any(ours in note for note in wb.fit("feols", "y ~ x + price | x + cost", coarse).notes)


def test_instruments_behind_a_bar_are_two_stage_least_squares():
    rng = np.random.default_rng(4)
    z, u, x = rng.normal(size=(3, 300))
    frame = pd.DataFrame({"z": z, "x": x, "e": z + u, "y": z + 2 * u + x})
    regressors = np.column_stack([np.ones(300), x, z + u])
    instruments = np.column_stack([np.ones(300), x, z])
    fitted = instruments @ np.linalg.lstsq(instruments, regressors, rcond=None)[0]

    found = wb.fit("feols", "y ~ x | e ~ z", frame)

    expected = np.linalg.lstsq(fitted, frame.y, rcond=None)[0]
    np.testing.assert_allclose(found.params["e"], expected[2], rtol=1e-9)
