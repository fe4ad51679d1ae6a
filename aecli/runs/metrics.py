"""metrics.jsonl: one line a record, nothing that depends on the clock: equal runs write equal bytes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from aecli.config.problems import DamagedError, Place, Problem, UserError
from aecli.runs.files import cannot, parse_json, to_json
from aecli.runs.plain import open_plain, read_plain

LONGEST = 2**31  # bytes of a log that is read
_HINT = "put the file back as it was, or train anew: training.initialize_from takes this run's parameters"
_LARGE = 1e300  # no measure is larger


class Metrics:
    """The records of a run: `{"step": 470, "epoch": 1, "split": "validation", "values": {"loss": 12.3}}`.

    Every append is flushed (a kill of the process loses none); `sync` waits for the disk, and belongs before
    the commit of a checkpoint, which remembers `length` and `digest`. `truncate` cuts off what is later than one.
    """

    def __init__(self, path: Path):
        self.path = path
        self._file: IO[bytes] | None = None
        self._whole = 0  # bytes of whole records, while the file is open
        self._hash = hashlib.sha256()  # of these bytes

    def __enter__(self) -> Metrics:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        """Closed; after an error, what fails then is no news."""
        try:
            self.close()
        except UserError:
            if error is None:
                raise

    def append(self, record: dict[str, Any]) -> None:
        """Write one record; non-finite floats become null, numpy and jax scalars are taken as numbers."""
        line = to_json(record, indent=None).encode()
        try:
            file = self._open()
            file.write(line)
            file.flush()
        except OSError as error:
            raise cannot("write", self.path, error) from error
        self._whole += len(line)
        self._hash.update(line)

    def read(self) -> list[dict[str, Any]]:
        """Every record, oldest first. A last line without its newline was cut by a crash and is none.

        DamagedError, with the line's number, where a whole line is not a record.
        """
        lines = self._content().split(b"\n")[:-1]
        return [parse_json(line, Place(str(self.path), number)) for number, line in enumerate(lines, 1)]

    def measured(self) -> list[dict[str, Any]]:
        """Every record of measured values, as training writes them; DamagedError, with its line, for any other."""
        records = self.read()
        wrong = next((number for number, record in enumerate(records, 1) if not _is_measured(record)), None)
        if wrong is not None:
            text = "damaged: this is no record of an epoch, a split and its values"
            raise DamagedError(Problem(text, Place(str(self.path), wrong)))
        return records

    def length(self) -> int:
        """The bytes of all whole records: what a checkpoint remembers."""
        return self._whole if self._file else len(self._records())

    def digest(self) -> str:
        """The SHA-256 of all whole records."""
        return (self._hash if self._file else hashlib.sha256(self._records())).hexdigest()

    def verify(self, length: int, digest: str = "") -> None:
        """DamagedError where no record ends after `length` bytes, or these are not those of the digest (if known)."""
        self._verified(length, digest)

    def truncate(self, length: int, digest: str = "") -> None:
        """Forget all records after the first `length` bytes; DamagedError where `verify` raises it."""
        content = self._verified(length, digest)
        if length < len(content):
            self.close()
            try:
                with open_plain(self.path, os.O_RDWR, "rb+") as file:
                    file.truncate(length)
            except OSError as error:
                raise cannot("write", self.path, error) from error

    def _verified(self, length: int, digest: str) -> bytes:
        """All that is in the file."""
        content = self._content()
        if length > len(content) or (length and content[length - 1 : length] != b"\n"):
            text = f"damaged: no record ends at byte {length}, where the checkpoint says one does"
            if not os.path.lexists(self.path):
                text = f"damaged: this file is missing, and the checkpoint was saved with {length} bytes of it"
            raise DamagedError(Problem(text, Place(str(self.path)), _HINT))
        if digest and hashlib.sha256(content[:length]).hexdigest() != digest:
            self.read()  # where a line is no record, it is named
            text = f"damaged: its first {length} bytes are not those that were there when the checkpoint was saved"
            raise DamagedError(Problem(text, Place(str(self.path)), _HINT))
        return content

    def sync(self) -> None:
        """Wait until all records are on the disk; another thread than the one that appends may ask for it.

        UserError where the file was removed or replaced: what is written to it is lost.
        """
        if file := self._file:
            try:
                os.fsync(file.fileno())
                there = self.path.exists() and os.path.samestat(os.fstat(file.fileno()), os.lstat(self.path))
            except OSError as error:
                raise cannot("write", self.path, error) from error
            if not there:
                text = f"{self.path} was removed or replaced while it was written"
                raise UserError(Problem(text, hint="put it back, and resume the run from its last checkpoint"))

    def close(self) -> None:
        """Close the file; the next append opens it again."""
        file, self._file = self._file, None
        if file:
            try:
                file.close()
            except OSError as error:
                raise cannot("write", self.path, error) from error

    def _content(self) -> bytes:
        """All that is in the file; nothing where there is none yet."""
        return read_plain(self.path, LONGEST) if os.path.lexists(self.path) else b""

    def _records(self) -> bytes:
        """All whole records."""
        content = self._content()
        return content[: content.rfind(b"\n") + 1]

    def _open(self) -> IO[bytes]:
        """The file, open at the end of its last whole record: a line that a crash cut goes first."""
        if self._file is None:
            records = self._records()
            self._whole, self._hash = len(records), hashlib.sha256(records)
            self._file = open_plain(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, "ab")
            self._file.truncate(self._whole)
        return self._file


def _is_measured(record: dict[str, Any]) -> bool:
    epoch, values = record.get("epoch"), record.get("values")
    if not isinstance(record.get("split"), str) or not isinstance(values, dict):
        return False
    numbers = all(value is None or (type(value) in (int, float) and abs(value) < _LARGE) for value in values.values())
    return numbers and type(epoch) is int and 0 <= epoch < 2**31
