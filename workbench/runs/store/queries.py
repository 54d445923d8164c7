"""Read from the database, and make the changes that depend on what is read."""

from __future__ import annotations

import sqlite3

import numpy as np

from workbench.errors import StoreError
from workbench.estimation.inner_trace import COUNTS, Demeaning
from workbench.estimation.outcome import Outcome
from workbench.estimation.trace import FIGURES
from workbench.protocols import Numpy
from workbench.runs.store.database import notify
from workbench.runs.store.json_codec import loads
from workbench.runs.store.open_run import FLOAT, is_open_here
from workbench.runs.store.owner import is_alive, this_process
from workbench.runs.store.records import RunRecord, Status, StoredRun

_LISTED = (
    "id, number, name, starred, specification, owner, started, heartbeat, seconds, rows, step, "
    "outcome, message, loglik, observations"
)
_CONTENT = ("runs", "chunks", "demeaning")


def list_runs(database: sqlite3.Connection) -> list[RunRecord]:
    """List all runs, starred ones first, then the newest."""
    rows = database.execute(f"SELECT {_LISTED} FROM runs ORDER BY starred DESC, number DESC")
    return [record for row in rows if (record := _listed(row))]


def whole_content(database: sqlite3.Connection) -> list[list[sqlite3.Row]]:
    """Return all rows of every table."""
    return [database.execute(f"SELECT * FROM {table}").fetchall() for table in _CONTENT]


def resolve(database: sqlite3.Connection, run_id: str | int) -> str:
    """Find the full id from an id, a beginning of it, or a number."""
    if isinstance(run_id, int | np.integer):
        found = database.execute("SELECT id FROM runs WHERE number = ?", (int(run_id),)).fetchall()
    else:
        found = database.execute(
            "SELECT id FROM runs WHERE id = ?1 OR (length(?1) >= 4 AND "
            "substr(id, 1, length(?1)) = ?1) ORDER BY id = ?1 DESC",
            (run_id,),
        ).fetchall()
    if not found or (len(found) > 1 and found[0]["id"] != run_id):
        raise StoreError(
            f"{'More than one' if found else 'No'} run is recorded under {run_id!r}.",
            hint="take an id from wb.runs().",
            code="unknown-run",
            where=str(run_id),
        )
    return str(found[0]["id"])


def read_run(database: sqlite3.Connection, run_id: str | int) -> StoredRun:
    """Return one run with everything that was kept of it."""
    full = resolve(database, run_id)
    row = database.execute("SELECT * FROM runs WHERE id = ?", (full,)).fetchone()
    chunks = database.execute(
        "SELECT stage, rows FROM chunks WHERE run = ? ORDER BY first", (full,)
    ).fetchall()
    names = tuple(loads(row["parameters"]))
    blocks = [_block(chunk["rows"], len(FIGURES) + len(names)) for chunk in chunks]
    stages = [[chunk["stage"]] * len(block) for chunk, block in zip(chunks, blocks, strict=True)]
    return StoredRun(
        record=_record(row),
        specification=loads(row["specification"]),
        provenance=loads(row["provenance"]),
        parameter_names=names,
        rows=np.concatenate([np.empty((0, len(FIGURES) + len(names))), *blocks]),
        stages=tuple(stage for chunk in stages for stage in chunk),
        demeaning=_demeaning(database, full),
        optimizer_state=None if row["state"] is None else loads(row["state"]),
        state_rows=row["state_rows"] or 0,
        result=None if row["result"] is None else loads(row["result"]),
    )


def _demeaning(database: sqlite3.Connection, run_id: str) -> Demeaning:
    """Return the iterations over the columns; empty without fixed effects."""
    chunks = database.execute(
        "SELECT heading, rows FROM demeaning WHERE run = ? ORDER BY first", (run_id,)
    ).fetchall()
    found = Demeaning()
    for chunk in chunks:
        heading = loads(chunk["heading"])
        width = len(COUNTS) + len(heading["columns"]) * (1 + len(heading["figures"]))
        found.extend(heading, _block(chunk["rows"], width))
    return found


def _block(data: bytes, width: int) -> Numpy:
    try:
        return np.frombuffer(data, FLOAT).reshape(-1, width).astype(np.float64)
    except ValueError as error:
        raise StoreError(
            "The recorded steps of this run are damaged.",
            hint="delete this run, or estimate it again.",
            code="damaged-record",
        ) from error


def claim_run(
    database: sqlite3.Connection, run_id: str, owner: str, now: float, back_to_state: bool
) -> StoredRun:
    """Make an interrupted run belong to ``owner``, and return it."""
    stored = read_run(database, run_id)
    if stored.status != "interrupted":
        raise StoreError(
            f"Run {stored.record.name or stored.record.id!r} is not interrupted: "
            f"{stored.record.sentence}.",
            hint="resume a run that wb.runs() lists as interrupted.",
            code="not-interrupted",
        )
    database.execute(
        "UPDATE runs SET owner = ?, heartbeat = ? WHERE id = ?", (owner, now, stored.record.id)
    )
    database.execute("DELETE FROM demeaning WHERE run = ?", (stored.record.id,))  # done anew
    if not back_to_state or not stored.optimizer_state:
        return stored
    _forget_steps(database, stored)
    return read_run(database, stored.record.id)


def _forget_steps(database: sqlite3.Connection, stored: StoredRun) -> None:
    """Forget the steps after the optimizer's last state."""
    run_id, kept, width = stored.record.id, stored.state_rows, 8 * stored.rows.shape[1]
    step = int(stored.rows[kept - 1, 0]) if kept else None
    database.execute("DELETE FROM chunks WHERE run = ? AND first >= ?", (run_id, kept))
    database.execute(
        "UPDATE chunks SET rows = substr(rows, 1, (?1 - first) * ?2) "
        "WHERE run = ?3 AND first * ?2 + length(rows) > ?1 * ?2",
        (kept, width, run_id),
    )
    database.execute("UPDATE runs SET rows = ?, step = ? WHERE id = ?", (kept, step, run_id))


def _record(row: sqlite3.Row) -> RunRecord:
    status = _status(row)
    return RunRecord(
        id=row["id"],
        number=row["number"],
        name=loads(row["name"]),
        starred=bool(row["starred"]),
        specification=loads(row["specification"]),
        status=status,
        outcome=Outcome.INTERRUPTED if status == "interrupted" else _outcome(row["outcome"]),
        message="" if row["message"] is None else loads(row["message"]),
        step=row["step"],
        rows=row["rows"],
        started=row["started"],
        seconds=row["seconds"],
        loglik=row["loglik"],
        observations=row["observations"],
    )


def _listed(row: sqlite3.Row) -> RunRecord | None:
    """Return a line of the list; a damaged entry must not hide the others."""
    try:
        return _record(row)
    except StoreError as error:
        notify(f"Run {row['number']} is left out of the list: {error.problem}")
        return None


def take_in(database: sqlite3.Connection, *content: list[sqlite3.Row]) -> None:
    """Add runs and steps of another store, as far as they are not there."""
    for table, rows in zip(_CONTENT, content, strict=True):
        if not rows:
            continue
        names = [name for name in dict(rows[0]) if name != "number"]
        database.executemany(
            f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) "
            f"VALUES ({', '.join('?' * len(names))})",
            [tuple(row[name] for name in names) for row in rows],
        )


def _outcome(name: str | None) -> Outcome | None:
    return Outcome.__members__.get(name or "")


def _status(row: sqlite3.Row) -> Status:
    if row["outcome"] is not None:
        return "ended"
    owner = loads(row["owner"])
    if owner == this_process():
        return "running" if is_open_here(row["id"]) else "interrupted"
    return "running" if is_alive(owner, row["heartbeat"]) else "interrupted"
