"""Result files that are written while their rows come: .csv, .parquet, .npy, .npz."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from aecli.config.problems import Problem, UserError
from aecli.tasks.arrays import NpyWriter, NpzWriter
from aecli.tasks.blockwise import Writer, writing
from aecli.tasks.tables import CsvWriter, ParquetWriter

TABLES = (".csv", ".parquet")
ARRAYS = (".npy", ".npz")


@contextmanager
def open_writer(path: str | Path, *, rows: int | None = None, guard: bool = False) -> Iterator[Writer]:
    """A writer of the file that the suffix asks for; `append` takes a block of rows at a time.

        with open_writer(path) as writer:
            for batch in batches:
                writer.append({"id": batch.ids, **columns_of("z", codes(batch))})

    The bytes do not depend on how the rows are divided into blocks; memory does not grow with their number.
    The file is there whole when the block ends well; an error leaves what was there before. `rows`, where
    given, is checked. Tables (.csv, .parquet) take columns of one dimension; .npz takes arrays of any,
    and .npy one array alone. `guard` keeps spreadsheets from running text of a .csv (`cells.guarded`).
    UserError for another suffix.
    """
    path = Path(path)

    def make(path: Path, file: IO[bytes]) -> Writer:
        if suffix == ".csv":
            return CsvWriter(path, file, rows, guard=guard)
        kind = {".parquet": ParquetWriter, ".npy": NpyWriter, ".npz": NpzWriter}[suffix]
        return kind(path, file, rows)

    suffix = path.suffix.lower()
    if suffix not in TABLES + ARRAYS:
        text = f"--output {path}: '{path.suffix}' is no suffix of a file of rows"
        raise UserError(Problem(text, hint=f"known here: {', '.join(TABLES + ARRAYS)}"))
    with writing(path, make) as writer:
        yield writer
