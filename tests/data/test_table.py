"""Tables take in what people have, keep it as it was, and describe it."""

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import workbench as wb
from workbench.data.columns import is_rounded, numbers
from workbench.data.table import ColumnSummary, Table, as_table
from workbench.errors import DataError


@pytest.fixture
def frame():
    """Three rows of every common kind of column, one value missing where that is possible."""
    return pd.DataFrame(
        {
            "wage": [1.5, np.nan, 3.0],
            "kids": [0, 2, 1],
            "works": [True, False, True],
            "region": ["north", None, "south"],
            "day": pd.to_datetime(["2020-01-01", "2020-01-02", None]),
        }
    )


@pytest.mark.parametrize(
    "convert",
    [
        lambda frame: frame,
        pa.Table.from_pandas,
        lambda frame: {name: frame[name].to_numpy() for name in frame},
        lambda frame: frame.to_records(index=False).view(np.ndarray),
        as_table,
    ],
    ids=["pandas", "pyarrow", "mapping", "structured", "table"],
)
def test_every_kind_of_table_gives_the_same_numbers(frame, convert):
    table = as_table(convert(frame[["wage", "kids"]]), "wages")

    assert table.names == ("wage", "kids")
    np.testing.assert_array_equal(numbers(table.column("wage"), "wage"), frame["wage"])
    np.testing.assert_array_equal(numbers(table.column("kids"), "kids"), frame["kids"])


def test_a_change_of_the_original_does_not_reach_the_table(frame):
    arrays = {"wage": np.array([1.0, 2.0])}
    table, of_arrays = as_table(frame), as_table(arrays)

    frame.loc[0, "wage"] = -1.0
    arrays["wage"][0] = -1.0

    assert table.column("wage")[0] == 1.5
    assert of_arrays.column("wage")[0] == 1.0


def test_a_change_of_a_column_reaches_neither_the_table_nor_the_original(frame):
    before = frame.copy(deep=True)
    table = as_table(frame)

    column = table.column("wage")
    column[:] = 0.0

    assert table.column("wage")[0] == 1.5
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("model", "formula", "options"),
    [
        (
            "ols",
            "y ~ x + C(region) + i(year)",
            {"weights": "w", "weight_kind": "analytic", "se": "cluster", "cluster": "g"},
        ),
        ("logit", "works ~ x + region", {"offset": "w", "se": "robust"}),
        ("feols", "y ~ x | region + year", {"cluster": "g"}),
        ("multinomial_logit", "region ~ x", {}),
    ],
)
def test_a_fit_leaves_the_persons_frame_as_it_was(model, formula, options):
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        {
            "y": rng.normal(size=90),
            "x": rng.normal(size=90),
            "w": rng.uniform(1, 2, 90),
            "works": rng.random(90) < 0.5,
            "region": rng.choice(["north", "south", "west"], 90),
            "year": rng.integers(2000, 2003, 90),
            "g": pd.Categorical(rng.choice(list("abcdef"), 90)),
        },
        index=rng.permutation(90),
    )
    frame.loc[frame.index[4], ["x", "region"]] = np.nan
    frame.attrs["source"] = {"page": 3}
    before = frame.copy(deep=True)
    held = {name: frame[name].to_numpy() for name in frame}

    wb.fit(model, formula, frame, **options)

    pd.testing.assert_frame_equal(frame, before)
    assert frame.attrs == {"source": {"page": 3}}
    assert all(np.shares_memory(frame[name].to_numpy(), held[name]) for name in ("y", "x", "w"))


def test_views_and_read_only_frames_are_accepted(frame):
    values = np.arange(6.0).reshape(3, 2)
    values.flags.writeable = False

    table = as_table(pd.DataFrame(values, columns=["a", "b"]).iloc[::2])

    np.testing.assert_array_equal(table.column("b"), [1.0, 5.0])


def test_labels_that_are_no_text_are_shown_as_text():
    table = as_table(pd.DataFrame([[1, 2, 3]], columns=[7, ("a", "b"), None]))

    assert table.names == ("7", "('a', 'b')", "None")


def test_duplicate_names_are_refused_by_name():
    with pytest.raises(DataError, match="wage") as caught:
        as_table(pd.DataFrame([[1, 2, 3]], columns=["wage", "age", "wage"]))

    assert caught.value.code == "duplicate-names"


def test_columns_of_different_length_are_refused_with_both_lengths():
    with pytest.raises(DataError, match=r"y has 3 rows and x 2"):
        as_table({"y": np.zeros(3), "x": np.zeros(2)})


@pytest.mark.parametrize("data", [[1, 2], "mroz.csv", np.zeros((2, 2)), None])
def test_data_that_are_not_a_table_are_refused(data):
    with pytest.raises(DataError) as caught:
        as_table(data)

    assert caught.value.code == "not-a-table"


def test_a_matrix_is_no_column():
    with pytest.raises(DataError, match="2 dimensions"):
        as_table({"x": np.zeros((2, 2))})


def test_an_unknown_column_comes_with_the_nearest_name(frame):
    with pytest.raises(DataError, match=r"wages has no column .wagee.") as caught:
        as_table(frame, "wages").column("wagee")

    assert (caught.value.where, caught.value.suggestion) == ("wagee", "wage")


def test_the_fingerprint_depends_on_values_names_and_order_but_not_on_the_index(frame):
    fingerprint = as_table(frame).fingerprint()

    assert as_table(frame.set_index("kids", drop=False)).fingerprint() == fingerprint
    assert as_table(frame.iloc[::-1]).fingerprint() != fingerprint
    assert as_table(frame.rename(columns={"kids": "kid"})).fingerprint() != fingerprint
    assert as_table(frame.assign(region=["north", "", "south"])).fingerprint() != fingerprint
    assert as_table(frame).fingerprint(["wage"]) == as_table(frame[["wage"]]).fingerprint()


def test_the_fingerprint_distinguishes_integers_that_float64_cannot():
    one, other = (as_table(pd.DataFrame({"id": [2**60 + k]})) for k in (0, 1))

    assert one.fingerprint() != other.fingerprint()


def test_the_summary_describes_each_kind_of_column(frame):
    wage, kids, works, region, day = as_table(frame).summary()

    assert wage == ColumnSummary("wage", "number", 1, None, (1, *[0] * 10, 1), 1.5, 3.0, 2.25)
    assert (kids.kind, kids.levels, kids.mean) == ("integer", 3, 1.0)
    assert (works.kind, works.minimum, works.maximum) == ("0/1", 0.0, 1.0)
    assert (region.kind, region.missing, region.levels, region.histogram) == ("text", 1, 2, (1, 1))
    assert (day.kind, day.missing, sum(day.histogram), day.mean) == ("date", 1, 2, None)


def test_the_histogram_of_numbers_counts_as_numpy_does():
    values = np.random.default_rng(0).normal(size=500)  # 500 standard normal draws

    (summary,) = as_table({"x": values}).summary()

    assert summary.histogram == tuple(np.histogram(values, bins=12)[0])


def test_a_text_with_many_levels_has_no_histogram():
    (summary,) = as_table({"id": [f"person {i}" for i in range(13)]}).summary()

    assert (summary.levels, summary.histogram) == (13, ())


def test_a_column_without_a_number_has_no_figures():
    (summary,) = as_table({"x": np.array([np.nan, np.inf])}).summary()

    assert (summary.minimum, summary.maximum, summary.mean, summary.missing) == (None,) * 3 + (1,)


NUMERIC = {
    "boolean": ([True, False], bool, [1, 0]),
    "nullable boolean": ([True, None], "boolean", [1, np.nan]),
    "nullable integer": ([3, None], "Int64", [3, np.nan]),
    "nullable float": ([1.5, None], "Float64", [1.5, np.nan]),
    "arrow integer": ([3, None], pd.ArrowDtype(pa.int64()), [3, np.nan]),
    "decimal": ([decimal.Decimal("1.5"), None], object, [1.5, np.nan]),
    "objects": ([1, pd.NA], object, [1, np.nan]),
    "sparse": ([0.0, 2.0], pd.SparseDtype("float64", 0.0), [0, 2]),
    "category of numbers": ([3, 1], "category", [3, 1]),
    "int8": ([100, -100], "int8", [100, -100]),
    "float32": ([0.5, 0.25], "float32", [0.5, 0.25]),
}


@pytest.mark.parametrize(("values", "dtype", "expected"), NUMERIC.values(), ids=NUMERIC)
def test_numbers_of_every_dtype_become_float64(values, dtype, expected):
    result = numbers(pd.Series(values, dtype=dtype), "x")

    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, expected)


NOT_NUMERIC = {
    "complex": pd.Series([1j]),
    "datetime": pd.Series(pd.to_datetime(["2020-01-01"])),
    "timedelta": pd.Series(pd.to_timedelta([1], unit="D")),
    "period": pd.Series(pd.period_range("2020", periods=1, freq="M")),
    "interval": pd.Series(pd.arrays.IntervalArray.from_tuples([(0, 1)])),
    "date": pd.Series([dt.date(2020, 1, 1)]),
    "list": pd.Series([[1]]),
}


@pytest.mark.parametrize("column", NOT_NUMERIC.values(), ids=NOT_NUMERIC)
def test_a_column_that_is_not_numeric_is_refused_by_its_dtype(column):
    with pytest.raises(DataError, match="x has the type") as caught:
        numbers(column, "x")

    assert str(column.dtype) in caught.value.problem


@pytest.mark.parametrize(
    ("values", "row", "value"),
    [
        (["1", "1,5"], 1, "1,5"),
        (["1", "  3"], 1, "  3"),
        (["1", "2"], 0, "1"),
        ([1, "n/a"], 1, "n/a"),
    ],
)
def test_text_in_place_of_numbers_is_refused_with_the_first_bad_row(values, row, value):
    with pytest.raises(DataError, match=f"row {row} has '{value}'") as caught:
        numbers(pd.Series(values, dtype=object), "educ")

    assert "pd.to_numeric" in caught.value.hint


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([2**53 + 1], "int64", True),
        ([-(2**63)], "int64", True),
        ([2**64 - 1], "uint64", True),
        ([2**53], "int64", False),
        ([None], "Int64", False),
        ([1e300], "float64", False),
    ],
)
def test_integers_that_float64_rounds_are_noticed(values, dtype, expected):
    assert is_rounded(pd.Series(values, dtype=dtype)) is expected


def test_a_table_says_where_it_came_from():
    table = Table(pd.DataFrame({"x": [1]}), "sample", "mroz")

    assert (table.reference_kind, table.reference_name, len(table)) == ("sample", "mroz", 1)


def test_a_fingerprint_begun_early_is_the_one_taken_later():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    early, late = as_table(frame), as_table(frame)

    early.begin_fingerprint(["a"])

    assert early.fingerprint(["a"]) == late.fingerprint(["a"])
    assert early.fingerprint() == late.fingerprint() != late.fingerprint(["a"])


@pytest.mark.parametrize("index", [[2, 1, 0], [0, 1, 3], ["a", "b", "c"]])
def test_series_of_a_mapping_with_different_indexes_are_refused(index):
    columns = {"y": pd.Series([1.0, 2, 3]), "x": pd.Series([1.0, 2, 3], index=index)}

    with pytest.raises(DataError, match="y and x are Series with different indexes") as caught:
        as_table(columns)

    assert caught.value.where == "x"
    assert as_table({"y": columns["y"], "x": columns["x"].to_numpy()}).nrows == 3


def test_series_of_a_mapping_with_one_index_are_columns():
    index = [5, 3, 4]
    columns = {name: pd.Series([1.0, 2, 3], index=index) for name in "yx"}

    assert as_table(columns).column("x").tolist() == [1, 2, 3]


def test_names_of_columns_in_levels_are_refused_with_the_way_to_one_name():
    frame = pd.concat({"a": pd.DataFrame({"y": [1.0], "x": [2.0]})}, axis=1)

    with pytest.raises(DataError, match=r"2 levels, such as \('a', 'y'\)") as caught:
        as_table(frame)

    assert '"_".join' in caught.value.hint
