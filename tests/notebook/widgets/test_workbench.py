"""The workbench widget, by the messages it takes and what it then shows."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from contextlib import closing

import pandas as pd
import pytest

import workbench as wb
from workbench.notebook.setup import data as data_choice
from workbench.notebook.widgets import workbench as workbench_module
from workbench.notebook.widgets.workbench import Workbench
from workbench.runs.store import current_store

PATIENCE = 60.0


@pytest.fixture
def sent():
    """Collect what a widget sends."""
    return []


@pytest.fixture
def page(sent, monkeypatch):
    """Return the workbench with the sample of Mroz open."""
    monkeypatch.setattr(
        Workbench, "send", lambda _, content, buffers=None: sent.append((content, buffers))
    )
    wb.use_store(":memory:")
    return Workbench("mroz")


def say(page, kind, **payload):
    page._on_message(page, {"type": kind, **payload}, [])


def set_choice(page, field, value, serial=1):
    say(page, "set", field=field, value=value, serial=serial)


def run(page):
    """Press Run and wait until the list shows the end; return the row."""
    before = {row["id"] for row in page.runs}
    say(page, "run", ticket=page.setup["ticket"])
    (new,) = {row["id"] for row in page.runs} - before
    wait_for(lambda: row_of(page, new)["state"] not in {"running", "paused", "stopping"})
    return row_of(page, new)


def row_of(page, run_id):
    return next(row for row in page.runs if row["id"] == run_id)


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def test_one_press_on_run_estimates_and_compares(page):
    row = run(page)

    assert (row["status_label"], row["tone"], row["n"]) == ("✓ Converged", "ok", "753")
    assert row["loglik"] == "−401.765"  # Wooldridge (2010), table 15.1
    assert page.results["ids"] == [row["id"]]
    assert page.results["table"]["heads"] == ["Logit"]


def test_a_run_on_other_data_is_compared_only_when_it_is_checked(page):
    first = run(page)
    say(page, "source", source="samples")
    say(page, "data", name="fair")

    second = run(page)

    assert page.results["ids"] == [first["id"]]
    say(page, "compare", ids=[first["id"], second["id"]])
    assert "Data differ: Logit uses 753 rows of mroz, " in page.results["table"]["note"]


def test_a_run_on_another_outcome_is_not_compared_by_itself(page):
    first = run(page)
    set_choice(page, "formula", "kidslt6 ~ age")
    set_choice(page, "template", "poisson")

    run(page)

    assert page.results["ids"] == [first["id"]]


def test_a_run_has_one_look_and_no_two_that_are_compared_share_it(page):
    rows = [run(page) for _ in range(6)]
    looks = [row_of(page, row["id"])["series"] for row in rows]

    say(page, "compare", ids=[rows[5]["id"], rows[0]["id"]])

    assert looks == [0, 1, 2, 3, 4, 0]
    assert page.results["series"] == [0, 1]
    assert [row_of(page, rows[at]["id"])["series"] for at in (5, 0)] == [0, 1]


def test_columns_beyond_the_looks_there_are_have_none(page):
    rows = [run(page) for _ in range(6)]

    say(page, "compare", ids=[row["id"] for row in rows])

    assert page.results["series"] == [0, 1, 2, 3, 4, None]


def test_runs_of_one_name_are_told_apart_by_number_data_and_formula(page):
    first = run(page)
    set_choice(page, "formula", "inlf ~ educ")
    second = run(page)
    wait_for(lambda: len(current_store().runs()) == 2)

    again = Workbench("mroz")

    assert [row["name"] for row in (first, second)] == ["Logit", "Logit 2"]
    assert (second["data"], second["formula"]) == ("mroz", "inlf ~ educ")
    assert again.setup["run_name"] == "Logit 3"


def test_a_query_of_a_database_is_opened_run_and_brought_back(page, tmp_path):
    path = tmp_path / "labour.db"
    with closing(sqlite3.connect(path)) as connection:
        wb.load("mroz").to_sql("mroz", connection, index=False)
        connection.commit()
    query = "SELECT * FROM mroz WHERE age > 40"
    say(page, "source", source="sql")
    say(page, "sql", database=str(path), query=query)
    opened = page.setup["data"]
    row = run(page)
    say(page, "source", source="samples")
    say(page, "data", name="mroz")

    say(page, "edit", id=row["id"])

    assert (opened["kind"], opened["query"]) == ("sql", query)
    assert row["n"] == str((wb.load("mroz").age > 40).sum())
    assert row["data"] == f"{path}: {query}"
    assert page.setup["data"] == opened
    assert "wb.read_sql(" in page.setup["code"]["python"]
    assert f'--sql "{query}"' in page.setup["code"]["magic"]


@pytest.mark.parametrize("reader", ["open_query", "open_again"])
def test_a_run_ends_on_the_list_while_data_are_read(page, monkeypatch, reader):
    states, first = [], run(page)["id"]
    say(page, "source", source="samples")
    say(page, "data", name="spector")

    def wait(*_):
        wait_for(lambda: page.runs[0]["state"] != "running")
        states.append(page.runs[0]["state"])
        return data_choice.open_sample("mroz")

    monkeypatch.setattr(data_choice, reader, wait)
    say(page, "run", ticket=page.setup["ticket"])

    if reader == "open_query":
        say(page, "sql", database="slow.db", query="SELECT * FROM mroz")
    else:
        say(page, "edit", id=first)

    assert states == ["done"]
    assert page.setup["data"]["name"] == "mroz"


def test_a_query_that_writes_is_refused_beside_the_data(page, tmp_path):
    say(page, "sql", database=str(tmp_path / "none.db"), query="DROP TABLE mroz")

    assert page.setup["notice"] == "A query reads rows; this one begins with DROP."


def test_the_rows_left_out_are_shown_with_what_is_missing(page, sent):
    set_choice(page, "template", "ols")
    set_choice(page, "formula", "lwage ~ educ")
    mroz = wb.load("mroz")
    lost = mroz.index[mroz.lwage.isna()]

    say(page, "left_out", about="this check")

    (shown,) = [content for content, _ in sent if content["type"] == "left_out"]
    assert page.setup["check"]["left_out"] == len(lost) == 325
    assert (shown["about"], shown["columns"]) == ("this check", ["lwage", "educ"])
    assert [row[0] - 1 for row in shown["rows"]] == lost[:8].tolist()
    assert shown["rows"][0][1:] == [None, str(mroz.educ[lost[0]])]


def test_a_double_press_starts_one_run(page, sent):
    ticket = page.setup["ticket"]
    before = len(page.runs)

    say(page, "run", ticket=ticket)
    say(page, "run", ticket=ticket)

    assert len(page.runs) == before + 1
    assert [content["type"] for content, _ in sent].count("started") == 1


def test_run_does_nothing_while_something_is_to_be_fixed(page):
    before = len(page.runs)
    set_choice(page, "formula", "inlf ~ kidslt5")

    say(page, "run", ticket=page.setup["ticket"])

    assert len(page.runs) == before
    assert page.setup["check"]["suggestion"] == "kidslt6"


def test_one_press_repairs_the_name(page):
    set_choice(page, "formula", "inlf ~ kidslt5")

    say(page, "repair")

    assert page.setup["formula"] == "inlf ~ kidslt6"
    assert page.setup["check"]["ok"]


def test_an_outcome_that_does_not_vary_is_reported_before_anything_starts():
    page = Workbench(pd.DataFrame({"bought": [1, 1, 1, 1], "price": [1.0, 2.0, 3.0, 5.0]}))
    set_choice(page, "template", "logit")
    set_choice(page, "formula", "bought ~ price")

    assert not page.setup["check"]["ok"]
    assert "bought" in page.setup["check"]["text"]


def test_a_run_that_cannot_start_says_why_at_the_foot():
    page = Workbench(pd.DataFrame({"bought": [0, 1], "price": [1.0, 2.0], "age": [3.0, 5.0]}))
    set_choice(page, "template", "logit")
    set_choice(page, "formula", "bought ~ price + age")

    say(page, "run", ticket=page.setup["ticket"])

    assert "2 rows cannot determine" in page.setup["refusal"]
    set_choice(page, "formula", "bought ~ 1")
    assert page.setup["refusal"] == ""


def test_an_option_is_set_by_name_and_reset_by_an_empty_value(page):
    set_choice(page, "optimizer", "sgd")

    say(page, "option", of="optimizer", name="lr", value=0.25, serial=7)
    given = (page.setup["serial"], page.setup["code"]["magic"])
    say(page, "option", of="optimizer", name="lr", value=None, serial=8)

    assert given[0] == 7
    assert "sgd(lr=0.25)" in given[1]
    assert "lr" not in page.setup["code"]["magic"]


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {"type": "eval", "code": "1"},
        {"type": "set", "field": "formula"},
        {"type": "set", "field": "__init__", "value": "x", "serial": 1},
        {"type": "set", "field": "formula", "value": "x" * 30_000, "serial": 1},
        {"type": "option", "of": "run", "name": "seed", "value": {"a": {"b": 1}}, "serial": 1},
        {"type": "option", "of": "run", "name": "no such option", "value": 1, "serial": 1},
        {"type": "option", "of": "no such group", "name": "seed", "value": 1, "serial": 1},
        {"type": "option", "of": "run", "name": "seed", "value": [1], "serial": 1},
        {"type": "compare", "ids": [1, 2]},
        {"type": "compare", "ids": "abc"},
        {"type": "run", "ticket": True},
        {"type": "star", "id": "no such run"},
        {"type": "edit", "id": "no such run"},
        {"type": "role", "name": "no such column", "role": "x"},
        {"type": "role", "name": "educ", "role": "z"},
        {"type": "data", "name": "/etc/passwd"},
    ],
)
def test_a_message_of_the_wrong_shape_changes_nothing(page, content):
    formula, runs = page.setup["formula"], page.runs

    page._on_message(page, content, [])

    assert page.setup["formula"] == formula
    assert page.runs == runs


def test_an_unknown_message_leaves_a_line_in_the_log(page, caplog):
    with caplog.at_level(logging.WARNING, "workbench.notebook.messages"):
        say(page, "no such message")

    assert "no such message" in caplog.text


def test_runs_are_compared_starred_renamed_deleted_and_restored(page):
    row = run(page)

    say(page, "compare", ids=[])
    say(page, "star", id=row["id"])
    say(page, "rename", id=row["id"], name="  mine ")
    changed = row_of(page, row["id"])
    say(page, "delete", id=row["id"])
    gone = [item["id"] for item in page.runs]
    say(page, "undo", id=row["id"])

    assert page.results["table"] is None
    assert (changed["starred"], changed["name"]) == (True, "mine")
    assert row["id"] not in gone
    assert row_of(page, row["id"])["name"] == "mine"


def test_a_new_name_reaches_the_card_and_a_deleted_run_leaves_it(page, sent):
    row = run(page)

    say(page, "rename", id=row["id"], name="mine")
    say(page, "delete", id=row["id"])
    removed = [content for content, _ in sent if content["type"] == "removed"]
    say(page, "undo", id=row["id"])
    wait_for(lambda: sent[-1][0]["type"] == "closed")

    names = [content["run"]["name"] for content, _ in sent if content["type"] == "card"]
    assert names[-1] == "mine"
    assert removed == [{"type": "removed", "run": row["id"]}]


def test_a_run_that_goes_on_from_another_has_a_name_of_its_own(page):
    set_choice(page, "optimizer", "sgd")
    set_choice(page, "max_steps", 2)
    set_choice(page, "name", "limited")
    first = run(page)

    say(page, "remedy", run=first["id"], action="continue-newton")
    wait_for(lambda: len(page.runs) == 2 and page.runs[0]["status_label"] == "✓ Converged")

    assert {row["name"] for row in page.runs} == {"limited", "limited 2"}
    assert {record.name for record in current_store().runs()} >= {"limited", "limited 2"}


def test_a_deleted_run_leaves_the_record_when_the_time_to_undo_is_over(page, monkeypatch):
    monkeypatch.setattr(workbench_module, "UNDO_SECONDS", 0.0)
    row = run(page)
    store = current_store()
    wait_for(lambda: row["id"] in {record.id for record in store.runs()})

    say(page, "delete", id=row["id"])

    wait_for(lambda: row["id"] not in {record.id for record in store.runs()})


def test_a_failed_run_deleted_before_it_is_recorded_stays_out_of_the_record(page, monkeypatch):
    monkeypatch.setattr(workbench_module, "UNDO_SECONDS", 0.0)
    held, deleted, store = threading.Event(), threading.Event(), current_store()
    begin, delete = store.begin, store.delete
    monkeypatch.setattr(store, "begin", lambda *given: held.wait() and begin(*given))
    monkeypatch.setattr(store, "delete", lambda run_id: (delete(run_id), deleted.set()))
    say(page, "own", serial=1)
    set_choice(page, "body", "loglik = log(eta - 1)")

    row = run(page)
    say(page, "delete", id=row["id"])
    held.set()

    assert row["tone"] == "err"
    assert deleted.wait(PATIENCE)
    assert row["id"] not in {record.id for record in store.runs()}


def test_a_run_of_an_earlier_session_says_how_it_ended_in_the_same_words(page):
    row = run(page)
    wait_for(lambda: current_store().runs()[0].status == "ended")

    again = row_of(Workbench("mroz"), row["id"])

    assert (again["status_label"], again["loglik"]) == (row["status_label"], row["loglik"])
    assert again["sentence"].startswith("Newton, 4 steps, ")
    assert row["sentence"].startswith("Newton, 4 steps, ")


def test_a_separated_run_cannot_be_compared_and_shows_no_number(page):
    set_choice(page, "formula", "inlf ~ educ + hours")

    row = run(page)
    say(page, "compare", ids=[row["id"]])

    assert (row["status_label"], row["comparable"], row["loglik"]) == ("✕ Separated", False, "")
    assert row["reason"]
    assert row["id"] not in page.results["ids"]


def test_a_run_at_the_limit_of_float32_goes_on_in_float64_from_its_last_step(page):
    # A squared regressor keeps the decrement of float32 well above the tolerance everywhere.
    set_choice(page, "formula", "inlf ~ educ + exper + I(exper**2) + age + kidslt6")
    set_choice(page, "dtype", "float32")
    limited = run(page)
    step = page._list.fit(limited["id"])
    before = {row["id"] for row in page.runs}

    say(page, "remedy", run=limited["id"], action="keep")
    kept = {row["id"] for row in page.runs}
    say(page, "remedy", run=limited["id"], action="float64")
    (new,) = {row["id"] for row in page.runs} - before
    wait_for(lambda: row_of(page, new)["status_label"] == "✓ Converged")

    assert limited["status_label"] == "! Not converged"
    assert kept == before
    start = page._list.entry(new).specification.start
    assert start == pytest.approx(dict(step.params))


def test_edit_in_setup_brings_the_settings_back(page, sent):
    set_choice(page, "se", "robust")
    set_choice(page, "formula", "inlf ~ educ")
    row = run(page)
    set_choice(page, "se", "none")
    set_choice(page, "formula", "inlf ~ age")

    say(page, "edit", id=row["id"])

    assert (page.setup["formula"], page.setup["se"]) == ("inlf ~ educ", "robust")
    assert ({"type": "edited"}, None) in sent


def test_the_code_shown_gives_the_same_estimates(page):
    set_choice(page, "se", "robust")
    set_choice(page, "formula", "inlf ~ educ + age")
    scope: dict = {}
    exec(page.setup["code"]["python"], scope)

    row = run(page)

    pd.testing.assert_series_equal(page.fit(row["name"]).params, scope["fit"].params, rtol=0)
    pd.testing.assert_series_equal(page.fit(row["name"]).se, scope["fit"].se, rtol=0)


def test_the_word_export_arrives_as_the_bytes_of_a_document(page, sent):
    run(page)

    say(page, "word")
    content, buffers = sent[-1]

    assert content["name"] == "comparison.docx"
    assert buffers[0][:2] == b"PK"


def test_a_table_of_the_notebook_goes_by_its_name(monkeypatch):
    women = wb.load("mroz")
    monkeypatch.setattr(data_choice, "notebook_namespace", lambda: {"women": women, "_": women})

    page = Workbench(women)

    assert page.setup["data"]["name"] == "women"
    assert [table["key"] for table in page.setup["tables"]] == ["women"]
    assert "women" in page.setup["code"]["magic"]


def test_without_data_the_page_offers_the_samples_and_tables(page):
    empty = Workbench()
    say(empty, "source", source="samples")
    available_here = {table["key"] for table in empty.setup["tables"]}
    say(empty, "data", name="spector")

    assert "mroz" in available_here
    assert empty.setup["formula"] == "GRADE ~ GPA + TUCE + PSI"


def test_the_state_that_travels_stays_small(page):
    run(page)
    size = len(json.dumps([page.setup, page.variables, page.runs, page.results], allow_nan=False))

    assert size < 100_000


def test_presses_from_several_threads_start_one_run(page):
    ticket, before = page.setup["ticket"], len(page.runs)
    presses = [
        threading.Thread(target=say, args=(page, "run"), kwargs={"ticket": ticket})
        for _ in range(4)
    ]

    for press in presses:
        press.start()
    for press in presses:
        press.join(PATIENCE)

    assert len(page.runs) == before + 1
