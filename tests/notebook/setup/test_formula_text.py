"""Editing the text of a formula by terms."""

from __future__ import annotations

import pytest

from workbench.notebook.setup.formula_text import (
    cut,
    sides,
    with_outcome,
    with_replaced,
    with_term,
    without_term,
)


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        ("", "age", " ~ age"),
        ("y ~ 1", "age", "y ~ age"),
        ("y ~ educ", "age", "y ~ educ + age"),
        ("y ~ educ", "years of work", "y ~ educ + `years of work`"),
        ("y ~ educ - 1", "age", "y ~ educ - 1 + age"),
        ("y ~ educ | region", "age", "y ~ educ + age | region"),
    ],
)
def test_a_variable_of_the_list_goes_to_the_right_side(before, name, after):
    assert with_term(before, name) == after


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        ("y ~ educ + age", "educ", "y ~ age"),
        ("y ~ educ", "educ", "y ~ 1"),
        ("y ~ `years of work` + age", "years of work", "y ~ age"),
        ("y ~ age + I(age + 1)", "age", "y ~ I(age + 1)"),
    ],
)
def test_pressed_again_it_leaves_the_right_side_and_nothing_else_does(before, name, after):
    assert with_term(before, name) == after
    assert without_term(before, name) == after


def test_an_outcome_leaves_the_right_side_and_pressed_again_the_left():
    once = with_outcome("y ~ educ + age", "age")

    assert once == "age ~ educ"
    assert with_outcome(once, "age") == " ~ educ"


def test_an_outcome_that_becomes_a_regressor_leaves_the_left_side():
    assert with_term("age ~ educ", "age") == " ~ educ + age"


def test_a_name_is_replaced_only_where_it_stands_whole():
    formula = "inlf ~ kidslt5 + kidslt55 + I(kidslt5**2)"

    assert (
        with_replaced(formula, "kidslt5", "kidslt6") == "inlf ~ kidslt6 + kidslt55 + I(kidslt6**2)"
    )


def test_a_name_in_backticks_is_replaced_with_its_backticks():
    assert with_replaced("y ~ `hourly wag`", "hourly wag", "hourly wage") == "y ~ `hourly wage`"


def test_marks_inside_quotes_and_brackets_do_not_cut():
    assert cut('a + f("+", `b + c`) + d', "+") == [
        ("", "a "),
        ("+", ' f("+", `b + c`) '),
        ("+", " d"),
    ]


def test_an_unfinished_formula_has_sides():
    assert sides("educ").terms == "educ"
    assert sides("inlf ~").terms == ""
    assert sides("inlf ~ a | b").tail == " | b"
