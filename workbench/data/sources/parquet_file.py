"""Parquet, column by column; its unpacked size is read from the file's footer first."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from workbench.data.arrow import frame_of
from workbench.data.sources.files import refuse_large

SUFFIXES = (".parquet",)


def read(path: Path) -> pd.DataFrame:
    """Read a Parquet file."""
    import pyarrow.parquet

    metadata = pyarrow.parquet.read_metadata(path)
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    unpacked = sum(group.total_byte_size for group in groups)
    refuse_large(max(unpacked, 8 * metadata.num_rows * metadata.num_columns), path.name)
    return frame_of(pyarrow.parquet.read_table(path))
