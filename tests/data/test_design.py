"""Designs agree with formulaic, count what they leave out, and predict after a reload."""

import json
import math

import formulaic
import numpy as np
import pandas as pd
import pytest

from workbench.data.columns import groups
from workbench.data.design import build_columns, build_design, prediction_matrix
from workbench.data.formula.regressors import MOST_LEVELS
from workbench.data.table import as_table
from workbench.errors import DataError, FormulaError, OptionError

ROUNDING = 1e-12  # the same sums in another order


@pytest.fixture
def frame():
    """200 rows: normal y and x, z uniform on 1..9, region and year with equal chances."""
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "y": random.normal(size=200),
            "x": random.normal(size=200),
            "z": random.integers(1, 10, 200),
            "region": random.choice(["north", "south", "west"], 200),
            "year": random.choice([1976, 1980], 200),
            "kind": pd.Categorical(random.choice(["b", "a"], 200), categories=["b", "a"]),
            "years of work": random.random(200) + 1,
            "w": random.random(200),
        }
    )


FORMULAS = [
    "y ~ x + z",
    "y ~ 0 + x + z",
    "y ~ z + 1 + x + z",
    "y ~ 1",
    "y ~ region",
    "y ~ region - 1",
    "y ~ kind*x",
    "y ~ C(year) + x:region",
    "y ~ C(region, Treatment('south')):z",
    "y ~ C(region, contr.sum) + C(kind, Helmert)",
    "y ~ (x + z + region)**2",
    "y ~ poly(x, 3) + scale(z) + center(x)",
    "y ~ bs(z, df=5) + log(z) + exp(x) + I(z**2 / 3 - x)",
    "y ~ x + z + I(x*z)",
    "log(z) ~ x",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_names_and_values_are_those_of_formulaic(frame, formula):
    floats = frame.astype({"z": float})
    expected = formulaic.model_matrix(formula, floats)

    design = build_design(as_table(frame), formula)

    assert list(design.names) == list(expected.rhs.columns)
    np.testing.assert_allclose(design.matrix, expected.rhs.to_numpy(float), rtol=ROUNDING)
    np.testing.assert_allclose(design.outcome, expected.lhs.iloc[:, 0], rtol=ROUNDING)
    assert design.matrix.flags.c_contiguous
    assert design.matrix.dtype == np.float64


def test_the_direct_way_and_formulaics_agree_on_a_hundred_columns():
    random = np.random.default_rng(2)
    frame = pd.DataFrame(random.normal(size=(50, 100)), columns=[f"x{j}" for j in range(100)])
    plain = "x0 ~ " + " + ".join(frame.columns[1:])

    direct = build_design(as_table(frame), plain)
    through_formulaic = build_design(as_table(frame), plain + " + I(x1)")

    assert direct.names == through_formulaic.names[:-1]
    np.testing.assert_array_equal(direct.matrix, through_formulaic.matrix[:, :-1])


@pytest.mark.parametrize("formula", [*FORMULAS, "y ~ i(region, ref='west')", "y ~ `years of work`"])
def test_prediction_after_a_reload_gives_the_same_columns_for_any_rows(frame, formula):
    design = build_design(as_table(frame), formula)
    state = json.loads(json.dumps(design.state))
    few = frame.drop(columns="y").iloc[[5, 17]]

    matrix = prediction_matrix(state, as_table(few))

    np.testing.assert_allclose(matrix, design.matrix[[5, 17]], rtol=ROUNDING)


def test_prediction_needs_no_second_level_of_a_factor(frame):
    design = build_design(as_table(frame), "y ~ region + C(year) + kind")
    one = frame[(frame["region"] == "south") & (frame["year"] == 1980)].iloc[:1]

    matrix = prediction_matrix(design.state, as_table(one))

    np.testing.assert_array_equal(matrix, design.matrix[one.index])


def test_prediction_knows_a_category_of_numbers_again_in_plain_numbers(frame):
    category = frame.assign(year=frame["year"].astype("category"))
    design = build_design(as_table(category), "y ~ year")

    matrix = prediction_matrix(design.state, as_table(frame))

    assert design.names == ("Intercept", "year[T.1980]")
    np.testing.assert_array_equal(matrix, design.matrix)


def test_intervals_keep_their_order_as_levels(frame):
    frame = frame.assign(age=pd.cut(frame["z"] * 5, [0, 5, 20, 50]))

    design = build_design(as_table(frame), "y ~ age")
    matrix = prediction_matrix(json.loads(json.dumps(design.state)), as_table(frame))

    assert design.names == ("Intercept", "age[T.(5, 20]]", "age[T.(20, 50]]")
    np.testing.assert_array_equal(matrix, design.matrix)


def test_levels_that_mix_numbers_and_text_are_refused(frame):
    frame = frame.assign(mixed=pd.Categorical([1, "01"] * 100))

    with pytest.raises(DataError, match="mixes 100 numbers and 100 texts, such as '01'"):
        build_design(as_table(frame), "y ~ mixed")


def test_prediction_is_nan_where_a_variable_is_missing(frame):
    design = build_design(as_table(frame), "y ~ x + region")
    few = frame.iloc[:3].assign(x=[1.0, np.nan, 2.0], region=["north", "south", None])

    matrix = prediction_matrix(design.state, as_table(few))

    assert np.isnan(matrix).all(axis=1).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("formula", "change", "level"),
    [
        ("y ~ region", {"region": "east"}, "east"),
        ("y ~ C(year)", {"year": 1990}, "1990"),
        ("y ~ kind", {"kind": "c"}, "c"),
        ("y ~ i(region)", {"region": "east"}, "east"),
    ],
)
def test_a_level_the_fit_has_not_seen_is_refused_by_name(frame, formula, change, level):
    design = build_design(as_table(frame), formula)

    with pytest.raises(DataError, match=f"level {level}") as caught:
        prediction_matrix(design.state, as_table(frame.iloc[:2].assign(**change)))

    assert caught.value.code == "new-level"


def test_prediction_names_a_column_that_is_not_there(frame):
    design = build_design(as_table(frame), "y ~ x + z")

    with pytest.raises(FormulaError, match='no column "z"'):
        prediction_matrix(design.state, as_table(frame[["x"]]))


def test_missing_rows_are_counted_for_every_role_and_left_out_together(frame):
    frame = frame.assign(offset=0.5, group=frame["region"], extra=1.0)
    frame.loc[[0, 1], "x"] = np.nan
    frame.loc[[1, 2], "region"] = None
    frame.loc[3, "w"] = np.nan
    frame.loc[4, "offset"] = np.nan
    frame.loc[5, "group"] = None
    frame.loc[6, "extra"] = np.nan
    frame.loc[[7, 8, 9], "y"] = np.nan

    design = build_design(
        as_table(frame),
        "y ~ x + region",
        weights="w",
        offset="offset",
        cluster=["group"],
        extra_columns=["extra"],
    )

    assert design.rows.tolist() == list(range(10, 200))
    assert design.dropped == {
        "missing y": 3,
        "missing x": 2,
        "missing region": 2,
        "missing w": 1,
        "missing offset": 1,
        "missing extra": 1,
        "missing group": 1,
    }
    assert list(design.dropped.values()) == sorted(design.dropped.values(), reverse=True)
    lengths = {len(part) for part in (design.outcome, design.matrix, design.weights, design.offset)}
    assert lengths | {len(design.clusters["group"]), len(design.columns["extra"])} == {190}


def test_the_index_plays_no_part_and_the_order_of_rows_stays(frame):
    shuffled = frame.sample(frac=1, random_state=0)
    repeated = frame.set_index(np.zeros(200, dtype=int))
    doubled = frame.set_index(["region", "year"], drop=False)

    expected = build_design(as_table(frame), "y ~ x + region")

    for other in (repeated, doubled):
        design = build_design(as_table(other), "y ~ x + region")
        np.testing.assert_array_equal(design.matrix, expected.matrix)
    design = build_design(as_table(shuffled), "y ~ x + region")
    np.testing.assert_array_equal(design.matrix, expected.matrix[shuffled.index])


def test_the_order_of_columns_in_the_table_plays_no_part(frame):
    expected = build_design(as_table(frame), "y ~ x + z")

    design = build_design(as_table(frame[frame.columns[::-1]]), "y ~ x + z")

    assert design.names == expected.names
    np.testing.assert_array_equal(design.matrix, expected.matrix)


def test_the_data_are_left_as_they_were(frame):
    frame.loc[3, "x"] = np.nan
    before = frame.copy(deep=True)

    design = build_design(as_table(frame), "y ~ x + region", weights="w", extra_columns=["z"])
    design.outcome[:] = design.weights[:] = design.columns["z"][:] = 0.0

    pd.testing.assert_frame_equal(frame, before)


def test_missing_values_can_be_refused(frame):
    frame.loc[[2, 3], "x"] = np.nan

    with pytest.raises(DataError, match="2 of 200 rows miss a value; by column: x 2") as caught:
        build_design(as_table(frame), "y ~ x", missing="raise")

    assert (caught.value.code, caught.value.where) == ("missing-values", "x")


def test_an_unknown_rule_for_missing_values_is_refused(frame):
    with pytest.raises(OptionError):
        build_design(as_table(frame), "y ~ x", missing="fill")


def test_a_table_without_rows_is_refused_by_name(frame):
    with pytest.raises(DataError, match="no rows in wages") as caught:
        build_design(as_table(frame.iloc[:0], "wages"), "y ~ x")

    assert caught.value.code == "no-rows"


def test_no_complete_row_is_refused_with_the_emptiest_column_first(frame):
    frame = frame.assign(x=np.nan)
    frame.loc[0, "z"] = np.nan

    with pytest.raises(DataError, match=r"by column: x 200, z 1") as caught:
        build_design(as_table(frame.astype({"z": float})), "y ~ z + x")

    assert (caught.value.code, caught.value.where) == ("no-rows-left", "x")


def test_a_design_larger_than_the_machine_is_refused_with_an_estimate(frame, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda _: 1)

    with pytest.raises(DataError, match="3 columns needs about") as caught:
        build_design(as_table(frame), "y ~ x + z")

    assert caught.value.code == "too-large"


def test_the_estimate_counts_the_products_of_factors(frame):
    many = [f"firm {i}" for i in range(500)]
    table = as_table({"y": np.zeros(500), "a": many, "b": many, "c": many})

    with pytest.raises(DataError, match=r"500 rows and 125,\d{3},\d{3} columns"):
        build_design(table, "y ~ a:b:c")


@pytest.mark.parametrize("role", ["x", "y", "w", "offset", "extra"])
def test_infinite_values_are_refused_with_column_and_first_row(frame, role):
    frame = frame.assign(offset=0.0, extra=0.0).astype({role: float} if role in frame else {})
    frame.loc[0, "x"] = np.nan  # a row left out before does not shift the count
    frame.loc[[4, 7], role] = -math.inf

    with pytest.raises(
        DataError, match=rf"{role} is infinite in 2 rows, first in row 4 "
    ) as caught:
        build_design(
            as_table(frame), "y ~ x", weights="w", offset="offset", extra_columns=["extra"]
        )

    assert (caught.value.code, caught.value.where) == ("infinite", role)


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("y ~ log(z)", r"log\(z\) is infinite in 1 row, first in row 3 "),
        ("y ~ sqrt(z - 1)", r"sqrt\(z - 1\) is undefined in 1 row, first in row 3 "),
        ("log(z) ~ x", r"log\(z\) is infinite in 1 row, first in row 3 "),
    ],
)
def test_a_function_outside_its_domain_is_refused_with_term_and_first_row(frame, formula, sentence):
    frame.loc[0, "x"] = np.nan
    frame.loc[3, "z"] = 0

    with pytest.raises(DataError, match=sentence):
        build_design(as_table(frame), formula)


def test_an_overflow_of_small_integers_does_not_wrap_around(frame):
    frame = frame.assign(small=np.full(200, 100, dtype=np.int8))

    design = build_design(as_table(frame), "y ~ I(small**2)")

    assert set(design.matrix[:, 1]) == {10_000.0}


def test_rounded_integers_are_noted(frame):
    design = build_design(as_table(frame.assign(x=2**60 + frame["z"])), "y ~ x")

    assert any("x has whole numbers beyond 2^53" in note for note in design.notes)


def test_unused_levels_are_left_out_and_counted(frame):
    frame["kind"] = frame["kind"].cat.add_categories(["c", "d"])

    design = build_design(as_table(frame), "y ~ kind")

    assert design.names == ("Intercept", "kind[T.a]")
    assert design.notes == ("2 levels of kind have no rows and no coefficient.",)


def test_a_level_whose_rows_all_miss_something_is_counted(frame):
    frame.loc[frame["region"] == "west", "x"] = np.nan

    design = build_design(as_table(frame), "y ~ x + region")

    assert design.names == ("Intercept", "x", "region[T.south]")
    assert design.notes == ("1 level of region has no rows and no coefficient.",)


def test_levels_that_differ_by_spaces_are_both_kept_and_noted(frame):
    frame.loc[0, "region"] = "north "

    design = build_design(as_table(frame), "y ~ x", cluster=["region"])

    assert len(set(design.clusters["region"])) == 4
    assert design.notes == ("region has levels that differ by spaces only: 'north', 'north '.",)


@pytest.mark.parametrize("formula", ["y ~ one", "y ~ C(one)", "y ~ C(same)"])
def test_a_factor_with_one_level_is_refused(frame, formula):
    with pytest.raises(DataError, match="does not vary") as caught:
        build_design(as_table(frame.assign(one="a", same=3)), formula)

    assert caught.value.code == "one-level"


def test_a_factor_with_too_many_levels_points_to_fixed_effects():
    levels = [f"firm {i}" for i in range(MOST_LEVELS + 1)]
    table = as_table({"y": np.arange(len(levels), dtype=float), "firm": levels})

    with pytest.raises(DataError, match="1,001 levels") as caught:
        build_design(table, "y ~ firm")

    assert "fixed effect" in caught.value.hint


def test_numbers_written_as_text_are_not_taken_for_a_factor(frame):
    frame = frame.assign(educ=[f"{i % 7}" for i in range(200)])
    frame.loc[3, "educ"] = "n/a"

    with pytest.raises(DataError, match="row 3 has 'n/a'"):
        build_design(as_table(frame), "y ~ educ")

    assert len(build_design(as_table(frame), "y ~ C(educ)").names) == 8


@pytest.mark.parametrize(
    ("formula", "column"),
    [
        ("y ~ log(region)", "region"),
        ("y ~ when", "when"),
        ("y ~ wave", "wave"),
        ("when ~ x", "when"),
    ],
)
def test_a_column_that_is_no_number_is_refused_by_name(frame, formula, column):
    frame = frame.assign(when=pd.Timestamp("2020-01-01"), wave=1j)

    with pytest.raises(DataError) as caught:
        build_design(as_table(frame), formula)

    assert (caught.value.code, caught.value.where) == ("not-a-number", column)


def test_a_two_valued_text_asks_which_level_is_one(frame):
    table = as_table(frame.assign(answer=np.where(frame["x"] > 0, "yes", "no")))

    with pytest.raises(DataError, match='levels "no" and "yes"; which one is 1') as caught:
        build_design(table, "answer ~ z")

    assert caught.value.code == "which-level"
    assert 'positive="yes"' in caught.value.hint


@pytest.mark.parametrize("positive", ["yes", "no"])
def test_the_level_given_as_positive_is_coded_one_and_shown(frame, positive):
    answer = np.where(frame["x"] > 0, "yes", "no")

    design = build_design(as_table(frame.assign(answer=answer)), "answer ~ z", positive=positive)

    np.testing.assert_array_equal(design.outcome, answer == positive)
    assert design.outcome_levels == (({"yes", "no"} - {positive}).pop(), positive)


def test_a_level_that_is_not_there_cannot_be_one(frame):
    table = as_table(frame.assign(answer=np.where(frame["x"] > 0, "yes", "no")))

    with pytest.raises(DataError, match="not 'maybe'"):
        build_design(table, "answer ~ z", positive="maybe")


def test_a_level_of_a_numeric_outcome_may_be_coded_one(frame):
    design = build_design(as_table(frame), "year ~ x", positive="1980")

    np.testing.assert_array_equal(design.outcome, frame["year"] == 1980)
    assert design.outcome_levels == ("1976", "1980")


@pytest.mark.parametrize("answer", [["a", "b", "c", "d"] * 50, ["a"] * 200])
def test_a_text_outcome_without_two_values_is_refused(frame, answer):
    with pytest.raises(DataError) as caught:
        build_design(as_table(frame.assign(answer=answer)), "answer ~ z")

    assert caught.value.code == "text-outcome"


@pytest.mark.parametrize(
    "values",
    [
        [True, False] * 100,
        pd.Categorical([0, 1] * 100),
        pd.array([True, False] * 100, dtype="boolean"),
    ],
    ids=["bool", "category", "nullable"],
)
def test_a_boolean_outcome_is_coded_zero_and_one(frame, values):
    design = build_design(as_table(frame.assign(answer=values)), "answer ~ z")

    np.testing.assert_array_equal(design.outcome, np.asarray(values, dtype=float))
    assert design.outcome_levels is None


def test_an_outcome_of_two_columns_is_refused(frame):
    with pytest.raises(FormulaError, match="makes 4 columns"):
        build_design(as_table(frame), "bs(x, df=4) ~ z")


@pytest.mark.parametrize(
    ("weights", "code"),
    [(np.zeros(200), "zero-weights"), (-np.ones(200), "negative-weights")],
)
def test_weights_that_are_negative_or_all_zero_are_refused(frame, weights, code):
    with pytest.raises(DataError) as caught:
        build_design(as_table(frame.assign(w=weights)), "y ~ x", weights="w")

    assert (caught.value.code, caught.value.where) == (code, "w")


@pytest.mark.parametrize("weights", [np.full(200, 1e-300), np.r_[1e300, np.zeros(199)]])
def test_weights_of_any_size_are_not_rescaled(frame, weights):
    design = build_design(as_table(frame.assign(w=weights)), "y ~ x", weights="w")

    np.testing.assert_array_equal(design.weights, weights)


@pytest.mark.parametrize(
    "option", [{"weights": "ww"}, {"offset": "ww"}, {"cluster": ["ww"]}, {"extra_columns": ["ww"]}]
)
def test_an_unknown_column_in_any_role_is_named(frame, option):
    with pytest.raises(DataError, match="ww") as caught:
        build_design(as_table(frame, "wages"), "y ~ x", **option)

    assert (caught.value.where, caught.value.suggestion) == ("ww", "w")


def test_two_regressors_of_one_name_are_refused(frame):
    with pytest.raises(FormulaError, match="the name Intercept"):
        build_design(as_table(frame.assign(Intercept=1.0)), "y ~ Intercept")


def test_no_regressor_at_all_is_refused(frame):
    with pytest.raises(FormulaError):
        build_design(as_table(frame), "y ~ 0")


def test_fixed_effects_are_refused_until_a_model_has_them(frame):
    with pytest.raises(FormulaError) as caught:
        build_design(as_table(frame), "y ~ x | region")

    assert caught.value.code == "no-fixed-effects"


def test_unusual_column_names_are_kept_in_the_names_of_the_design(frame):
    odd = "it's `odd`: a*b | c\n😀"
    quoted = "`" + odd.replace("`", "``") + "`"
    frame = frame.assign(**{odd: frame["z"]})

    design = build_design(as_table(frame), f"log({quoted}) ~ {quoted} + I({quoted}**2):region")

    assert design.outcome_name == f"log({odd})"
    assert design.names[:2] == ("Intercept", odd)
    assert design.names[2] == f"I({odd} ** 2):region[north]"


@pytest.mark.parametrize("name", ["C", "np", "I", "True", "lambda", "log", "Treatment"])
def test_columns_with_names_of_functions_are_only_columns(frame, name):
    frame = frame.assign(**{name: frame["z"].astype(float)})

    design = build_design(as_table(frame), f"y ~ `{name}` + `{name}`:x + C(region) + log(z)")

    np.testing.assert_array_equal(design.matrix[:, design.names.index(name)], frame["z"])


def test_a_level_that_reads_like_a_term_is_only_a_level(frame):
    frame.loc[:3, "region"] = "{1/0}]:x"

    design = build_design(as_table(frame), "y ~ region")

    assert design.names == (
        "Intercept",
        "region[T.south]",
        "region[T.west]",
        "region[T.{1/0}]:x]",
    )


def test_a_bad_option_of_a_function_is_refused_with_a_hint(frame):
    with pytest.raises(FormulaError) as caught:
        build_design(as_table(frame), "y ~ C(region, Treatment('east'))")

    assert caught.value.code == "cannot-evaluate"


def test_groups_are_numbered_from_zero_and_missing_ones_are_marked():
    codes = groups(pd.Series(["b", None, "a", "b"]), "region")

    assert codes.tolist() == [0, -1, 1, 0]


def test_groups_without_rows_leave_no_gap_in_the_numbers(frame):
    frame.loc[frame["region"] == frame["region"][0], "x"] = np.nan

    design = build_design(as_table(frame), "y ~ x", cluster=["region", "year"])

    assert sorted(set(design.clusters["region"])) == [0, 1]
    assert design.clusters["year"].dtype == np.int64


def test_values_that_name_no_group_are_refused(frame):
    frame = frame.assign(bags=[[1]] * 200)

    with pytest.raises(DataError, match="bags"):
        build_design(as_table(frame), "y ~ x", cluster=["bags"])


def test_columns_without_a_formula_are_read_as_they_are(frame):
    frame.loc[5, "x"] = np.nan

    design = build_columns(as_table(frame), ["x", "z"], cluster=["region"], weights="w")

    assert design.matrix.shape == (199, 0)
    assert design.dropped == {"missing x": 1}
    np.testing.assert_array_equal(design.columns["z"], frame["z"].drop(5))
    np.testing.assert_array_equal(design.weights, frame["w"].drop(5))


def test_the_same_columns_asked_for_twice_are_read_once(frame):
    design = build_design(as_table(frame), "y ~ x + x", extra_columns=["x", "y"], weights="w")

    assert design.names == ("Intercept", "x")
    np.testing.assert_array_equal(design.columns["x"], frame["x"])
