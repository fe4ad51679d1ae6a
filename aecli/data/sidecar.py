"""What stands beside spooled rows: their numbers, ids, labels and carried columns, in an Arrow file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.data.store import Column

if TYPE_CHECKING:
    from aecli.data.dataset import Split

CARRIED = "carried."


class Sidecar:
    """An Arrow file that is written in blocks."""

    def __init__(self, path: Path):
        self.path = path
        self._writer: Any = None

    def append(self, columns: dict[str, np.ndarray]) -> None:
        """The next rows, by column."""
        import pyarrow as pa

        batch = pa.record_batch({name: pa.array(values) for name, values in columns.items()})
        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self.path), batch.schema)
        self._writer.write_batch(batch)

    def close(self) -> None:
        """The end of the file."""
        if self._writer is not None:
            self._writer.close()

    @staticmethod
    def columns(path: Path) -> dict[str, Any]:
        """`id`, `row`, `label` (where there is one) and `carried`, each a lazy column."""
        import pyarrow as pa

        # Mapped, so that columns cost no memory till they are read: the file is aecli's own, and whole when opened.
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        found = {name: Column(table, name, _values) for name in table.column_names}
        carried = {name.removeprefix(CARRIED): found.pop(name) for name in list(found) if name.startswith(CARRIED)}
        return {**found, "carried": carried}


def columns_beside(split: Split) -> dict[str, np.ndarray]:
    """The columns that an in-memory split is kept by."""
    labels = {} if split.labels is None else {"label": split.labels}
    carried = {CARRIED + name: values for name, values in split.carried.items()}
    return {"id": split.ids, "row": split.rows, **labels, **carried}


def _values(column: Any) -> np.ndarray:
    import pyarrow as pa

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array(column.to_pylist(), np.str_)
    return column.to_numpy()
