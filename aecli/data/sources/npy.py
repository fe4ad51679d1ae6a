"""NumPy's .npy: one array, its header checked against the file's size first. Pickles are never read."""

from __future__ import annotations

import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from aecli.config.problems import Place, Problem, UserError
from aecli.data.raw import Raw, Want, arranged, raw_array, type_name
from aecli.data.sources.buffers import check_shape, check_size, filled, no_keys
from aecli.data.store import read_at

READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
BROKEN = (
    ValueError,
    EOFError,
    SyntaxError,
    TypeError,
    KeyError,
    RecursionError,
    MemoryError,
    tokenize.TokenError,
)


@dataclass(frozen=True)
class Header:
    """What a .npy announces."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype

    @property
    def bytes(self) -> int:
        """The size of the data."""
        return prod(self.shape) * self.dtype.itemsize


def read(source: str, want: Want) -> Raw:
    """The array of a .npy as rows."""
    path, place = Path(source), Place(source)
    no_keys(want, place, "a .npy holds one array (labels need an .npz or a .csv)")
    with path.open("rb") as stream:
        found = header(stream, "the file", place)
        check_size(found.bytes, path.stat().st_size - stream.tell(), "the header", place)
        return raw_array(body(stream, found, "the header", place), source, files=(path,))


@dataclass(frozen=True)
class OnDisk:
    """A .npy whose rows are read from the disk as they are asked for; its data begin at byte `start`.

    Read, not mapped: a mapped file that another process shortens meanwhile would end this one.
    """

    header: Header
    start: int
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    fields: None = None
    columns: None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.header.shape[0]

    def blocks(self, size: int) -> Iterator[Raw]:
        """Consecutive rows, `size` at a time; the last block is shorter. UserError where the file has become so."""
        with self.files[0].open("rb", buffering=0) as file:
            for first in range(0, self.rows, size):
                block = self._block(file.fileno(), first, min(size, self.rows - first))
                yield replace(raw_array(block, str(self.files[0]), files=self.files), first=first, notes=self.notes)

    def _block(self, file: int, first: int, count: int) -> np.ndarray:
        """Rows in C order. In Fortran order a file holds a row's first number for all rows, then its second."""
        shape, size = self.header.shape[1:], self.header.dtype.itemsize
        pieces, each = (prod(shape), count) if self.header.fortran else (1, count * prod(shape))
        apart = self.rows * size  # between the pieces
        skipped = first * size * (1 if self.header.fortran else prod(shape))
        found = np.empty(pieces * each, self.header.dtype)
        out = found.view(np.uint8).data
        for i in range(pieces):
            part = out[i * each * size : (i + 1) * each * size]
            if not read_at(file, part, self.start + skipped + i * apart):
                place = Place(str(self.files[0]))
                raise UserError(
                    Problem("the file became shorter while it was read", place, "run it again when it rests")
                )
        rows = found.reshape((count, *shape), order="F" if self.header.fortran else "C")
        return np.ascontiguousarray(rows)


def scan(source: str, want: Want) -> OnDisk:
    """The array of a .npy, of which the header alone is read. Raises UserError for all that `read` refuses."""
    path, place = Path(source), Place(source)
    no_keys(want, place, "a .npy holds one array (labels need an .npz or a .csv)")
    found, start = _opening(path)
    check_size(found.bytes, path.stat().st_size - start, "the header", place)
    arranged(np.empty((0, *found.shape[1:]) if found.shape else (), found.dtype), "x", place)
    slow = "its values stand column by column (Fortran order): rows are read slowly; np.ascontiguousarray mends it"
    notes = (slow,) if found.fortran and len(found.shape) > 1 else ()
    return OnDisk(found, start, (path,), notes)


def floats(source: str, want: Want) -> int:
    """How many numbers the rows are, by the header alone."""
    return prod(_opening(Path(source))[0].shape)


def _opening(path: Path) -> tuple[Header, int]:
    """The header of a file, and where its data begin."""
    place = Place(str(path))
    if path.stat().st_size == 0:
        raise UserError(Problem("the file is empty", place, "was it written to the end?"))
    with path.open("rb") as stream:
        return header(stream, "the file", place), stream.tell()


def header(stream: IO[bytes], name: str, place: Place) -> Header:
    """The header at the stream's position. Raises UserError where it is broken, or of a type not read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # files of Python 2 are read all the same
            shape, fortran, dtype = READERS[npy.read_magic(stream)](stream)
    except BROKEN as error:
        said = str(error.args[0]) if error.args else ""  # some errors carry a place within the header, too
        text = said.split("\n")[0].split(";")[0] or type(error).__name__
        hint = "pickles are never read: save the array by numpy.save" if _pickled(stream) else "save it by numpy.save"
        raise UserError(Problem(f"{name} is no .npy array: {text}", place, hint)) from error
    if dtype.kind not in "biufUS" or dtype.itemsize == 0:
        what = f"{type_name(dtype)}{' (a pickle)' if dtype.hasobject else ''}"
        hint = "pickles are never read: " if dtype.hasobject else ""
        raise UserError(
            Problem(f"{name} holds {what}, not real numbers", place, f"{hint}save it as numbers or as text")
        )
    check_shape(shape, name, place)
    return Header(shape, fortran, dtype)


def body(stream: IO[bytes], found: Header, name: str, place: Place) -> np.ndarray:
    """The array after its header; the size must have been checked."""
    data = filled(stream, found.bytes, name, place).view(found.dtype)
    return data.reshape(found.shape, order="F" if found.fortran else "C")


def _pickled(stream: IO[bytes]) -> bool:
    stream.seek(0)
    return stream.read(1) == b"\x80"
