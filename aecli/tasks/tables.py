"""Writers of tables, row by row: .csv and .parquet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.tasks.blockwise import Writer
from aecli.tasks.cells import cells, joined, table_fault, to_arrow

if TYPE_CHECKING:
    from jaxtyping import Shaped

ROW_GROUP = 65_536  # rows, whatever the blocks: a reader of row groups finds the same ones in equal files
_CELLS = 1 << 20  # of a CSV file that are text in memory at one time


class _TableWriter(Writer):
    """What tables have in common: columns of one dimension, of booleans, numbers, text or times."""

    def check(self, name: str, array: Shaped[np.ndarray, " rows"]) -> None:
        """One dimension, a type that tables hold, and text that is Unicode."""
        if array.ndim != 1:
            raise ValueError(f"a column of a table has one dimension, and {name} has {array.ndim}")
        if fault := table_fault(array):
            raise TypeError(f"the column {name} {fault}")
        if array.dtype.kind == "U" and array.dtype.itemsize:
            self._check_text(name, array)

    def _check_text(self, name: str, array: Shaped[np.ndarray, " rows"]) -> None:
        native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
        points = native.view(np.uint32).reshape(len(native), native.dtype.itemsize // 4)
        wrong = ((points >= 0xD800) & (points < 0xE000)) | (points > 0x10FFFF)
        if wrong.any():
            row = self.rows + int(wrong.any(axis=1).argmax()) + 1
            text = f"the text of row {row}, column {name!a} is no Unicode: it cannot be written"
            raise UserError(Problem(text, Place(str(self.path)), "write .npz, or correct the text in the data"))


class CsvWriter(_TableWriter):
    """A header, then a line a row, LF after each; `guard` as in `cells.guarded`, for the header too."""

    def __init__(self, path: Path, file: IO[bytes], rows: int | None = None, *, guard: bool = False):
        super().__init__(path, rows)
        self.file = file
        self.guard = guard
        self._headed = False

    def write(self, block: Mapping[str, np.ndarray]) -> None:
        """The lines of the rows."""
        if not self._headed:
            self.file.write(joined([cells(np.array([name]), guard=self.guard) for name in block]))
            self._headed = True
        most = max(1, _CELLS // len(block))
        for start in range(0, len(next(iter(block.values()))), most):
            parts = [cells(column[start : start + most], guard=self.guard) for column in block.values()]
            self.file.write(joined(parts))

    def finish(self) -> None:
        """Nothing follows the last row."""


class ParquetWriter(_TableWriter):
    """Row groups of 65,536 rows, the last one shorter; Snappy. Nothing in the file depends on clock or machine."""

    def __init__(self, path: Path, file: IO[bytes], rows: int | None = None):
        super().__init__(path, rows)
        self.file = file
        self._parquet: Any = None
        self._pending: list[dict[str, np.ndarray]] = []
        self._held = 0

    def write(self, block: Mapping[str, np.ndarray]) -> None:
        """Whole row groups to the file; the rest is kept, copied: the caller may use its arrays again."""
        if self._parquet is None:
            self._open(block)
        start, rows = 0, len(next(iter(block.values())))
        while start < rows:
            stop = min(rows, start + ROW_GROUP - self._held)
            self._pending.append({name: column[start:stop].copy() for name, column in block.items()})
            self._held += stop - start
            start = stop
            if self._held == ROW_GROUP:
                self._flush()

    def finish(self) -> None:
        """The last row group and the footer."""
        if self._held:
            self._flush()
        self._close()

    def release(self) -> None:
        """End Arrow's writer, which would else write to a closed file when it is collected."""
        self._close()

    def _open(self, block: Mapping[str, np.ndarray]) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        fields = [(name, to_arrow(column[:0]).type) for name, column in block.items()]
        self._parquet = parquet.ParquetWriter(self.file, pa.schema(fields), compression="snappy", version="2.6")

    def _flush(self) -> None:
        import pyarrow as pa

        # One chunk a column: pages must not end where blocks did.
        whole = [to_arrow(np.concatenate([piece[name] for piece in self._pending])) for name in self.dtypes]
        self._parquet.write_table(pa.table(whole, names=list(self.dtypes)), row_group_size=ROW_GROUP)
        self._pending, self._held = [], 0

    def _close(self) -> None:
        if self._parquet is not None:
            parquet, self._parquet = self._parquet, None
            try:
                parquet.close()
            finally:
                parquet.is_open = False
