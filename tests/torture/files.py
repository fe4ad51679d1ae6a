"""Mutated data files: their bytes, what is packed in them, their cells, and the types of their columns."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from tests.data.files import idx_bytes, npy_bytes
from tests.torture import seeds
from tests.torture.mutations import SHARES, Edit, edited, edits, pick

CELLS = (
    "", " ", "nan", "NaN", "inf", "-inf", "1e999", "1e308", "1e-320", "-0", "1,5", "1.234,5", "0x1f", "1_000", '"',
    '""', 'a"b', '"a\nb"', "\0", "=1+1", "2024-02-30", "2024-01-01", "12:30", "true", "x" * 5000, "é", "\ufeff",
    "\u202e", "9" * 400, "None", "?", "#", "\x1b[31m", "\r", "\t", ";", "1970-01-01T00:00:00Z", "99999-01-01", "\u0663",
)  # fmt: skip
ROWS = 80


@dataclass(frozen=True)
class Cells:
    """One change of a table of text: a row by its share, a column, and what is put there."""

    action: str
    row: float
    column: int
    value: str

    def applied(self, rows: list[list[str]]) -> None:
        """Change the rows."""
        if not rows:
            return
        at = min(int(self.row * len(rows)), len(rows) - 1)
        row = rows[at]
        column = self.column % max(len(row), 1)
        if self.action == "cell":
            row[column : column + 1] = [self.value]
        elif self.action == "name":
            named = self.column % max(len(rows[0]), 1)
            rows[0][named : named + 1] = [self.value]
        elif self.action == "column":
            for each in rows[1:]:
                each[column : column + 1] = [self.value]
        elif self.action == "fewer":
            del row[column:]
        elif self.action == "more":
            row.append(self.value)
        elif self.action == "drop":
            del rows[at:]
        elif self.action == "double":
            rows.insert(at, list(row))
        else:
            rows.insert(at, [])


# Columns of 80 rows, of types that a table may have and x may not, or only just.
COLUMNS: dict[str, Callable[[], pa.Array]] = {
    "null": lambda: pa.nulls(ROWS),
    "nan": lambda: pa.array([float("nan")] * ROWS),
    "infinite": lambda: pa.array([float("inf")] * ROWS),
    "huge": lambda: pa.array([1e308, -1e308] * 40),
    "tiny": lambda: pa.array([5e-324, 0.0] * 40),
    "constant": lambda: pa.array([3] * ROWS),
    "bool": lambda: pa.array([True, False] * 40),
    "bool with holes": lambda: pa.array([True, None] * 40),
    "uint64": lambda: pa.array([2**64 - 1, 0] * 40, pa.uint64()),
    "half": lambda: pa.array(np.arange(ROWS, dtype=np.float16)),
    "decimal": lambda: pa.array([None, 1] * 40, pa.decimal128(38, 10)),
    "decimal256": lambda: pa.array([None, 10**40] * 40, pa.decimal256(70, 2)),
    "list": lambda: pa.array([[1.0], []] * 40),
    "struct": lambda: pa.array([{"a": 1}, None] * 40),
    "map": lambda: pa.array([[("a", 1)]] * ROWS, pa.map_(pa.string(), pa.int64())),
    "binary": lambda: pa.array([b"\xff\x00", b"a"] * 40),
    "text": lambda: pa.array(["a", ""] * 40),
    "large text": lambda: pa.array(["x" * 9000, "y"] * 40, pa.large_string()),
    "text of numbers": lambda: pa.array(["1", "2.5"] * 40),
    "odd text": lambda: pa.array([CELLS[i % len(CELLS)] for i in range(ROWS)]),
    "dictionary of numbers": lambda: pa.array([1, 2] * 40).dictionary_encode(),
    "dictionary with holes": lambda: pa.array(["a", None] * 40).dictionary_encode(),
    "date": lambda: pa.array([0, 2**31 - 1] * 40, pa.date32()),
    "date64": lambda: pa.array([0, 86_400_000] * 40, pa.date64()),
    "seconds": lambda: pa.array([-(2**53), 2**53] * 40, pa.timestamp("s")),  # no more can be kept as milliseconds
    "zone": lambda: pa.array([0, 2**40] * 40, pa.timestamp("us", "Europe/Berlin")),
    "duration": lambda: pa.array([0, 1] * 40, pa.duration("ns")),
    "time": lambda: pa.array([0, 1] * 40, pa.time64("ns")),
    "view": lambda: pa.array(["a", "long enough to be no inline view"] * 40, pa.string_view()),
}
NAMES = (
    "height",
    "weight",
    "age",
    "kind",
    "who",
    "",
    " ",
    "a.b",
    "é",
    "\0",
    "\x1b[31m",
    "x" * 3000,
    "__index_level_0__",
)


@dataclass(frozen=True)
class Typed:
    """One change of a table of types: a column is replaced, added, renamed or dropped, or rows are."""

    action: str
    column: int
    kind: str
    name: str

    def applied(self, table: pa.Table) -> pa.Table:
        """The changed table."""
        made, width = COLUMNS[self.kind](), table.num_columns
        column = self.column % max(width, 1)
        if self.action == "rows":
            return table.slice(0, self.column)
        if self.action == "drop" and width:
            return table.remove_column(column)
        if self.action == "rename" and width:
            return table.rename_columns([self.name if i == column else n for i, n in enumerate(table.column_names)])
        made = pa.concat_arrays([made])[: len(table)]
        if self.action == "add" or not width:
            return table.append_column(self.name, made)
        return table.set_column(column, table.column_names[column], made)


X = np.arange(12.0).reshape(4, 3)
# Arrays that may stand in an .npy, .npz or .h5, besides those of a sound one.
ARRAYS: dict[str, Callable[[], np.ndarray]] = {
    "objects": lambda: np.array([[None, "a"]], object),
    "records": lambda: np.zeros(4, [("a", "f4"), ("b", "i4")]),
    "complex": lambda: X * 1j,
    "dates": lambda: np.zeros((4, 3), "M8[s]"),
    "text": lambda: np.array([["a", "b"]]),
    "bytes": lambda: np.array([b"\xff", b"a"] * 20),
    "void": lambda: np.zeros((4, 3), "V8"),
    "bool": lambda: X > 4,
    "long double": lambda: X.astype(np.longdouble),
    "big-endian": lambda: X.astype(">f8"),
    "fortran": lambda: np.asfortranarray(X),
    "nan": lambda: np.full((4, 3), np.nan),
    "huge": lambda: np.full((4, 3), 1e308),
    "infinite": lambda: np.where(X > 6, np.inf, X),
    "uint64": lambda: np.full((4, 3), 2**64 - 1, np.uint64),
    "negative": lambda: -X,
    "scalar": lambda: np.array(3.0),
    "one": lambda: np.zeros((1, 64)),
    "flat": lambda: seeds.IMAGES.reshape(40, 64),
    "flat floats": lambda: seeds.IMAGES.reshape(40, 64) / 16.0,
    "channels": lambda: np.zeros((40, 8, 8, 3), np.uint8),
    "no rows": lambda: np.zeros((0, 8, 8)),
    "no columns": lambda: np.zeros((4, 0)),
    "five axes": lambda: np.zeros((2,) * 5),
    "vector": lambda: np.arange(40.0),
    "column": lambda: np.arange(40.0).reshape(40, 1),
    "one-hot": lambda: np.eye(40),
    "floats": lambda: np.linspace(0, 1, 40),
    "nans": lambda: np.where(np.arange(40) % 2, np.nan, 1.0),
}


@dataclass(frozen=True)
class Case:
    """A data file: its ending, what is changed within it, and of its bytes after that."""

    ending: str
    inner: tuple[Any, ...]
    outer: tuple[Edit, ...]

    def written(self, folder: Path) -> Path:
        """The file (or the folder of pictures) at `folder`."""
        if self.ending == "/":
            seeds.write_pictures(folder / "pictures")
            files = sorted(p for p in (folder / "pictures").rglob("*") if p.is_file())
            for i, change in enumerate((*self.inner, *self.outer)):
                files[i].write_bytes(change.applied(files[i].read_bytes()))
            return folder / "pictures"
        path = folder / f"x{self.ending}"
        path.write_bytes(edited(self._content(), self.outer))
        return path

    def _content(self) -> bytes:
        if not self.inner:
            return _seed(self.ending)
        if self.ending in (".csv", ".csv.gz", ".tsv"):
            return self._text()
        if self.ending in (".parquet", ".arrow"):
            table = functools.reduce(lambda found, change: change.applied(found), self.inner, seeds.table())
            return seeds.parquet(table) if self.ending == ".parquet" else seeds.arrow(table)
        if self.ending == "-idx3-ubyte.gz":
            return gzip.compress(edited(idx_bytes(seeds.IMAGES), self.inner), mtime=0)
        return self._arrays()

    def _text(self) -> bytes:
        rows = seeds.cells()
        for change in self.inner:
            change.applied(rows)
        mark = "\t" if self.ending == ".tsv" else ","
        data = "\n".join(mark.join(row) for row in rows).encode("utf-8", "surrogatepass") + b"\n"
        return gzip.compress(data, mtime=0) if self.ending == ".csv.gz" else data

    def _arrays(self) -> bytes:
        arrays = dict(seeds.npz())
        for key, kind in self.inner:
            arrays[key] = ARRAYS[kind]()
        if self.ending == ".npy":
            return npy_bytes(arrays[self.inner[-1][0]])
        if self.ending == ".h5":
            return seeds.h5_bytes({key: value for key, value in arrays.items() if value.dtype.kind not in "OMV"})
        return seeds.npz_bytes(arrays, packed=self.ending == ".npz")


@functools.cache
def _seed(ending: str) -> bytes:
    return seeds.SEEDS[ending]()


def _inner(ending: str) -> st.SearchStrategy[Any]:
    """A change of what the file holds."""
    if ending in (".csv", ".csv.gz", ".tsv"):
        actions = ["cell"] * 6 + ["name", "column", "column", "fewer", "more", "drop", "double", "blank"]
        return st.builds(Cells, pick(actions), SHARES, pick(range(6)), pick(CELLS))
    if ending in (".parquet", ".arrow"):
        actions = pick(["replace", "replace", "add", "rename", "drop", "rows"])
        return st.builds(Typed, actions, pick(range(7)), pick(list(COLUMNS)), pick(NAMES))
    if ending in (".npy", ".npz", ".stored.npz", ".h5"):
        keys = ["x", "x", "y", "ids", "x_test", "y_test", "x_train", "other"]
        return st.tuples(pick(keys), pick(list(ARRAYS)))
    return edits()


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A data file that is a little wrong, or only odd."""
    ending = draw(pick([*seeds.SEEDS, "/"]))
    packs = ending not in (".h5ad", ".sparse.h5ad", "-idx3-ubyte")
    inner = draw(st.lists(_inner(ending), max_size=3)) if packs else []
    outer = draw(st.lists(edits(), min_size=0 if inner else 1, max_size=0 if inner and draw(st.booleans()) else 3))
    return Case(ending, tuple(inner), tuple(outer))
