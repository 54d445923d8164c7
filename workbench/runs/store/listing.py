"""The list of runs as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.models.registry import MODELS, model_class
from workbench.runs.store.records import RunRecord

# Before version 3, pandas makes the word "None" of a text that is missing, unless it is an object.
_TEXT = "str" if int(pd.__version__.partition(".")[0]) >= 3 else "object"
_COLUMNS = {
    "id": _TEXT,
    "number": "int64",
    "name": _TEXT,
    "model": _TEXT,
    "status": _TEXT,
    "steps": "Int64",
    "started": "float64",
    "seconds": "float64",
    "loglik": "float64",
    "data": _TEXT,
    "sentence": _TEXT,
}


class RunsFrame(pd.DataFrame):
    """A frame of runs that prints short ids, and below them the place where runs are kept."""

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        return f"{self._shown().to_string()}\nKept in {self.attrs['place']}"

    def _repr_html_(self) -> str:
        place = pd.DataFrame([f"Kept in {self.attrs['place']}"])
        note = place.to_html(header=False, index=False, border=0)
        return f"{self._shown().to_html(na_rep='', border=0)}\n{note}"

    def _shown(self) -> pd.DataFrame:
        short = pd.DataFrame(self).assign(id=self["id"].str[:8])
        return short.assign(started=short["started"].dt.strftime("%Y-%m-%d %H:%M:%S"))


def runs_table(records: Sequence[RunRecord], place: str) -> RunsFrame:
    """Return one row per run, by its number; ``attrs["place"]`` says where the runs are kept.

    A run without a name has the title of its model.
    """
    lines = [_line(record, _title(record.model)) for record in records]
    frame = pd.DataFrame(lines, columns=list(_COLUMNS), dtype=object)
    frame = frame.where(frame.notna(), np.nan)
    started = pd.to_datetime(frame["started"].astype("float64"), unit="s", utc=True)
    frame = frame.astype(_COLUMNS).assign(started=started.dt.tz_convert(None).dt.round("ms"))
    table = RunsFrame(frame.set_index("number"))
    table.attrs["place"] = place
    return table


def _title(model: str) -> str:
    return model_class(model).title if model in MODELS else model


def _line(record: RunRecord, title: str) -> tuple[Any, ...]:
    return (
        record.id,
        record.number,
        record.name or title,
        record.model,
        record.status_label,
        record.step,
        record.started,
        record.seconds,
        record.loglik,
        record.data,
        record.sentence,
    )
