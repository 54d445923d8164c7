"""The record of runs loses nothing to a full disk or a broken file, and knows its place."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.runs.store.runs import begin, begin_and_list, finish, step
from workbench.errors import StoreError
from workbench.runs import store as stores
from workbench.runs.store import Store, StoreWarning, database


# Trouble with the place --------------------------------------------------------------------------
def test_the_file_is_written_ahead(store, path):
    begin(store)
    store.flush()

    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.skipif(os.name == "nt", reason="the dot-file locks are of POSIX")
def test_a_place_that_refuses_to_write_ahead_gets_a_rollback_journal(path, monkeypatch):
    bare = database._bare  # as on a network home: locks by files, no shared memory
    monkeypatch.setattr(database, "_bare", lambda uri: bare(f"{uri}?vfs=unix-dotfile"))
    store = Store(path)

    finish(store, run_id := begin(store, steps=3))
    found = store.read(run_id)
    store.close()

    assert store.trouble == ""
    assert len(found.rows) == 3
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def damage_header(data):
    return b"garbage " * 500


def damage_page(data):
    middle = len(data) // 2
    return data[:middle] + os.urandom(4096) + data[middle + 4096 :]


def damage_tail(data):
    return data[: len(data) // 2]


@pytest.mark.parametrize("damage", [damage_header, damage_page, damage_tail])
def test_a_damaged_file_is_set_aside_and_a_new_store_begins(path, damage):
    store = Store(path)
    for _ in range(40):
        finish(store, begin(store, steps=40))
    store.close()
    broken = damage(path.read_bytes())
    path.write_bytes(broken)

    with pytest.warns(StoreWarning) as notices:
        records = begin_and_list(again := Store(path), name="new")
    again.close()

    (aside,) = path.parent.glob("runs.sqlite.corrupt-*")
    assert aside.read_bytes() == broken
    assert len(notices) == 1
    assert aside.name in str(notices[0].message)
    assert [record.name for record in records] == ["new"]


@pytest.mark.parametrize("suffix", [".csv", ".sqlite"])
def test_a_file_of_something_else_is_not_touched(tmp_path, suffix):
    path = tmp_path / f"other{suffix}"
    if suffix == ".csv":
        path.write_text("y,x\n1,2\n")
    else:
        with sqlite3.connect(path) as raw:
            raw.execute("CREATE TABLE theirs (x)")
        raw.close()
    before = path.read_bytes()

    with pytest.warns(StoreWarning, match="kept in memory only"):
        records = begin_and_list(store := Store(path))
    store.close()

    assert len(records) == 1
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_store_of_a_newer_version_is_read_and_not_written(path):
    store = Store(path)
    finish(store, old := begin(store, steps=3))
    store.close()
    with sqlite3.connect(path) as raw:
        raw.execute("ALTER TABLE runs ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'")
        raw.execute("PRAGMA user_version = 99")
        raw.execute("PRAGMA journal_mode = DELETE")
    raw.close()
    before = path.read_bytes()

    with pytest.warns(StoreWarning, match="newer workbench .its format is 99"):
        records = begin_and_list(again := Store(path), name="later")
    retried, rows = again.retry(), len(again.read(old).rows)
    again.close()

    assert [record.name for record in records] == ["later", "baseline"]
    assert rows == 3
    assert not retried
    assert path.read_bytes() == before


def test_runs_in_an_unwritable_place_are_kept_in_memory_until_a_retry(tmp_path):
    obstacle = tmp_path / "folder"
    obstacle.write_text("a file where the folder should be")
    store = Store(obstacle / "runs.sqlite")

    with pytest.warns(StoreWarning, match="kept in memory only") as notices:
        run_id = begin_and_list(store, steps=4)[0].id
    refused = store.retry()
    place = store.place
    obstacle.unlink()
    retried = store.retry()
    finish(store, run_id)
    store.close()
    again = Store(obstacle / "runs.sqlite")
    run = again.read(run_id)
    again.close()

    assert len(notices) == 1
    assert (refused, retried) == (False, True)
    assert place.startswith("memory only, not ")
    assert store.place == str(obstacle / "runs.sqlite")
    assert (len(run.rows), run.status) == (4, "ended")


def test_a_disk_that_fills_up_in_mid_run_loses_nothing(store, path):
    kept = begin(store, steps=3, name="before")
    store.flush()
    store._worker.write(lambda raw: raw.execute("PRAGMA max_page_count = 1")).result()
    for number in range(3, 3000):
        store.listener(kept)(step(number % 300))

    with pytest.warns(StoreWarning, match="disk is full"):
        store.flush()
    in_memory = store.read(kept)
    retried = store.retry()
    finish(store, kept)
    store.close()
    again = Store(path)
    run = again.read(kept)
    again.close()

    assert len(in_memory.rows) == 3000
    assert retried
    assert (len(run.rows), run.status) == (3000, "ended")


def test_runs_kept_in_memory_move_to_another_place(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_chosen", None)
    (tmp_path / "file").touch()
    stores.use_store(tmp_path / "file" / "runs.sqlite")
    with pytest.warns(StoreWarning, match="kept in memory only"):
        run_id = begin_and_list(stores.current_store(), steps=2)[0].id

    with pytest.raises(StoreError) as refused:
        stores.use_store(tmp_path / "too-early.sqlite")
    finish(stores.current_store(), run_id)
    place = stores.use_store(tmp_path / "runs.sqlite")
    moved = stores.current_store().read(run_id)
    stores.current_store().close()

    assert refused.value.code == "store-busy"
    assert place == stores.store_path() == tmp_path / "runs.sqlite"
    assert (len(moved.rows), moved.status) == (2, "ended")


# The place ---------------------------------------------------------------------------------------
def test_the_place_comes_from_the_environment_or_the_users_data_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    monkeypatch.setenv("WORKBENCH_STORE", "~/mine.sqlite")

    chosen = Store()
    monkeypatch.delenv("WORKBENCH_STORE")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    default = Store()
    monkeypatch.setenv("XDG_DATA_HOME", "/var/data")
    moved = Store()

    assert chosen.path == tmp_path / "mine.sqlite"
    assert chosen.place == "~/mine.sqlite"
    assert default.path == tmp_path / ".local/share/workbench/runs.sqlite"
    assert moved.path == Path("/var/data/workbench/runs.sqlite")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["https://example.org/runs.sqlite", "a\0b", "~nobody-here/x"])
def test_a_place_that_is_no_local_file_is_refused(place):
    with pytest.raises(StoreError) as refused:
        Store(place)

    assert refused.value.code == "store-place"


def test_an_environment_without_a_usable_place_keeps_runs_in_memory(monkeypatch):
    monkeypatch.setattr(stores, "_chosen", None)
    monkeypatch.setenv("WORKBENCH_STORE", "https://example.org/runs.sqlite")

    with pytest.warns(StoreWarning, match="kept in memory only"):
        store = stores.current_store()

    assert store.path is None
    store.close()


def test_a_store_in_memory_keeps_runs_while_it_lives():
    store = Store(":memory:")

    finish(store, begin(store, steps=3))
    store.close()

    assert store.place == "memory only"
    assert [record.rows for record in store.runs()] == [3]
    store.close()
