"""Long choice data: what is refused by id, what is left out and counted, and in which order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.data.table import as_table
from workbench.errors import DataError
from workbench.kernels.choice.differences import differences
from workbench.models.choice.data import ALONE, INCOMPLETE, read_choices
from workbench.models.choice.options import RowColumns

ROLES = RowColumns("id", "mode")


@pytest.fixture
def trips():
    """Return four trips by three modes; the third one has no bus."""
    return pd.DataFrame(
        {
            "id": [7, 7, 7, 3, 3, 3, 5, 5, 9, 9, 9],
            "mode": ["car", "bus", "air", "air", "bus", "car", "car", "air", "air", "bus", "car"],
            "chosen": [1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1],
            "cost": [4.0, 2.0, 9.0, 8.0, 3.0, 5.0, 6.0, 7.0, 9.5, 1.0, 4.5],
            "income": [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 4.0],
        }
    )


def read(frame, formula="chosen ~ cost", roles=ROLES, **options):
    return read_choices(as_table(frame), formula, roles, **options)


def test_rows_are_sorted_by_person_situation_and_alternative(trips):
    data = read(trips)

    assert data.x[:, 0].tolist() == [8.0, 3.0, 5.0, 7.0, 6.0, 9.0, 2.0, 4.0, 9.5, 1.0, 4.5]
    assert data.first.tolist() == [0, 3, 5, 8, 11]
    assert data.chosen.tolist() == [1, 3, 7, 10]
    assert data.labels == ("air", "bus", "car")


def test_differences_are_from_the_chosen_alternative(trips):
    data = read(trips)

    moved, first = differences(data.x, data.first, data.chosen)

    assert moved[:, 0].tolist() == [5.0, 2.0, -1.0, 5.0, -2.0, 5.0, -3.5]
    assert first.tolist() == [0, 2, 3, 5, 7]


def test_differences_are_the_same_where_numba_is_missing(trips, monkeypatch):
    data = read(trips, "chosen ~ cost + C(mode)")
    compiled, _ = differences(data.x, data.first, data.chosen)
    monkeypatch.setattr("workbench.kernels.choice.differences.find_spec", {}.get)

    plain, first = differences(data.x, data.first, data.chosen)

    np.testing.assert_array_equal(compiled, plain)
    assert first.tolist() == [0, 2, 3, 5, 7]


def test_the_order_of_rows_does_not_matter(trips):
    shuffled = read(trips.sample(frac=1, random_state=1))

    np.testing.assert_array_equal(shuffled.x, read(trips).x)


def test_situations_of_one_person_are_consecutive(trips):
    trips["who"] = trips["id"].map({7: "b", 3: "a", 5: "b", 9: "a"})

    data = read(trips, roles=RowColumns("id", "mode", "who"))

    assert data.person_first.tolist() == [0, 2, 4]
    assert data.x[data.chosen, 0].tolist() == [3.0, 4.5, 7.0, 4.0]


def test_numbers_of_situations_may_restart_for_each_person(trips):
    trips["who"] = trips["id"].map({7: "b", 3: "a", 5: "c", 9: "d"})

    data = read(trips.assign(id=1), roles=RowColumns("id", "mode", "who"))

    assert data.situations == data.persons == 4


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({4: 0}, "no-choice", "1 of the choice situations has no chosen alternative: id 3."),
        ({0: 1, 1: 1}, "two-choices", "has more than one chosen alternative: id 7."),
        ({0: 2}, "outside-support", "chosen must be 1 for the chosen alternative and else 0"),
    ],
)
def test_a_wrong_number_of_choices_is_refused_by_id(trips, change, code, said):
    for row, value in change.items():
        trips.loc[row, "chosen"] = value

    with pytest.raises(DataError) as refused:
        read(trips)

    assert refused.value.code == code
    assert said in refused.value.problem


def test_an_alternative_listed_twice_is_refused_by_id(trips):
    trips.loc[1, "mode"] = "car"

    with pytest.raises(DataError, match="id 7 lists the alternative car twice"):
        read(trips)


def test_situations_of_one_alternative_are_left_out_and_counted(trips):
    alone = pd.concat([trips, trips.iloc[[6]].assign(id=11, chosen=1)], ignore_index=True)

    data = read(alone)

    assert data.situations == 4
    assert data.design.dropped == {ALONE: 1}


def test_a_situation_with_an_incomplete_row_is_left_out_as_a_whole(trips):
    trips.loc[1, "cost"] = np.nan

    data = read(trips)

    assert data.situations == 3
    assert data.design.dropped == {"missing cost": 1, INCOMPLETE: 2}


def test_columns_that_do_not_vary_within_situations_are_named_and_left_out(trips):
    data = read(trips, "chosen ~ cost + income")

    assert data.names == ("cost",)
    assert data.left_out[0].startswith(
        "income is the same for all alternatives of each choice situation"
    )


def test_collinearity_is_judged_on_differences(trips):
    trips["raised"] = trips["cost"] + 10 * trips["income"]

    data = read(trips, "chosen ~ cost + raised")

    assert data.names == ("cost",)
    assert data.left_out == (
        "raised is collinear with cost in differences between alternatives and was left out.",
    )


def test_the_intercept_gives_way_to_constants_of_all_but_one_alternative(trips):
    coded, bare = read(trips, "chosen ~ C(mode)"), read(trips, "chosen ~ 0 + C(mode)")

    assert coded.names == ("C(mode)[T.bus]", "C(mode)[T.car]")
    assert bare.names == ("C(mode)[air]", "C(mode)[bus]")


def test_weights_that_differ_within_a_person_are_refused(trips):
    trips["w"] = np.arange(11.0) + 1

    with pytest.raises(DataError, match="w differs between the rows of one id: the first is 3"):
        read(trips, weights="w")


def test_data_without_any_variation_to_estimate_from_are_refused(trips):
    with pytest.raises(DataError, match="No regressor differs"):
        read(trips, "chosen ~ income")
    with pytest.raises(DataError, match="one alternative"):
        read(trips[trips["chosen"] == 1])


# Wide data ---------------------------------------------------------------------------------------
@pytest.fixture
def wide():
    """Return two trips, one row each; air is not always available."""
    return pd.DataFrame(
        {
            "mode": ["car", "air"],
            "cost_car": [4.0, 6.0],
            "cost_air": [9.0, 7.0],
            "there_car": [1, 1],
            "there_air": [0, 1],
            "income": [10.0, 20.0],
        }
    )


def test_wide_data_become_one_row_per_alternative(wide):
    found = wb.long(wide, "mode", ["air", "car"], ["cost"], available="there")

    assert found["alternative"].tolist() == ["car", "air", "car"]
    assert found["situation"].tolist() == [0, 1, 1]
    assert found["chosen"].tolist() == [1, 1, 0]
    assert found["cost"].tolist() == [4.0, 7.0, 6.0]
    assert found["income"].tolist() == [10.0, 20.0, 20.0]


@pytest.mark.parametrize("alternatives", [[1, 2], [1.0, 2.0], [1, "b"]])
def test_alternatives_of_wide_data_may_be_numbers(alternatives):
    one, other = alternatives
    wide = pd.DataFrame({"mode": pd.Series([other, one]), "cost_1": [4.0, 5.0]})
    wide[f"cost_{'b' if other == 'b' else 2}"] = [6.0, 7.0]

    found = wb.long(wide, "mode", alternatives, ["cost"])

    assert found["chosen"].tolist() == [0, 1, 1, 0]
    assert found["cost"].tolist() == [4.0, 6.0, 5.0, 7.0]


def test_wide_data_refuse_what_they_do_not_have(wide):
    with pytest.raises(DataError, match="not one of the alternatives"):
        wb.long(wide, "mode", ["car"], ["cost"])
    with pytest.raises(DataError, match='no column "price_air"'):
        wb.long(wide, "mode", ["air", "car"], ["price"])
    with pytest.raises(DataError, match='no column "choice"'):
        wb.long(wide, "choice", ["air", "car"])
    with pytest.raises(DataError, match='have a column "chosen" already'):
        wb.long(wide.assign(chosen=1), "mode", ["air", "car"], ["cost"])


@pytest.mark.parametrize(
    ("no", "yes"), [("no", "yes"), ("0", "1"), ("False", "True"), (False, True), (0.0, 1.0)]
)
def test_availability_may_be_written_as_words(wide, no, yes):
    flags = wide.assign(there_car=[yes, yes], there_air=[no, yes])

    found = wb.long(flags, "mode", ["air", "car"], available="there")

    assert found["alternative"].tolist() == ["car", "air", "car"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([np.nan, 1], "there_air has no value in row 0"),
        ([0.5, 1], "there_air has 0.5 in row 0"),
        ([-1, 1], "there_air has -1 in row 0"),
        (["no", "maybe"], "there_air has 'maybe' in row 1"),
        ([1, 0], "1 row chose an alternative that was not available: the first is row 1 with air"),
    ],
)
def test_availability_that_is_not_clear_is_refused_with_its_row(wide, flags, said):
    with pytest.raises(DataError, match=said):
        wb.long(wide.assign(there_air=flags), "mode", ["air", "car"], available="there")


def test_an_alternative_without_a_column_of_availability_is_refused(wide):
    with pytest.raises(DataError, match='no column "there_air"'):
        wb.long(wide.drop(columns="there_air"), "mode", ["air", "car"], available="there")
