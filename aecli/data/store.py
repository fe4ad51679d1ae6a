"""Rows on disk that are sliced and indexed like an array: what is larger than memory is never in it."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.config.problems import Problem, UserError

if TYPE_CHECKING:
    from jaxtyping import Float32, Shaped


def read_at(file: int, out: memoryview, offset: int) -> bool:
    """Fill `out` with the bytes of an open file from `offset` on; False where the file ends before."""
    done = 0
    while done < len(out):  # a call reads some of what is asked for, two gigabytes at most
        read = os.preadv(file, [out[done:]], offset + done)
        if not read:
            return False
        done += read
    return True


class Stored:
    """Rows [n, *shape] in a file of raw values, read as float32.

    `values` is the float32 of each byte, where the file holds bytes. Rows are read, not mapped: pages of a mapped file
    count as this process's memory, some forty kilobytes for each row touched, and take longer to come.
    """

    ndim = property(lambda self: len(self.shape))
    dtype = np.dtype(np.float32)

    def __init__(
        self, path: Path, rows: int, shape: tuple[int, ...], values: Float32[np.ndarray, " 256"] | None = None
    ):
        self.path, self.shape, self.values = path, (rows, *shape), values
        self._type = np.dtype(np.uint8) if values is not None else np.dtype("<f4")

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """The size of the file."""
        return prod(self.shape) * self._type.itemsize

    def __getitem__(self, rows: slice | Shaped[np.ndarray, " k"]) -> Float32[np.ndarray, " k *shape"]:
        if isinstance(rows, int | np.integer):
            return self[np.array([rows])][0]
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self._valued(self._read([start], max(stop - start, 0)))
            rows = np.arange(start, stop, step)
        index = np.asarray(rows)
        index = np.flatnonzero(index) if index.dtype == bool else index
        if len(index) and not (-len(self) <= index.min() and index.max() < len(self)):
            raise IndexError(f"rows {index.min()} to {index.max()} of {len(self)}")
        return self._valued(self._read(np.where(index < 0, index + len(self), index).tolist(), 1))

    def _read(self, starts: list[int], count: int) -> np.ndarray:
        """`count` rows from each start on, one after the other."""
        found = np.empty((len(starts) * count, *self.shape[1:]), self._type)
        own, size, file = found.reshape(-1).view(np.uint8).data, prod(self.shape[1:]) * self._type.itemsize, self._file
        each = count * size
        for i, start in enumerate(starts):
            if not read_at(file, own[i * each : (i + 1) * each], start * size):
                raise UserError(Problem(f"{self.path} is shorter than it was", None, "remove it: it is made again"))
        return found

    def _valued(self, content: np.ndarray) -> Float32[np.ndarray, " k *shape"]:
        return content if self.values is None else self.values[content]

    @cached_property
    def _file(self) -> int:
        """An open file's number, closed with this object."""
        number = os.open(self.path, os.O_RDONLY)
        weakref.finalize(self, os.close, number)
        return number


@dataclass(frozen=True)
class Through:
    """Stored rows as a function of each of them makes them."""

    rows: Stored
    function: Callable[[np.ndarray], np.ndarray]

    ndim = property(lambda self: self.rows.ndim)
    shape = property(lambda self: self.rows.shape)
    dtype = property(lambda self: self.rows.dtype)
    nbytes = property(lambda self: self.rows.nbytes)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice | Shaped[np.ndarray, " k"]) -> Float32[np.ndarray, " k *shape"]:
        return self.function(self.rows[rows])


@dataclass(frozen=True)
class Column:
    """One value a row, beside stored rows: read when it is asked for. `np.asarray` reads all of it."""

    table: Any
    name: str
    read: Callable[[Any], np.ndarray]

    def __len__(self) -> int:
        return self.table.num_rows

    @property
    def dtype(self) -> np.dtype:
        """The type of its values."""
        return self[:1].dtype

    def __getitem__(self, rows: slice | Shaped[np.ndarray, " k"]) -> Shaped[np.ndarray, " k"]:
        column = self.table.column(self.name)
        if isinstance(rows, int | np.integer):
            return self[np.array([rows])][0]
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            return self.read(column.slice(start, max(stop - start, 0)))[::step]
        index = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else rows
        return self.read(column.take(index))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)
