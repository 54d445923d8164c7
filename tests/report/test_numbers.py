"""Numbers are written as the page's rules say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workbench.report import numbers

NAN = math.nan


@pytest.mark.parametrize(
    ("errors", "decimals"),
    [
        ([0.0084, 0.0091, 0.0048], 4),
        ([0.00102, 0.00101, 0.00060], 5),
        ([0.20, 0.12], 2),
        ([0.0996], 2),
        ([9.96], 0),
        ([123.0], 0),
        ([NAN, 0.043, 0.0], 3),
    ],
)
def test_decimals_are_two_significant_digits_of_the_smallest_error(errors, decimals):
    assert numbers.decimals_of_row(errors) == decimals


def test_a_row_without_errors_has_four_significant_digits():
    decimals = numbers.decimals_of_row([NAN], [-0.7217, 0.03])

    assert numbers.in_row(-0.7217, decimals) == "−0.7217"


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [
        (-0.02134, 4, "−0.0213"),
        (1234.5678, 1, "1,234.6"),
        (-0.00001, 2, "0.00"),
        (0.00005, 3, "0.000"),
        (5e-5, 6, "5.0 × 10⁻⁵"),
        (-1.234e-6, 8, "−1.23 × 10⁻⁶"),
        (12_345_678.0, 0, "1.2345678 × 10⁷"),
        (NAN, 3, ""),
        (None, 3, ""),
        (math.inf, 2, "∞"),
    ],
)
def test_a_number_takes_the_decimals_of_its_row(value, decimals, written):
    assert numbers.in_row(value, decimals) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.7e-24, "1.7 × 10⁻²⁴"),
        (8.4e12, "8.4 × 10¹²"),
        (4.5e-12, "4.5 × 10⁻¹²"),
        (126.63, "126.6"),
        (824.0, "824"),
        (0.0001, "0.0001"),
        (9_999_999.0, "9,999,999"),
        (1e7, "1.0 × 10⁷"),
        (0.0, "0"),
    ],
)
def test_a_figure_is_a_power_of_ten_below_a_ten_thousandth_and_from_ten_million(value, written):
    assert numbers.figure(value) == written


def test_a_log_likelihood_has_three_decimals_and_two_while_running():
    assert numbers.log_likelihood(-401.76526) == "−401.765"
    assert numbers.log_likelihood(-401.76526, running=True) == "−401.77"
    assert numbers.log_likelihood(-436_696_429.2) == "−436,696,429"


def test_criteria_have_one_decimal_and_r_squared_four():
    assert numbers.criterion(1819.53) == "1,819.5"
    assert numbers.r_squared(0.219681) == "0.2197"


@pytest.mark.parametrize(
    ("p", "written"),
    [(0.0, "< 0.001"), (0.00099, "< 0.001"), (0.001, "0.001"), (0.0112, "0.011"), (NAN, "")],
)
def test_a_p_value_has_three_decimals_and_a_floor(p, written):
    assert numbers.p_value(p) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.02, "0.02 s"), (12.3, "12.3 s"), (59.96, "1:00"), (65, "1:05"), (3725, "1:02:05")],
)
def test_a_time_is_in_seconds_and_then_as_on_a_clock(seconds, written):
    assert numbers.duration(seconds) == written


def test_counts_have_commas_from_a_thousand_up():
    assert [numbers.count(n) for n in (753, 1000, 118_800.0, 12.5)] == [
        "753",
        "1,000",
        "118,800",
        "12.5",
    ]


def test_bytes_and_shares_carry_their_unit_behind_a_space():
    assert numbers.memory(1.2e9) == "1.2 GB"
    assert numbers.memory(3.4e6) == "3.4 MB"
    assert numbers.percent(0.1) == "10 %"


def test_padding_gives_every_number_the_same_digits_after_its_point():
    cores = ["753", "−401.765", "0.2197", "(0.00102", "4.5 × 10⁻¹²", "not shown", ""]

    padded = numbers.paddings(cores)

    space = numbers.FIGURE_SPACE
    assert padded == [numbers.POINT_SPACE + 5 * space, 2 * space, space, "", "", "", ""]


def test_no_number_is_ever_written_as_nan():
    writers = [
        numbers.figure,
        numbers.criterion,
        numbers.count,
        numbers.p_value,
        numbers.duration,
        numbers.seconds,
        numbers.log_likelihood,
        lambda value: numbers.in_row(value, 2),
    ]

    assert {write(missing) for write in writers for missing in (NAN, None, np.nan)} == {""}
