"""The data of a call: a table in memory, the name of a sample, or a path."""

from __future__ import annotations

from pathlib import Path
from types import FrameType
from typing import Any

from workbench.data.sources import load, open_data
from workbench.data.sources.samples import SAMPLE_OF, SAMPLES
from workbench.data.table import Table, as_table
from workbench.errors import DataError
from workbench.estimation.specification import DataReference


def given_table(data: Any, caller: FrameType) -> Table:
    """Open data; a frame has the name of the caller's variable.

    Raises
    ------
    DataError
        When there are none, or they cannot be read as a table.
    """
    if data is None:
        raise DataError(
            "There are no data.",
            hint='a DataFrame, the name of a sample as in "mroz", or the path of a file.',
            code="no-data",
            where="data",
        )
    if isinstance(data, (str, Path)):
        known = str(data) in SAMPLES
        if not known and not Path(data).suffix:
            load(str(data))  # raises the error that names the nearest sample
        return open_data(DataReference("sample", str(data)) if known else data)
    table = as_table(data, _variable(data, caller))
    return table if table.reference_name else _sample_again(data, table)


def _sample_again(data: Any, table: Table) -> Table:
    """Return the sample that an unnamed frame still is, so that the run's code can load it."""
    name = getattr(data, "attrs", {}).get(SAMPLE_OF)
    if name not in SAMPLES:
        return table
    sample = open_data(DataReference("sample", name))
    same = sample.names == table.names and sample.fingerprint() == table.fingerprint()
    return sample if same else table


def _variable(data: Any, caller: FrameType) -> str:
    """Return the caller's name for the data, which the code of the run shows."""
    for scope in (caller.f_locals, caller.f_globals):
        for name, value in list(scope.items()):
            if value is data and not name.startswith("_"):
                return name
    return ""
