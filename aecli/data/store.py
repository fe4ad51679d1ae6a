"""Rows on disk that are sliced and indexed like an array: what is larger than memory is never in it."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float32, Shaped

HELD = 256 * 2**20  # bytes of a file that stay mapped
AROUND = 2**16  # bytes that the system maps around each byte that is touched


class Stored:
    """Rows [n, *shape] in a file of raw values, read as float32.

    `values` is the float32 of each byte, where the file holds bytes. Pages are given back to the system as reading
    goes on: the file may stay in its cache, but it does not count as this process's memory.
    """

    ndim = property(lambda self: len(self.shape))
    dtype = np.dtype(np.float32)

    def __init__(
        self, path: Path, rows: int, shape: tuple[int, ...], values: Float32[np.ndarray, " 256"] | None = None
    ):
        self.path, self.shape, self.values = path, (rows, *shape), values
        self._type = np.dtype(np.uint8) if values is not None else np.dtype("<f4")
        self._touched = 0

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
            part = self._view[rows]
            found = np.array(part) if self.values is None else self.values[part]
            self._release(found.size * self._type.itemsize)
        else:
            found = self._gathered(np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows))
        return found

    def _gathered(self, index: Shaped[np.ndarray, " k"]) -> Float32[np.ndarray, " k *shape"]:
        """Rows in any order, a part at a time: each touches pages of its own, and more than it needs."""
        found = np.empty((len(index), *self.shape[1:]), np.float32)
        each = max(self.nbytes // max(len(self), 1), AROUND)
        step = max(1, HELD // (4 * each))
        for start in range(0, len(index), step):
            part = self._view.take(index[start : start + step], axis=0)
            found[start : start + step] = part if self.values is None else self.values[part]
            self._release(len(part) * each)
        return found

    @cached_property
    def _mapped(self) -> mmap.mmap:
        with self.path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if hasattr(mmap, "MADV_NOHUGEPAGE"):
            mapped.madvise(mmap.MADV_NOHUGEPAGE)  # else each row may map two megabytes of a file just written
        return mapped

    @cached_property
    def _view(self) -> np.ndarray:
        if not prod(self.shape):
            return np.zeros(self.shape, self._type)
        return np.frombuffer(self._mapped, self._type).reshape(self.shape)

    def _release(self, count: int) -> None:
        self._touched += count
        if self._touched > HELD and self.nbytes > HELD:
            self._mapped.madvise(mmap.MADV_DONTNEED)
            self._touched = 0


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
