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
from aecli.data.sources.buffers import check_size, filled, no_keys

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
class Mapped:
    """A .npy whose rows are read from the disk as they are asked for.

    `array` [n, d] or [n, h, w, c] is the mapped file, for random access: read-only, in the file's byte order.
    """

    array: np.ndarray
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    fields: None = None
    columns: None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.array)

    def blocks(self, size: int) -> Iterator[Raw]:
        """Consecutive rows, copied into memory `size` at a time; the last block is shorter."""
        for start in range(0, self.rows, size):
            block = np.array(self.array[start : start + size], order="C")
            yield replace(raw_array(block, str(self.files[0]), files=self.files), first=start, notes=self.notes)


def scan(source: str, want: Want) -> Mapped:
    """The array of a .npy, mapped and not read. Raises UserError for all that `read` refuses."""
    path, place = Path(source), Place(source)
    no_keys(want, place, "a .npy holds one array (labels need an .npz or a .csv)")
    found, start = _opening(path)
    check_size(found.bytes, path.stat().st_size - start, "the header", place)
    arranged(np.empty((0, *found.shape[1:]) if found.shape else (), found.dtype), "x", place)
    order = "F" if found.fortran else "C"
    if found.bytes:
        array = np.memmap(path, found.dtype, "r", start, found.shape, order)
    else:
        array = np.empty(found.shape, found.dtype)  # nothing is there to be mapped
    slow = "its values stand column by column (Fortran order): rows are read slowly; np.ascontiguousarray mends it"
    notes = (slow,) if found.fortran and len(found.shape) > 1 else ()
    return Mapped(array[..., None] if array.ndim == 3 else array, (path,), notes)


def floats(source: str, want: Want) -> int:
    """How many numbers the rows are, by the header alone."""
    return prod(_opening(Path(source))[0].shape)


def _opening(path: Path) -> tuple[Header, int]:
    """The header of a file that is mapped, and where its data begin."""
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
    if any(not 0 <= n < 2**62 for n in shape):
        raise UserError(Problem(f"{name} announces the shape {list(shape)}", place, "the file is damaged"))
    return Header(shape, fortran, dtype)


def body(stream: IO[bytes], found: Header, name: str, place: Place) -> np.ndarray:
    """The array after its header; the size must have been checked."""
    data = filled(stream, found.bytes, name, place).view(found.dtype)
    return data.reshape(found.shape, order="F" if found.fortran else "C")


def _pickled(stream: IO[bytes]) -> bool:
    stream.seek(0)
    return stream.read(1) == b"\x80"
