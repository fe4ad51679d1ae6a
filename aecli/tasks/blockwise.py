"""A result file written block by block of rows: the same bytes for any division, and whole or not at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from aecli.runs.files import cannot, writing_whole

if TYPE_CHECKING:
    from jaxtyping import Shaped


class Writer(ABC):
    """Takes rows in blocks of any size; what is in memory at one time does not grow with their number.

    `announced` is how many rows there will be, where that is known; `rows` is how many have come. The first
    block says which columns there are, of what type and shape.
    """

    def __init__(self, path: Path, rows: int | None = None):
        self.path = path
        self.announced = rows
        self.rows = 0
        self.dtypes: dict[str, np.dtype[Any]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}

    def append(self, columns: Mapping[str, Shaped[np.ndarray, " rows *dims"] | None]) -> None:
        """The next rows of every column; columns that are None are left out.

        TypeError for Python objects, ValueError for columns, types or shapes other than in the first block,
        and for columns of unequal length: mistakes of the caller. UserError where the system refuses to
        write, or where text is no Unicode.
        """
        block = {name: np.asarray(column) for name, column in columns.items() if column is not None}
        rows = self._checked(block)
        try:
            self.write(block)
        except OSError as error:
            raise cannot("write", self.path, error) from error
        self.rows += rows

    def end(self) -> None:
        """Finish the file: all rows have come. ValueError where they are not as many as announced, or nothing came."""
        if not self.dtypes:
            raise ValueError(f"no block was written to {self.path}: even a file without rows needs its columns")
        if self.announced not in (None, self.rows):
            raise ValueError(f"{self.announced} rows of {self.path} were announced, {self.rows} came")
        self.finish()

    def check(self, name: str, array: Shaped[np.ndarray, " rows *dims"]) -> None:  # noqa: B027 (most have no more to ask)
        """What else this kind of file asks of an array; raises as `append` does."""

    @abstractmethod
    def write(self, block: Mapping[str, np.ndarray]) -> None:
        """Write the rows of a checked block."""

    @abstractmethod
    def finish(self) -> None:
        """Write what belongs after the last row."""

    def release(self) -> None:  # noqa: B027 (most hold nothing)
        """Let go of what is held beside the file, after success and after a failure."""

    def _checked(self, block: dict[str, np.ndarray]) -> int:
        """The block's number of rows."""
        refuse_objects(block)
        if not self.dtypes:
            self.dtypes = {name: array.dtype for name, array in block.items()}
            self.shapes = {name: array.shape[1:] for name, array in block.items()}
        if list(block) != list(self.dtypes) or not block:
            raise ValueError(f"the columns of a block are {list(block)}, those of the first {list(self.dtypes)}")
        for name, array in block.items():
            first = self.dtypes[name]
            same = array.dtype == first or (array.dtype.kind, first.kind) == ("U", "U")
            if not array.ndim or not same or array.shape[1:] != self.shapes[name]:
                text = f"a block of {name} is {array.dtype}{list(array.shape)}, the first {first}"
                raise ValueError(f"{text}{['rows', *self.shapes[name]]}")
            self.check(name, array)
        lengths = {len(array) for array in block.values()}
        if len(lengths) > 1:
            raise ValueError(f"the columns of a block have different numbers of rows: {sorted(lengths)}")
        return lengths.pop()


class _AbandonedError(Exception):
    """The block of `writing` raised; its own error comes after the file aside is gone."""


@contextmanager
def writing(path: Path, make: Callable[[Path, IO[bytes]], Writer]) -> Iterator[Writer]:
    """The writer that `make(path, file)` makes: `path` gets the file when the block ends well, and stays as it was
    when it does not.

    An error raised within the block comes out as it is: whatever else went wrong there (a file that could
    not be read) is not told as if this file could not be written.
    """
    raised: BaseException | None = None
    with suppress(_AbandonedError), writing_whole(path) as aside, aside.open("wb") as file:
        writer = make(path, file)
        try:
            try:
                yield writer
            except BaseException as error:
                raised = error
                raise _AbandonedError from None
            writer.end()
        finally:
            writer.release()
    if raised is not None:
        raise raised


def refuse_objects(arrays: Mapping[str, Any]) -> None:
    """TypeError for arrays of Python objects: only pickle could write them."""
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise TypeError(f"{name} holds Python objects, which no output file may")
