"""Samples are what they say, and only local data files are read."""

import gzip
import json
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from workbench.data import sources
from workbench.data.sources import load, open_data, samples
from workbench.data.sources.samples import SAMPLES
from workbench.data.table import as_table
from workbench.errors import DataError

STANDARD_ERRORS = 5  # a chance below one in a million, and the seed is fixed


@pytest.fixture
def frame():
    """Three rows of a number with a gap, a text and a whole number."""
    return pd.DataFrame({"wage": [1.5, np.nan, 3.25], "region": ["a", "b", "ö"], "kids": [0, 1, 2]})


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_has_the_size_that_is_listed(name):
    listed = samples().set_index("name").loc[name]

    assert load(name).shape == (listed["rows"], listed["columns"])
    assert listed["title"]
    assert listed["citation"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.csv.gz", gzip.compress(b"a,b\n1,2\n" * 200)[:-20]),
        ("damaged.csv.gz", b"\x1f\x8b\x08\x00" + b"a" * 40),
        ("text.xlsx", b"a,b\n1,2\n"),
        ("text.parquet", b"a,b\n1,2\n"),
        ("text.dta", b"a,b\n1,2\n"),
        ("text.feather", b"a,b\n1,2\n"),
    ],
)
def test_a_file_with_another_content_than_its_name_says_is_refused_by_name(tmp_path, name, content):
    if name.endswith("xlsx"):
        pytest.importorskip("openpyxl")
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match=f'"{name}" cannot be read'):
        open_data(tmp_path / name)


def test_a_path_that_is_too_long_is_refused():
    with pytest.raises(DataError, match="cannot be opened"):
        open_data(f"/{'a' * 5000}.csv")


def test_a_sample_is_fresh_at_each_call():
    changed = load("mroz")
    changed.loc[:, "educ"] = 0

    assert load("mroz")["educ"].max() == 17


def test_mroz_misses_the_wages_of_those_who_do_not_work():
    mroz = load("mroz")

    assert mroz["lwage"].isna().sum() == (mroz["inlf"] == 0).sum() == 325


def test_an_unknown_sample_comes_with_the_nearest_name():
    with pytest.raises(DataError) as caught:
        load("mros")

    assert (caught.value.code, caught.value.suggestion) == ("unknown-sample", "mroz")


def test_samples_of_packages_that_are_not_installed_are_neither_listed_nor_loaded(monkeypatch):
    monkeypatch.setattr(
        sources.samples.__globals__["Sample"], "available", property(lambda self: self.draw)
    )

    assert set(samples()["source"]) == {"simulated"}
    with pytest.raises(DataError, match="linearmodels, which is not installed"):
        load("mroz")


def test_simulated_samples_are_the_same_at_each_call():
    one, other = (as_table(load("simulated_poisson")).fingerprint() for _ in range(2))

    assert one == other


def test_the_gaussian_sample_is_a_linear_model_with_its_truth():
    frame = load("gaussian_50000x100")
    x = np.column_stack([np.ones(len(frame)), frame.drop(columns="y")])

    estimate = np.linalg.solve(x.T @ x, x.T @ frame["y"])
    squares = ((frame["y"] - x @ estimate) ** 2).sum()

    truth = np.array([frame.attrs["intercept"], *frame.attrs["slopes"]])
    assert np.abs(estimate - truth).max() < STANDARD_ERRORS / np.sqrt(len(frame))
    assert squares / len(frame) == pytest.approx(frame.attrs["sigma"] ** 2, rel=0.05)


@pytest.mark.parametrize("name", ["simulated_logit", "simulated_poisson"])
def test_simulated_outcomes_follow_their_mean(name):
    frame = load(name)
    index = frame.attrs["intercept"] + frame[["x1", "x2", "x3"]] @ frame.attrs["slopes"]
    mean = np.exp(index) if name == "simulated_poisson" else 1 / (1 + np.exp(-index))
    variance = mean if name == "simulated_poisson" else mean * (1 - mean)

    deviation = (frame["y"] - mean).sum() / np.sqrt(variance.sum())

    assert abs(deviation) < STANDARD_ERRORS


WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "parquet": lambda frame, path: frame.to_parquet(path),
    "feather": lambda frame, path: frame.to_feather(path),
    "dta": lambda frame, path: frame.to_stata(path, write_index=False, version=118),
    "json": lambda frame, path: frame.to_json(path, orient="records"),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_gives_back_what_was_written(frame, tmp_path, suffix):
    path = tmp_path / f"wages.{suffix}"
    WRITERS[suffix](frame, path)

    table = open_data(path)

    assert (table.reference_kind, table.reference_name) == ("file", str(path))
    pd.testing.assert_frame_equal(
        table.to_frame(), frame, check_dtype=False, check_column_type=False
    )


@pytest.mark.parametrize("separator", [";", "\t"])
def test_semicolons_and_tabs_separate_too(frame, tmp_path, separator):
    path = tmp_path / "wages.csv"
    frame.to_csv(path, index=False, sep=separator, encoding="utf-8-sig")

    assert open_data(str(path)).names == ("wage", "region", "kids")


def test_references_of_earlier_runs_are_opened_by_kind(frame, tmp_path):
    path = tmp_path / "wages.csv"
    frame.to_csv(path, index=False)

    file = open_data(SimpleNamespace(kind="file", name=str(path), options={}))
    sample = open_data(SimpleNamespace(kind="sample", name="spector"))

    assert file.nrows == 3
    assert (sample.reference_kind, sample.reference_name, sample.nrows) == ("sample", "spector", 32)


def test_a_reference_to_a_frame_asks_for_the_frame():
    with pytest.raises(DataError, match="DataFrame df") as caught:
        open_data(SimpleNamespace(kind="frame", name="df"))

    assert caught.value.code == "frame-needed"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("http://169.254.169.254/wages.csv", "not-local"),
        ("https://example.org/wages.parquet", "not-local"),
        ("file:///etc/passwd.csv", "not-local"),
        ("s3://bucket/wages.csv", "not-local"),
        ("\\\\server\\share\\wages.csv", "not-local"),
        ("wages.pkl", "runs-code"),
        ("wages.PICKLE", "runs-code"),
        ("wages.pt", "runs-code"),
        ("wages.npy", "runs-code"),
        ("wages.xls", "format"),
        ("wages.parquet.gz", "format"),
        ("wages", "format"),
        ("", "format"),
        ("missing.csv", "no-file"),
        ("nul\0.csv", "no-file"),
        ("~nobody-of-that-name/wages.csv", "no-file"),
        ("folder.csv", "no-file"),
        ("device.csv", "no-file"),
    ],
)
def test_what_is_no_local_data_file_is_refused_unread(name, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    (tmp_path / "wages.pkl").write_bytes(b"cos\nsystem\n(S'touch written'\ntR.")

    with pytest.raises(DataError) as caught:
        open_data(name)

    assert caught.value.code == code
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_file_whose_content_does_not_fit_its_extension_is_refused(tmp_path, suffix):
    path = tmp_path / f"wages.{suffix}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("wages.csv", "\0" * 10_000)

    with pytest.raises(DataError) as caught:
        open_data(path)

    assert caught.value.code == "unreadable"


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(frame, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.data.sources.files.LARGEST", 40)
    (tmp_path / "wages.csv").write_text("wage\n" + "1\n" * 100)
    frame.to_parquet(tmp_path / "wages.parquet")

    for name in ("wages.csv", "wages.parquet"):
        with pytest.raises(DataError) as caught:
            open_data(tmp_path / name)
        assert caught.value.code == "too-large"


def test_labels_of_stata_become_categories_in_their_order_and_a_top_code_stays_a_number(tmp_path):
    path = tmp_path / "labelled.dta"
    numbers = pd.DataFrame({"region": [2, 1, 3], "educ": [12, 16, 20]})
    labels = {"region": {1: "north", 2: "east", 3: "south"}, "educ": {20: "20 or more"}}
    numbers.to_stata(path, write_index=False, version=118, value_labels=labels)

    table = open_data(path)

    assert table.column("region").tolist() == ["east", "north", "south"]
    assert table.column("region").cat.categories.tolist() == ["north", "east", "south"]
    assert table.column("educ").tolist() == [12, 16, 20]
    assert [item.kind for item in table.summary()] == ["text", "integer"]


def test_a_label_that_two_values_share_is_refused_with_a_hint(tmp_path):
    path = tmp_path / "twice.dta"
    labels = {"region": {1: "north", 2: "north"}}
    frame = pd.DataFrame({"region": [1, 2]})
    frame.to_stata(path, write_index=False, version=118, value_labels=labels)

    with pytest.raises(DataError, match="Two values of the column region") as caught:
        open_data(path)

    assert "convert_categoricals=False" in caught.value.hint


def test_the_size_of_a_parquet_file_is_that_of_its_uncompressed_data(tmp_path, monkeypatch):
    path = tmp_path / "zeros.parquet"
    pd.DataFrame({"x": np.zeros(100_000)}).to_parquet(path)
    monkeypatch.setattr("workbench.data.sources.files.LARGEST", 2 * path.stat().st_size)

    with pytest.raises(DataError) as caught:
        open_data(path)

    assert caught.value.code == "too-large"


def test_records_and_columns_of_json_are_both_read(tmp_path):
    records, columns = tmp_path / "records.json", tmp_path / "columns.json"
    records.write_text(json.dumps([{"a": 1, "date": "2020"}, {"a": 2, "date": "2021"}]))
    columns.write_text(json.dumps({"a": [1, 2], "date": ["2020", "2021"]}))

    one, other = open_data(records).to_frame(), open_data(columns).to_frame()

    pd.testing.assert_frame_equal(one, other)


def test_the_fingerprint_of_a_file_is_the_same_with_every_version_of_pandas(tmp_path):
    path = tmp_path / "wages.csv"
    path.write_text(
        "wage,kids,works,region,day,id,note,none\n"
        "1.5,0,True,north,2020-01-01,9007199254740993,a,\n"
        ",2,False,,2020-01-02,1,NA,\n"
        '3,1,,Ærø,,2,"b, c",\n',
        encoding="utf-8",
    )

    table = open_data(str(path))

    plain = ["wage", "kids", "region", "id", "none"]
    assert [table.fingerprint([name])[:8] for name in plain] == [
        *("24910328", "50ff1746", "31ec9958", "e651fa35", "b697e7af")
    ]
    frame = pd.read_csv(path, parse_dates=["day"], keep_default_na=False, na_values=[""])
    frame["works"] = frame["works"].astype("boolean")
    assert as_table(frame).fingerprint() == table.fingerprint()


def test_data_whose_library_is_missing_say_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "wages.xlsx"
    path.write_bytes(b"PK")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    monkeypatch.setattr(type(SAMPLES["mroz"]), "available", False)

    with pytest.raises(DataError) as of_a_file:
        open_data(str(path))
    with pytest.raises(DataError) as of_a_sample:
        load("mroz")

    install = "pip install 'mle-workbench[lab]'"
    excel = "pip install 'mle-workbench[excel]'"
    assert of_a_file.value.hint == f"{excel}, which brings what reads it."
    assert of_a_sample.value.hint == f"{install}."
