"""Texts that hold numbers: every expected number is the one that a person reads in the text."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.data.number_texts import read_numbers

READ = {
    "plain": (["1", "-2", "+3"], [1, -2, 3]),
    "decimals": (["1.5", "-.5", "2."], [1.5, -0.5, 2]),
    "decimal comma": (["1,5", "2"], [1.5, 2]),
    "a zero before the comma": (["0,123", "1,234"], [0.123, 1.234]),
    "commas and a point": (["1,234.50", "999"], [1234.5, 999]),
    "commas, and a point elsewhere": (["1,234", "0.5"], [1234, 0.5]),
    "two commas": (["1,234,567", "1,000"], [1234567, 1000]),
    "points and a comma": (["1.234,50", "7"], [1234.5, 7]),
    "two points": (["1.234.567", "8"], [1234567, 8]),
    "blanks": (["1 234", "12 345 678"], [1234, 12345678]),
    "no-break blanks and a comma": (["1\u00a0234,5", "1\u202f000,25"], [1234.5, 1000.25]),
    "apostrophes": (["1'234.5", "1’234"], [1234.5, 1234]),
    "lakh and crore": (["1,23,456", "12,34,567"], [123456, 1234567]),
    "currency in front": (["$5", "-$1,234.50", "$-2"], [5, -1234.5, -2]),
    "currency behind": (["5 €", "1.234,50 €"], [5, 1234.5]),
    "currency by its letters": (["EUR 5", "EUR 7.5"], [5, 7.5]),
    "per cent": (["12 %", "0.5%"], [12, 0.5]),
    "true minus": (["\u22125", "3"], [-5, 3]),
    "minus behind": (["5-", "1"], [-5, 1]),
    "parentheses": (["(5)", "3", "(1,234.5)"], [-5, 3, -1234.5]),
    "blanks at the ends": ([" 3 ", "\t4\u00a0"], [3, 4]),
    "exponents": (["1e-05", "2.5E+3"], [1e-05, 2500]),
    "infinity": (["inf", "-Inf", "1.5"], [np.inf, -np.inf, 1.5]),
}
TEXT = {
    "leading zeros": (["10", "01"], (1, "01")),
    "codes with E": (["1E05", "10E04"], (0, "1E05")),
    "footnotes": ([".2", ".189*"], (1, ".189*")),
    "a word": (["1", "2", "many"], (2, "many")),
    "two currencies": (["€5", "$3"], (1, "$3")),
    "percent signs in some cells": (["12 %", "0.12"], (1, "0.12")),
    "groups of other lengths": (["1,2,3", "4"], (0, "1,2,3")),
    "two decimal marks": (["12,34", "1.2"], (1, "1.2")),
    "an open parenthesis": (["1", "(2"], (1, "(2")),
    "all in parentheses": (["(0.12)", "(0.30)"], (0, "(0.12)")),
    "parentheses and minus signs": (["-1", "(2)"], (1, "(2)")),
    "beyond 64 bits": (["1", "99999999999999999999"], (1, "99999999999999999999")),
}


@pytest.mark.parametrize(("texts", "numbers"), READ.values(), ids=READ)
def test_texts_are_the_numbers_that_a_person_reads(texts, numbers):
    read = read_numbers(texts)

    assert read.kind == "numbers"
    np.testing.assert_array_equal(read.values, numbers)


@pytest.mark.parametrize(("texts", "odd"), TEXT.values(), ids=TEXT)
def test_texts_that_are_no_numbers_stay_text_and_the_first_is_shown(texts, odd):
    read = read_numbers(texts)

    assert read.kind == "text"
    assert read.odd == odd
    assert read.values is None


@pytest.mark.parametrize("texts", [["1,234", "5"], ["12,500", "-1,000"], ["1,234", "1234"]])
def test_a_comma_before_three_digits_only_has_two_readings(texts):
    read = read_numbers(texts)

    assert read.kind == "ambiguous"
    assert [float(reading) for reading in read.readings] == [
        float(read.odd[1].replace(",", "")),
        float(read.odd[1].replace(",", ".")),
    ]


def test_a_known_mark_leaves_one_reading():
    texts = ["1,234"]

    assert read_numbers(texts, decimal=",").values == [1.234]
    assert read_numbers(texts, decimal=".").values == [1234]
    assert read_numbers(texts, thousands=",").values == [1234]


def test_points_before_three_digits_are_decimal_points_unless_the_file_speaks_against_it():
    texts = ["1.234", "22.500"]

    assert read_numbers(texts).values.tolist() == [1.234, 22.5]
    assert read_numbers(texts, point_is_decimal=False).kind == "ambiguous"
    assert read_numbers(texts, decimal=",").values.tolist() == [1234, 22500]


def test_missing_texts_are_marked_and_whole_numbers_beside_them_stay_exact():
    read = read_numbers(["9007199254740993", "NA", None, "."])

    assert read.missing.tolist() == [False, True, True, True]
    assert read.integers[0] == 9007199254740993
    assert np.isnan(read.values[1:]).all()


def test_nineteen_digits_are_exact():
    read = read_numbers(["9223372036854775807", "-9223372036854775808"])

    assert read.values.tolist() == [9223372036854775807, -9223372036854775808]


@pytest.mark.parametrize(
    ("texts", "decided"),
    [
        (["1,5"], ("decimal comma",)),
        (["1.234,5 €"], ("decimal comma", "thousands points", "€ left out")),
        (["12 %"], ("percent signs left out",)),
        (["(5)", "1"], ("parentheses are minus signs",)),
        (["1.5"], ()),
    ],
)
def test_what_was_understood_is_said(texts, decided):
    assert read_numbers(texts).decided == decided


def test_no_texts_are_no_evidence():
    read = read_numbers([])

    assert (read.kind, read.decimal, len(read.values)) == ("numbers", "", 0)
