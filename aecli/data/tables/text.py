"""Batches of a text table: by pyarrow where it can, row by row only where something is wrong."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv as arrow

from aecli.config.problems import Place, Problem, UserError
from aecli.data.faults import SHOWN
from aecli.data.raw import Want
from aecli.data.tables import lines
from aecli.data.tables.arrays import Native
from aecli.data.tables.cells import HOLES, SOFT_HOLES, number
from aecli.data.tables.evidence import DECIMAL_COMMA
from aecli.data.tables.habits import mark_of
from aecli.data.tables.header import LINES, MARKS, NAMES, ROWS, check_first, delimiter_of, is_header, void_columns
from aecli.data.tables.roles import Roles, roles_of
from aecli.data.tables.styles import reader, styles

BLOCK = 2**22  # bytes parsed at a time: a longer line is read the careful way
CAREFUL = 2**16  # cells at a time
VOID = f"column {{column}} (from 0) is left out: it has no name, and no cell in the first {ROWS:,} rows"


class TextTable:
    """A .csv or .tsv, plain or gzipped.

    `batches` reads in one of three ways, and `retry` goes on to the next: columns that look like numbers as
    such; every column as text; row by row, which also finds every row of another width.
    """

    rows: int | None = None
    untyped = True

    def __init__(self, path: Path, want: Want, hold: bool = False):
        self.path, self.place, self.hold = path, Place(str(path)), hold
        self.header, self.notes = False, []
        self.delimiter = self._delimiter()
        self.comma = self.delimiter != ","
        self.sample = [row for _, row in islice(lines.rows(path, self.delimiter), ROWS + 1)]
        if not self.sample:
            raise UserError(Problem("the file holds no rows: only blank lines", self.place))
        self.width = len(self.sample[0])
        self.header, note = is_header(self.sample, want)
        self.notes += [note] if note else []
        names = [name.strip() for name in self.sample[0]] if self.header else None
        void = void_columns(self.sample) if self.header else frozenset[int]()
        self.notes += [VOID.format(column=i) for i in sorted(void)]
        self.roles = roles_of(names, self.width, want, self.place, line=1, void=void)
        self.typed, self.sure = self._typed(self.roles)
        self.way = 0 if self.typed else 1
        self.pointed = bool(self.typed and self.sure)
        self._held: Any = None
        self.tally: lines.Tally | None = None  # of the file as it was read last
        self.ragged: list[Problem] = []
        self.ragged_count = 0

    def _delimiter(self) -> str:
        if ".tsv" in [ending.lower() for ending in self.path.suffixes[-2:]]:
            return "\t"
        first = lines.head(self.path, LINES)
        check_first(first, self.place)
        found = delimiter_of(first)
        if found != ",":
            self.notes.append(f"the cells are parted by {NAMES[found]}")
        return found

    def _typed(self, roles: Roles) -> tuple[frozenset[int], frozenset[int]]:
        """The features that are plain numbers as far as the sample goes, and those of which a decimal point says so.

        None where commas are decimal in the sample of any, and none that may be of points that part thousands.
        """
        found, sure = set(), set()
        for i in roles.features:
            cells = [row[i].strip() for row in self.sample[self.header :] if len(row) == self.width]
            asked, styled = roles.kinds.get(i), roles.formats.get(i)
            if styled:
                continue  # a plain number may be another one in that style: 1.234 is 1234 where commas are decimal
            points, commas = (False, False) if roles.of_run or not self.comma else _marks(cells)
            if commas:
                return frozenset(), frozenset()
            if asked == "numeric" or (asked is None and _numeric(cells)):
                decimal = points and any(reader(DECIMAL_COMMA)(cell) is None for cell in cells)
                found |= {i} if decimal or not points else set()
                sure |= {i} if decimal or roles.of_run else set()
        return frozenset(found), frozenset(sure)

    def doubtful(self, column: int) -> bool:
        """Whether a point in a column that is read as numbers at once may be another thing than a decimal point."""
        return self.way == 0 and self.comma and column not in self.sure

    def native(self, column: int) -> Native:
        """What `batches` yields a column as."""
        return "numeric" if self.way == 0 and column in self.typed else "text"

    def type_name(self, column: int) -> str:
        """Every column is of text."""
        return "text"

    def guess(self) -> int:
        """The number of rows, nearly, as the first megabyte has it."""
        with lines.opened(self.path) as stream:
            piece = stream.read(lines.CHUNK)
        size, there = self.path.stat().st_size, max(1, piece.count(b"\n")) - self.header
        if not lines.is_packed(self.path):
            return round(there * max(1.0, size / len(piece)))
        packed = len(gzip.compress(piece, 6))
        return round(there * max(1.0, size / packed))

    def retry(self) -> bool:
        """Read the next, more careful way; False where there is none."""
        self.way, self._held, self.pointed = self.way + 1, None, False
        return self.way < 3

    def batches(self, columns: Sequence[int]) -> Iterator[list[Any]]:
        """These columns as Arrow arrays of equal length, a few rows at a time, in file order.

        Raises ArrowInvalid where the way taken cannot read the file, UserError for what none could.
        """
        if self.way == 2:
            yield from self._carefully(columns)
        elif self.hold:
            self._held = self._whole() if self._held is None else self._held
            for batch in self._held.select([f"f{i}" for i in columns]).to_batches():
                yield batch.columns
        else:
            yield from self._streamed(columns)

    def _counting(self) -> lines.Tally:
        self.tally = tally = lines.Tally()
        return tally

    def _options(self, columns: Sequence[int]) -> dict[str, Any]:
        types = {f"f{i}": pa.float64() if self.native(i) == "numeric" else pa.string() for i in columns}
        return {
            "read_options": arrow.ReadOptions(
                autogenerate_column_names=True, skip_rows_after_names=int(self.header), block_size=BLOCK
            ),
            "parse_options": arrow.ParseOptions(newlines_in_values=True, delimiter=self.delimiter),
            "convert_options": arrow.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=[*HOLES, *SOFT_HOLES],
                strings_can_be_null=False,
            ),
        }  # fmt: skip

    def _whole(self) -> Any:
        lines.check_packed(self.path)
        if not lines.is_packed(self.path) and all(self.native(i) == "numeric" for i in self.roles.needed):
            self.tally = None  # an open quote would be no number
            return arrow.read_csv(self.path, **self._options(self.roles.needed))
        with lines.opened(self.path, self._counting()) as stream:
            return arrow.read_csv(stream, **self._options(self.roles.needed))

    def _streamed(self, columns: Sequence[int]) -> Iterator[list[Any]]:
        with (
            lines.opened(self.path, self._counting()) as stream,
            arrow.open_csv(stream, **self._options(columns)) as reader,
        ):
            for batch in reader:
                yield batch.columns

    def _carefully(self, columns: Sequence[int]) -> Iterator[list[Any]]:
        """All as text. A row of another width is taken down as a problem, and stands as one of empty cells."""
        self.ragged, self.ragged_count = [], 0
        found = islice(lines.rows(self.path, self.delimiter, self._counting()), int(self.header), None)
        empty, count = [""] * self.width, max(1, CAREFUL // self.width)
        number = 0
        while block := list(islice(found, count)):
            for k, (line, row) in enumerate(block):
                number += 1
                if len(row) != self.width:
                    self._take_down(number, line, len(row))
                    block[k] = (line, empty)
            yield [pa.array([row[i] for _, row in block], pa.string()) for i in columns]

    def _take_down(self, number: int, line: int, width: int) -> None:
        self.ragged_count += 1
        if len(self.ragged) < SHOWN:
            kind = "header" if self.header else "first row"
            hint = f"every row needs one cell a column: quote cells that contain {MARKS[self.delimiter]}"
            message = f"row {number} has {width} cells, the {kind} {self.width}"
            self.ragged.append(Problem(message, Place(str(self.path), line), hint))

    def first_line(self, rows: int) -> int | None:
        """The line of the first row of data, where every one of the `rows` rows has one line."""
        tally = self.tally or lines.tallied(self.path)
        return 1 + self.header if tally.all_lines == rows + self.header else None

    def check_end(self) -> None:
        """Raise UserError where a quote was opened and never closed: an odd number of them is a sign of it."""
        odd = self.tally is not None and self.tally.quotes % 2
        if odd and (line := lines.open_quote(self.path, self.delimiter)) is not None:
            message = "a quote is opened in this row, and never closed: all that follows is in one cell"
            raise UserError(Problem(message, Place(str(self.path), line), 'close it, or write a quote itself as ""'))

    def lines_of(self, rows: set[int], count: int) -> dict[int, int]:
        """The lines at which these rows (from 0), of `count`, start."""
        first = self.first_line(count) if rows else None
        if first is not None:
            return {row: first + row for row in rows}
        found = islice(lines.rows(self.path, self.delimiter), int(self.header), max(rows, default=-1) + 1 + self.header)
        return {row: line for row, (line, _) in enumerate(found) if row in rows}


def _marks(cells: list[str]) -> tuple[bool, bool]:
    """Whether points, and whether commas that can be decimal, stand in any of them."""
    commas = (styles(cell, comma=True) for cell in {*cells} if "," in cell)
    return any("." in cell for cell in cells), any(mark_of(style) == "," for found in commas for style in found)


def _numeric(cells: list[str]) -> bool:
    """Whether all are numbers or holes, and some number is among them."""
    return all(number(cell) is not None for cell in cells) and not {*cells} <= {*HOLES, *SOFT_HOLES}
