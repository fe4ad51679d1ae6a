"""SHA-256 of a source's content."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from aecli.data.raw import Raw


def content_hash(raw: Raw) -> str:
    """SHA-256 of the one file, of the `sha256sum` lines of several, or of the arrays of a bundled set."""
    if raw.files:
        return files_hash(raw.files)
    parts = [raw.x, *([raw.labels] if raw.labels is not None else [])]
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def files_hash(files: tuple[Path, ...]) -> str:
    """SHA-256 of one file, or of the `sha256sum` lines of several, which are named within their common folder."""
    if len(files) == 1:
        return _file_hash(files[0])
    folder = common_folder(files)
    lines = sorted(f"{_file_hash(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def common_folder(files: tuple[Path, ...]) -> Path:
    """The deepest folder that holds all of them."""
    folder = files[0].parent
    while not all(path.is_relative_to(folder) for path in files):
        folder = folder.parent
    return folder


def _file_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
