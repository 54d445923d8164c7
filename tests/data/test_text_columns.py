"""Columns of text that hold numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import DataError

WRITTEN = {
    "decimal comma": lambda v: f"{v:.2f}".replace(".", ","),
    "thousands": lambda v: f"{v:,.2f}",
    "currency": lambda v: f"${v:.2f}",
    "per cent": lambda v: f"{v:.2f} %",
    "blanks": lambda v: f"  {v:.2f} ",
}


@pytest.fixture
def frame():
    """Return sixty rows of a straight line through amounts up to some thousands."""
    rng = np.random.default_rng(5)
    x = np.round(rng.uniform(1, 5000, 60), 2)
    return pd.DataFrame({"x": x, "y": np.round(1 + 2 * x + rng.normal(size=60), 2)})


def slope(frame):
    return np.linalg.lstsq(np.column_stack([np.ones(60), frame.x]), frame.y, rcond=None)[0][1]


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_text_of_which_every_cell_is_a_number_is_read_so_and_that_is_said(frame, write):
    text = frame.assign(x=frame.x.map(write), y=frame.y.map(write))

    fit = wb.fit("ols", "y ~ x", text)

    assert fit.params["x"] == pytest.approx(slope(frame))
    assert any(note.startswith("x is text that was read as numbers") for note in fit.notes)
    assert fit.predict(text).to_numpy() == pytest.approx(fit.predict(frame).to_numpy())


@pytest.mark.parametrize(
    "form",
    [
        "{:.1f} kg",
        "{:.0f}k",
        "{:.2f} ‰",
        "{:.0f}/8",
        "{:.0f}D+02",
        "{:.0f}:30",
        "({:.1f})*",
        "{:.0f} b",
    ],
)
def test_numbers_with_units_and_other_forms_of_numbers_are_no_levels(frame, form):
    with pytest.raises(DataError, match="x holds text where a number is needed: row 0 has"):
        wb.fit("ols", "y ~ x", frame.assign(x=frame.x.map(form.format)))


@pytest.mark.parametrize("levels", [["7a", "7b", "8a"], ["0-9", "10-19", "20-29"], ["A1", "B2"]])
def test_names_that_begin_with_a_number_stay_levels(frame, levels):
    names = np.array(levels)[np.arange(60) % len(levels)]

    fit = wb.fit("ols", "y ~ x + g", frame.assign(g=names))

    assert list(fit.params.index)[2:] == [f"g[T.{level}]" for level in levels[1:]]


@pytest.mark.parametrize("options", [{"weights": "w"}, {"offset": "w"}])
def test_weights_and_offsets_as_text_are_numbers_too(frame, options):
    numbers = frame.assign(y=(frame.y > frame.y.mean()).astype(int), w=1.0 + frame.index % 3)
    options |= {"weight_kind": "probability"} if "weights" in options else {}

    text = wb.fit("poisson", "y ~ x", numbers.assign(w=numbers.w.astype(str)), **options)

    expected = wb.fit("poisson", "y ~ x", numbers, **options)
    assert text.params.to_numpy() == pytest.approx(expected.params.to_numpy())


@pytest.mark.parametrize("cell", [".189*", "unclear", "12 kg", "n/a", ""])
def test_the_first_cell_that_is_no_number_is_shown(frame, cell):
    text = frame.assign(x=frame.x.astype(str))
    text.loc[7, "x"] = cell

    with pytest.raises(DataError) as caught:
        wb.fit("ols", "y ~ x", text)

    assert f"row 7 has {cell!r}" in caught.value.problem
    assert "coerce" not in caught.value.hint


def test_numbers_with_footnote_marks_are_no_levels(frame):
    with pytest.raises(DataError, match="row 0 has"):
        wb.fit("ols", "y ~ x", frame.assign(x=frame.x.map("{}*".format)))


@pytest.mark.parametrize("option", ["weights", "offset"])
def test_the_advice_for_weights_and_offsets_makes_no_levels(frame, option):
    bad = frame.assign(y=1.0 * (frame.y > 1), w="many")

    with pytest.raises(DataError, match="row 0 has 'many'") as caught:
        wb.fit("poisson", "y ~ x", bad, **{option: "w"})

    assert "C(" not in caught.value.hint


def test_a_mark_that_may_be_two_things_is_refused_with_both_readings(frame):
    text = frame.assign(x=[f"{i % 9 + 1},{200 + i}" for i in range(60)])

    with pytest.raises(DataError) as caught:
        wb.fit("ols", "y ~ x", text)

    assert "which is 1200 or 1.200" in caught.value.problem


def test_words_stay_levels(frame):
    fit = wb.fit("ols", "y ~ g", frame.assign(g=["10-20", "20-30", "over 30"] * 20))

    assert list(fit.params.index) == ["Intercept", "g[T.20-30]", "g[T.over 30]"]


@pytest.mark.parametrize(
    "odd", [lambda y: y.astype(str).where(y.index != 3, "12 x"), pd.to_datetime]
)
def test_the_advice_for_an_outcome_makes_no_levels(frame, odd):
    with pytest.raises(DataError, match="where a number is needed") as caught:
        wb.fit("ols", "y ~ x", frame.assign(y=odd(frame.y)))

    assert "C(" not in caught.value.hint


def test_an_outcome_of_texts_is_refused_with_one_of_them(frame):
    pieces = [f"{i} pieces" for i in range(60)]

    with pytest.raises(DataError, match="60 different values, such as '0 pieces'"):
        wb.fit("poisson", "y ~ x", frame.assign(y=pieces))
