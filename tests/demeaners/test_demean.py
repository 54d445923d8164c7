"""``wb.demean``: valid input, results and errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import DataError, DeviceError, OptionError
from workbench.kernels.absorption.factors import Factor

# The tolerance of 1e-8, and the condition of two crossed factors.
CLOSE = 1e-7
ROWS = 400
rng = np.random.default_rng(4)
A, B = rng.integers(0, 30, ROWS), rng.integers(0, 6, ROWS)
X, W = rng.normal(size=(ROWS, 3)), rng.uniform(0.2, 3.0, ROWS)
SLOPE = rng.normal(size=ROWS)


def projected(columns, *blocks, weights=None):
    """Partial out explicit dummies by numpy's least squares."""
    root = np.ones(ROWS) if weights is None else np.sqrt(weights)
    design = np.hstack(blocks) * root[:, None]
    effects = np.linalg.lstsq(design, columns * root[:, None], rcond=None)[0]
    return columns - np.hstack(blocks) @ effects


EYE_A, EYE_B = np.eye(30)[A], np.eye(6)[B]
CODES = {
    "a list": [A, B],
    "an array": np.column_stack([A, B]),
    "a table": pd.DataFrame({"a": A, "b": B}),
    "a mapping": {"a": A, "b": B},
    "lists": [A.tolist(), B.tolist()],
    "texts and categories": [A.astype(str), pd.Categorical(B)],
    "dates and far numbers": [pd.Timestamp("2020-01-01") + pd.to_timedelta(A, "D"), B * 10**15],
    "a factor": [Factor.of("a", A), B],
}


@pytest.mark.parametrize("codes", CODES.values(), ids=CODES)
@pytest.mark.parametrize("weights", [None, W], ids=["equal", "weighted"])
def test_demeaned_columns_are_those_of_least_squares_on_dummies(codes, weights):
    left = wb.demean(X, codes, weights)

    np.testing.assert_allclose(left, projected(X, EYE_A, EYE_B, weights=weights), atol=CLOSE)


def test_one_column_is_returned_as_one():
    left = wb.demean(pd.Series(X[:, 0]), A)

    np.testing.assert_allclose(left, projected(X[:, :1], EYE_A)[:, 0], atol=CLOSE)


def test_a_factor_may_carry_slopes():
    left = wb.demean(X, [Factor.of("a", A, slope=SLOPE), Factor.of("b", B)])

    expected = projected(X, EYE_A * SLOPE[:, None], EYE_B)
    np.testing.assert_allclose(left, expected, atol=CLOSE)


@pytest.mark.parametrize("solver", ["auto", "lsmr", "schur", "alternating", "within"])
@pytest.mark.parametrize("unit", [1e-250, 1e-120, 1.0, 1e120, 1e250])
def test_the_unit_of_a_column_does_not_matter(solver, unit):
    left = wb.demean(X * [unit, 1.0, unit], [A, B], solver=solver)

    expected = projected(X, EYE_A, EYE_B)
    np.testing.assert_allclose(left / [unit, 1.0, unit], expected, atol=CLOSE)


@pytest.mark.parametrize("solver", ["schur", "alternating", wb.Schur()])
def test_a_solver_of_the_cpu_is_refused_for_another_device(solver):
    with pytest.raises(OptionError, match="runs on the CPU only, and the run is on cuda"):
        wb.demean(X, [A, B], solver=solver, device="cuda")


def test_an_unavailable_device_is_refused():
    for solver in ("auto", "lsmr", wb.LSMR(library="jax")):
        with pytest.raises(DeviceError, match="cuda:9"):
            wb.demean(X, [A, B], solver=solver, device="cuda:9")


BAD = {
    "not numbers": ((np.full((ROWS, 1), "a"), A), {}, "not one or several columns of numbers"),
    "a cube": ((X[:, :, None], A), {}, "not one or several columns of numbers"),
    "missing values": ((np.where(X > 2, np.nan, X), A), {}, "not finite"),
    "missing levels": ((X, np.where(A == 0, np.nan, A)), {}, "missing values"),
    "no rows": ((X[:0], [A[:0]]), {}, "0 rows"),
    "no factors": ((X, []), {}, "0 factors"),
    "other lengths": ((X, A[:5]), {}, "has 5 rows, and X has 400"),
    "no weight": ((X, A, np.zeros(ROWS)), {}, "not 400 positive numbers"),
    "out of reach": ((X, [A, B]), {"solver": wb.LSMR(max_iterations=1)}, "above the tolerance"),
}


@pytest.mark.parametrize(("given", "options", "said"), BAD.values(), ids=BAD)
def test_invalid_input_is_refused_in_a_sentence(given, options, said):
    with pytest.raises(DataError, match=said):
        wb.demean(*given, **options)


@pytest.mark.parametrize("tol", [-1e-8, np.nan, np.inf, "1e-8", True])
def test_an_invalid_tolerance_is_refused(tol):
    with pytest.raises(OptionError, match="the option tol is"):
        wb.demean(X, A, tol=tol)
    with pytest.raises(OptionError, match="the option tol is"):
        wb.Schur(tol=tol)


@pytest.mark.parametrize("solver", [wb.Newton(), 5, wb.Newton])
def test_an_object_that_is_not_a_demeaner_is_refused(solver):
    frame = pd.DataFrame({"y": X[:, 0], "x": X[:, 1], "a": A})

    with pytest.raises(OptionError, match="The demeaner is"):
        wb.demean(X, A, solver=solver)
    with pytest.raises(OptionError, match="The demeaner is"):
        wb.fit("feols", "y ~ x | a", frame, demeaner=solver)


def test_a_class_stands_for_its_defaults():
    frame = pd.DataFrame({"y": X[:, 0], "x": X[:, 1], "a": A})

    fit = wb.fit("feols", "y ~ x | a", frame, demeaner=wb.LSMR)

    assert fit.specification.demeaner.name == "lsmr"
    np.testing.assert_array_equal(wb.demean(X, A, solver=wb.LSMR), wb.demean(X, A, solver="lsmr"))


SETTINGS = {
    "max_iterations": lambda: wb.LSMR(max_iterations=0),
    "dtype": lambda: wb.LSMR(dtype="float16"),
    "library": lambda: wb.LSMR(library="numpy"),
    "preconditioner": lambda: wb.Within(preconditioner="none"),
}


@pytest.mark.parametrize(("name", "make"), SETTINGS.items())
def test_a_setting_out_of_range_is_refused_when_it_is_made(name, make):
    with pytest.raises(OptionError, match=f"the option {name} is"):
        make()
