"""NumPy's .npy: one array, its header checked against the file's size first. Pickles are never read."""

from __future__ import annotations

import tokenize
import warnings
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from aecli.config.problems import Place, Problem, UserError
from aecli.data.raw import Raw, Want, raw_array, type_name
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
