"""Batches of Parquet files and of Arrow's own: columns know their types, and only those asked for are read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import ipc
from pyarrow import parquet as pq

from aecli.config.problems import Place, Problem, UserError
from aecli.data.raw import Want
from aecli.data.sources.buffers import DAMAGED
from aecli.data.tables.arrays import Native, native
from aecli.data.tables.roles import roles_of

BATCH = 2**21  # cells decoded at a time
FEWEST, MOST = 2**10, 2**16  # rows at a time
BUFFER = 2**17  # bytes of a column chunk read at a time


@contextmanager
def decoding(kind: str, place: Place) -> Iterator[None]:
    """Turn what Arrow raises on damaged files into a UserError at `place`; a failure to open stays an OSError."""
    try:
        yield
    except (pa.ArrowException, MemoryError, OverflowError, UnicodeDecodeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        lines = str(error).splitlines()
        why = lines[0][:200] if lines else type(error).__name__
        raise UserError(Problem(f"cannot be read as {kind}: {why}", place, DAMAGED)) from error


class _Columnar(ABC):
    """What both formats share: the schema's types, and slices of a size that is easy to handle."""

    kind = ""
    untyped = False
    comma = False
    pointed = False
    ragged_count = 0

    def __init__(self, path: Path, want: Want):
        self.path, self.place = path, Place(str(path))
        self.rows: int | None = None
        self.ragged: list[Problem] = []
        with decoding(self.kind, self.place):
            self.schema = self._opened()
            self.names: list[str] = self.schema.names
        if not len(self.schema):
            raise UserError(Problem("the table has no columns", self.place, "x needs at least one"))
        self.roles = roles_of([name.strip() for name in self.names], len(self.schema), want, self.place)
        named = [self.names[i] for i in self.roles.carried if self.roles.names[i].startswith("__index_level_")]
        self.notes = [f"'{name}', an index of pandas, is carried, not part of x" for name in named]

    @abstractmethod
    def _opened(self) -> Any:
        """The schema."""

    @abstractmethod
    def _read(self, columns: Sequence[int]) -> Iterator[Any]:
        """Record batches of at least these columns, in file order."""

    def native(self, column: int) -> Native | None:
        """What a column is by its type."""
        return native(self.schema.types[column])

    def doubtful(self, column: int) -> bool:
        """A type is beyond doubt."""
        return False

    def type_name(self, column: int) -> str:
        """The name of a column's type."""
        return str(self.schema.types[column])

    @property
    def step(self) -> int:
        """Rows at a time."""
        return min(MOST, max(FEWEST, BATCH // len(self.schema)))

    def guess(self) -> int:
        """The number of rows, as far as the file tells it."""
        return self.rows if self.rows is not None else self._count()

    def _count(self) -> int:
        return sum(len(batch[0]) for batch in self.batches([self.roles.features[0]]))

    def retry(self) -> bool:
        """There is one way alone to read these."""
        return False

    def batches(self, columns: Sequence[int]) -> Iterator[list[Any]]:
        """These columns as Arrow arrays of equal length, a few rows at a time, in file order."""
        with decoding(self.kind, self.place):
            for read in self._read(columns):
                batch = read.select(self._places(columns, read.schema.names))
                batch.validate(full=True)  # lengths, offsets and UTF-8 are a stranger's
                for start in range(0, batch.num_rows, self.step):
                    yield batch.slice(start, self.step).columns

    def _places(self, columns: Sequence[int], read: Sequence[str]) -> list[int]:
        """Where these are among the columns that were read: those of one name (none at all, say) in file order."""
        wanted = {self.names[i] for i in columns}
        of_file, of_read = (
            sorted((i for i, name in enumerate(names) if name in wanted), key=names.__getitem__)
            for names in (self.names, read)
        )
        places = dict(zip(of_file, of_read, strict=True))
        return [places[i] for i in columns]

    def check_end(self) -> None:  # noqa: B027 (nothing is the answer)
        """Their readers do."""

    def first_line(self, rows: int) -> None:  # noqa: B027
        """These files have no lines."""

    def lines_of(self, rows: set[int], count: int) -> dict[int, int]:
        """These files have no lines."""
        return {}


class ParquetTable(_Columnar):
    """A .parquet: row group by row group, and within it page by page."""

    kind = "Parquet"

    def _file(self) -> pq.ParquetFile:
        # Buffered: a column chunk of a large row group is not in memory as a whole. Not mapped: pages of a mapped
        # file count as this process's memory, and a file that shrinks meanwhile would end it.
        return pq.ParquetFile(self.path, page_checksum_verification=True, buffer_size=BUFFER, pre_buffer=False)

    def _opened(self) -> Any:
        with self._file() as file:
            self.rows = file.metadata.num_rows
            return file.schema_arrow

    def _read(self, columns: Sequence[int]) -> Iterator[Any]:
        with self._file() as file:
            names = [self.names[i] for i in columns]
            for group in range(file.num_row_groups):
                yield from file.iter_batches(self.step, [group], names)


class ArrowTable(_Columnar):
    """An .arrow, .feather or .ipc: Arrow's IPC file, or its stream."""

    kind = "Arrow"

    def _opened(self) -> Any:
        with self._reader(None) as (reader, _):
            return reader.schema

    @contextmanager
    def _reader(self, columns: Sequence[int] | None) -> Iterator[tuple[Any, bool]]:
        """A reader of these columns, and whether it is one of a file, not of a stream."""
        options = ipc.IpcReadOptions(included_fields=sorted(columns) if columns else None)
        with ExitStack() as stack:
            stream = stack.enter_context(pa.OSFile(str(self.path)))
            magic = stream.read(6)
            stream.seek(0)
            if magic[:4] == b"FEA1":
                raise UserError(Problem("is a Feather file of version 1", self.place, "save it as version 2"))
            of_file = magic == b"ARROW1"
            reader = ipc.open_file(stream, options=options) if of_file else ipc.open_stream(stream, options=options)
            yield stack.enter_context(reader), of_file

    def _read(self, columns: Sequence[int]) -> Iterator[Any]:
        names = {self.names[i] for i in columns}
        with self._reader([i for i, name in enumerate(self.names) if name in names]) as (reader, of_file):
            yield from map(reader.get_batch, range(reader.num_record_batches)) if of_file else reader
