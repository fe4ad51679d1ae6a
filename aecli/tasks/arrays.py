"""Writers of numpy's own files, row by row: .npy (one array) and .npz (several, by name)."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from aecli.tasks.blockwise import Writer

if TYPE_CHECKING:
    from jaxtyping import Shaped

_COPIED = 1 << 24  # bytes of an array in memory at one time, while it moves from its spool to the file


class NpyWriter(Writer):
    """One array: its header, then its rows as they come.

    The header has room for any number of rows (numpy pads it), so the true number is put there at the end.
    """

    def __init__(self, path: Path, file: IO[bytes], rows: int | None):
        super().__init__(path, rows)
        self.file = file

    def check(self, name: str, array: Shaped[np.ndarray, " rows *dims"]) -> None:
        """One array alone, and no text that is wider than in the first block."""
        if len(self.dtypes) != 1:
            raise ValueError(f"a .npy file holds one array, not {len(self.dtypes)}")
        if array.dtype.itemsize > self.dtypes[name].itemsize:
            raise ValueError(f"the text of {name} is wider than in the first block, which set its width")

    def write(self, block: Mapping[str, np.ndarray]) -> None:
        """The rows, in C order."""
        ((name, array),) = block.items()
        if not self.rows and not self.file.tell():
            self.file.write(header(array.dtype, (self.announced or 0, *array.shape[1:])))
        self.file.write(array.astype(self.dtypes[name], copy=False).tobytes())

    def finish(self) -> None:
        """Put the true number of rows into the header."""
        ((name, dtype),) = self.dtypes.items()
        self.file.seek(0)
        self.file.write(header(dtype, (self.rows, *self.shapes[name])))


class NpzWriter(Writer):
    """Several arrays by name: each kept in a nameless file beside until the end, then stored without
    compression.

    Text is as wide as the widest block of it. The dates in the archive are fixed: equal arrays, equal bytes.
    """

    def __init__(self, path: Path, file: IO[bytes], rows: int | None):
        super().__init__(path, rows)
        self.file = file
        self.opened = ExitStack()
        self.spools: dict[str, IO[bytes]] = {}
        self.pieces: dict[str, list[tuple[int, np.dtype[Any]]]] = {}

    def write(self, block: Mapping[str, np.ndarray]) -> None:
        """The rows, each array to the end of its spool."""
        for name, array in block.items():
            if name not in self.spools:
                # Without a name: whatever ends this process, nothing is left to be removed.
                spool = tempfile.TemporaryFile(dir=self.path.parent)  # noqa: SIM115 (`release` closes it)
                self.spools[name] = self.opened.enter_context(spool)
                self.pieces[name] = []
            self.spools[name].write(array.tobytes())
            last = self.pieces[name][-1:]
            if last and last[0][1] == array.dtype:
                self.pieces[name][-1] = (last[0][0] + len(array), array.dtype)
            else:
                self.pieces[name].append((len(array), array.dtype))

    def finish(self) -> None:
        """Move every array into the archive."""
        store(self.file, {name: self._member(name) for name in self.spools})

    def release(self) -> None:
        """Close the spools, which are gone then."""
        self.opened.close()

    def _member(self, name: str) -> Callable[[IO[bytes]], None]:
        widest = max((dtype for _, dtype in self.pieces[name]), key=lambda dtype: dtype.itemsize)
        tail = self.shapes[name]

        def write(member: IO[bytes]) -> None:
            member.write(header(widest, (self.rows, *tail)))
            spool = self.spools[name]
            spool.seek(0)
            for rows, dtype in self.pieces[name]:
                items = rows * int(np.prod(tail, dtype=np.int64))
                for start in range(0, items, most := max(1, _COPIED // widest.itemsize)):
                    part = spool.read(min(most, items - start) * dtype.itemsize)
                    member.write(np.frombuffer(part, dtype).astype(widest).tobytes())

        return write


def store(file: IO[bytes], members: Mapping[str, Callable[[IO[bytes]], None]]) -> None:
    """An .npz: each array, which its function writes, under its name; as numpy's savez does it."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, write in members.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:  # its date is 1980-01-01
                write(member)


def header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """The header of a .npy file in C order; its length does not depend on the number of rows."""
    from io import BytesIO

    found = BytesIO()
    fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(found, fields)
    return found.getvalue()
