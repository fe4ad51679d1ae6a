"""A table as rows: once through it to know its columns, then its rows in blocks of any size, or all at once.

Importing this costs nothing: Arrow is imported when a table is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aecli.config.problems import Place, Problem, UserError
from aecli.data.paths import path_of
from aecli.data.raw import Field, Raw, Want
from aecli.data.sources.buffers import SUSPECT_BYTES, check_ratio
from aecli.data.sources.tables import ENDINGS

if TYPE_CHECKING:
    from aecli.data.tables.survey import Plan, Table

ARROW = (".arrow", ".feather", ".ipc")


@dataclass(frozen=True)
class Scan:
    """What one pass over a table told of its columns, and a way to its rows.

    `fields` are the columns of x, `columns` their names, or None for a table of numbers without a header; `rows`
    is exact.
    """

    file: str
    rows: int
    fields: tuple[Field, ...]
    columns: tuple[str, ...] | None
    notes: tuple[str, ...]
    files: tuple[Path, ...]
    plan: Plan = field(repr=False)
    table: Table = field(repr=False)

    def blocks(self, size: int) -> Iterator[Raw]:
        """The rows in file order, `size` at a time, the last block perhaps fewer.

        x [size, c] float64, labels, ids and carried columns, each of one type in all blocks; `first` is the number
        of a block's first row. A table without rows is one block without any.

        Holds a block and a batch of the file in memory. Raises UserError where the file has changed since.
        """
        from aecli.data.tables.blocks import blocks

        return blocks(self, size)

    def whole(self) -> Raw:
        """All rows as one, with the notes."""
        return replace(next(self.blocks(max(self.rows, 1))), notes=self.notes)


def scan(source: str, want: Want | None = None) -> Scan:
    """Go through the table once, in constant memory.

    Of a Parquet file only columns of text, the label, the id and what is carried are read. Raises UserError for
    a file that is none, and for everything that is wrong with its columns and cells.
    """
    path = path_of(source)
    try:
        return _scanned(path, want or Want(), hold=False)
    except OSError as error:
        raise UserError(Problem(f"cannot read '{path}': {error.strerror or error}", Place(str(path)))) from error


def read(source: str, want: Want) -> Raw:
    """All rows of a table: what `scan(source, want).blocks` yields, as one."""
    path = Path(source)
    found = _scanned(path, want, hold=True)
    size = found.rows * len(found.fields) * 8
    if not found.table.untyped and size > SUSPECT_BYTES:
        check_ratio(size, path.stat().st_size, "the table", Place(source))
    return found.whole()


def floats(source: str, want: Want) -> int:
    """How many numbers x holds, nearly: a guess from the beginning of a text file, else from the file's own count."""
    table = _opened(Path(source), want, hold=False)
    return table.guess() * len(table.roles.features)


def _scanned(path: Path, want: Want, hold: bool) -> Scan:
    from aecli.data.tables.survey import surveyed

    table = _opened(path, want, hold)
    plan = surveyed(table)
    fields = tuple(f for _, f in plan.features)
    unnamed = table.roles.plain and not plan.carried and all(f.kind == "numeric" and not f.format for f in fields)
    columns = None if unnamed else tuple(f.name for f in fields)
    return Scan(str(path), plan.rows, fields, columns, plan.notes, (path,), plan, table)


def _opened(path: Path, want: Want, hold: bool) -> Table:
    from aecli.data.tables.columnar import ArrowTable, ParquetTable
    from aecli.data.tables.text import TextTable

    name, place = path.name.lower(), Place(str(path))
    if want.strict and want.key is not None:
        text = f"data.key cannot be read here: a {path.suffix} holds one table"
        raise UserError(Problem(text, place, "leave data.key out", ("data", "key")))
    if path.stat().st_size == 0:
        raise UserError(Problem("the file is empty", place, "was it written to the end?"))
    if not name.endswith(ENDINGS):
        hint = f"these are: {', '.join(ENDINGS)}"
        raise UserError(Problem(f"'{path}' is no table that is read in blocks", None, hint))
    if name.endswith(".parquet"):
        return ParquetTable(path, want)
    return ArrowTable(path, want) if name.endswith(ARROW) else TextTable(path, want, hold)
