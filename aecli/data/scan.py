"""A source row by row: what it holds, and its rows in blocks, without all of them in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from aecli.data.paths import path_of, read_errors
from aecli.data.raw import Field, Raw, Want
from aecli.data.sources import NAMED, images, npy, read
from aecli.data.sources.limits import check_options
from aecli.data.tables import scan as tables

FLOAT = 4
SCANNED: dict[str, Any] = {".npy": npy} | dict.fromkeys(tables.ENDINGS, tables)


class Scan(Protocol):
    """What a source holds: exactly `rows` rows; `fields` of a table; the `files` it is made of."""

    @property
    def rows(self) -> int:
        """How many there are."""
        ...

    @property
    def fields(self) -> tuple[Field, ...] | None:
        """A table's columns."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """What it is made of."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader decided that its user should know."""
        ...

    def blocks(self, size: int) -> Iterator[Raw]:
        """Consecutive blocks of `size` rows, the last one shorter; the same rows whatever the size."""
        ...


@dataclass(frozen=True)
class Whole:
    """The scan of rows that have been read whole."""

    raw: Raw

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.raw.x)

    @property
    def fields(self) -> tuple[Field, ...] | None:
        """A table's columns."""
        return self.raw.fields

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were read."""
        return self.raw.files

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader decided."""
        return self.raw.notes

    def blocks(self, size: int) -> Iterator[Raw]:
        """Slices of the rows."""
        for start in range(0, max(self.rows, 1), size):
            yield part(self.raw, start, start + size)


def part(raw: Raw, start: int, stop: int) -> Raw:
    """The rows from `start` up to (not with) `stop`."""
    at = slice(start, stop)
    return replace(
        raw, x=raw.x[at], labels=None if raw.labels is None else raw.labels[at],
        ids=None if raw.ids is None else raw.ids[at], first=raw.first + start,
        first_line=None if raw.first_line is None else raw.first_line + start,
        carried={name: values[at] for name, values in raw.carried.items()}, given_test=None,
    )  # fmt: skip


def scan(source: str, want: Want) -> Scan:
    """The scan of a source; of a kind that can only be read whole, of all its rows. Errors as of `read`."""
    path, module = path_of(source), _streaming(source)
    if module is None:
        return Whole(read(source, want))
    check_options(source, want, synthetic=False, pictures=path.is_dir())
    with read_errors(path):
        return module.scan(str(path), want)


def streams(source: str) -> bool:
    """Whether the rows of a source can be had in blocks; the others are read whole."""
    return _streaming(source) is not None


def blocks_of(source: str, want: Want, size: int) -> Iterator[Raw]:
    """The rows of a source in blocks."""
    with read_errors(Path(source)):
        yield from scan(source, want).blocks(size)


def size_of(source: str, want: Want) -> int | None:
    """Bytes of the rows as float32, nearly; None where that cannot be told, or is wrong, before reading."""
    path, module = path_of(source), _streaming(source)
    if module is None:
        return None
    with read_errors(path):
        return module.floats(str(path), want) * FLOAT


def _streaming(source: str) -> Any:
    """The module that scans this source, or None: it has `scan` and `floats` (how many numbers there are, nearly)."""
    path = path_of(source)
    if source in NAMED or not path.exists():
        return None
    if path.is_dir():
        return images if images.is_pictures(path) else None
    return next((module for ending, module in SCANNED.items() if path.name.lower().endswith(ending)), None)
