"""Text files, plain or gzipped: their rows, and where each stands. Nothing is ever inflated without end."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from aecli.config.problems import Place, Problem, UserError
from aecli.data.sources.buffers import DAMAGED, check_ratio, decoding

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LONGEST_LINE = 2**24  # characters
MOST_COLUMNS = 2**17
CHUNK = 2**20
UTF8 = "save it as UTF-8 text"

csv.field_size_limit(LONGEST_LINE)


class Inflated(io.RawIOBase):
    """The bytes of a gzipped file; a UserError once they are too many to be believed, or are damaged."""

    def __init__(self, path: Path):
        self.place, self.packed, self.size = Place(str(path)), path.stat().st_size, 0
        self.file = gzip.GzipFile(path)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer as far as the next bytes reach."""
        try:
            with decoding(self.place):
                count = self.file.readinto(cast("bytearray", buffer))
        except gzip.BadGzipFile as error:
            raise UserError(Problem(f"cannot be unpacked: {error}", self.place, DAMAGED)) from error
        self.size += count
        check_ratio(self.size, self.packed, "the file", self.place)
        return count

    def close(self) -> None:
        """Close the file, too."""
        self.file.close()
        super().close()


@dataclass
class Tally:
    """What passed by while a file was read."""

    lines: int = 0
    quotes: int = 0
    last: bytes = b"\n"

    def add(self, piece: bytes) -> None:
        """Count."""
        self.lines += piece.count(b"\n")
        self.quotes += piece.count(b'"')
        self.last = piece[-1:] or self.last

    @property
    def all_lines(self) -> int:
        """How many lines there are, the last of which need not be ended."""
        return self.lines + (self.last != b"\n")


class _Tallied(io.RawIOBase):
    """A file whose bytes are counted as they are read."""

    def __init__(self, raw: io.RawIOBase, tally: Tally):
        self.raw, self.tally = raw, tally

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        count = self.raw.readinto(buffer)
        self.tally.add(bytes(memoryview(buffer)[: count or 0]))
        return count


@contextmanager
def opened(path: Path, tally: Tally | None = None) -> Iterator[IO[bytes]]:
    """The bytes of a text file, unpacked if its name ends in .gz."""
    with ExitStack() as stack:
        raw: Any = stack.enter_context(Inflated(path) if is_packed(path) else path.open("rb", buffering=0))
        if tally is not None:
            raw = stack.enter_context(_Tallied(raw, tally))
        yield cast("IO[bytes]", stack.enter_context(io.BufferedReader(raw, CHUNK)))


def is_packed(path: Path) -> bool:
    """Whether it is gzipped, by its name."""
    return path.suffix.lower() == ".gz"


def rows(path: Path, delimiter: str, tally: Tally | None = None) -> Iterator[tuple[int, list[str]]]:
    """The line each row starts at, and its cells, not stripped; blank lines are no rows.

    Raises UserError where the file is no UTF-8 text, or a line never ends.
    """
    line = 1
    with opened(path, tally) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        reader = csv.reader(_limited(text, path), delimiter=delimiter)
        try:
            for row in reader:
                if len(row) > MOST_COLUMNS:
                    message = f"a row of {len(row):,} cells: at most {MOST_COLUMNS:,} columns are read"
                    raise UserError(Problem(message, Place(str(path), line), "turn the table, or save it as .npy"))
                if row:
                    yield line, row
                line = reader.line_num + 1
        except UnicodeDecodeError as error:
            place = Place(str(path), _undecodable(path))
            raise UserError(_not_text(str(error), place, _encoding(path))) from error
        except csv.Error as error:
            raise UserError(_not_text(str(error), Place(str(path), line))) from error
        finally:
            text.detach()


def _not_text(why: str, place: Place, hint: str = UTF8) -> Problem:
    return Problem(f"is no table of comma-separated text: {why}", place, hint)


def _encoding(path: Path) -> str:
    """How to turn the file into UTF-8, by the encoding that it looks to be of."""
    with opened(path) as stream:
        wide = stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    found = "UTF-16" if wide else "WINDOWS-1252"
    looks = "it is UTF-16" if wide else "it may be Windows-1252, as spreadsheets write where not told otherwise"
    return f"{UTF8}: {looks} (iconv -f {found} -t UTF-8 OLD > NEW)"


def _limited(text: io.TextIOWrapper, path: Path) -> Iterator[str]:
    number = 1
    while line := text.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            message = f"a line of more than {LONGEST_LINE:,} characters"
            raise UserError(Problem(message, Place(str(path), number), "is it a table of text, one row a line?"))
        yield line
        number += 1


def head(path: Path, count: int) -> list[str]:
    """The first `count` lines, as far as they are text; blank lines are none."""
    found: list[str] = []
    with opened(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
        for line in _limited(text, path):
            if line.strip("\r\n"):
                found.append(line)
            if len(found) == count:
                break
        text.detach()
    return found


def _undecodable(path: Path) -> int | None:
    """The number of the first line that is no UTF-8."""
    with opened(path) as stream:
        number = 1
        while line := stream.readline(LONGEST_LINE):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
            number += line.endswith(b"\n")
    return None


def open_quote(path: Path, delimiter: str) -> int | None:
    """The line of the last row, where it ends within quotes that were never closed."""
    start = 1
    for line, _ in rows(path, delimiter):
        start = line
    with opened(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        last = csv.reader(islice(_limited(text, path), start - 1, None), delimiter=delimiter, strict=True)
        try:
            deque(last, 0)
        except csv.Error as error:
            return start if "unexpected end" in str(error) else None
        finally:
            text.detach()
    return None


def tallied(path: Path) -> Tally:
    """What there is to count in the file."""
    tally = Tally()
    with opened(path, tally) as stream:
        while stream.read(CHUNK):
            pass
    return tally


def check_packed(path: Path) -> None:
    """Read a gzipped file to its end: raises UserError where it is damaged, or a decompression bomb."""
    if is_packed(path):
        tallied(path)
