"""CIFAR-10 in its binary version: records of one label byte and 3072 pixel bytes, read from the archive itself.

A record's pixels are 1024 red, 1024 green and 1024 blue ones, each plane 32 x 32 by rows. Source:
https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.data.raw import Raw, Rows, Want, raw_array
from aecli.data.sources import download
from aecli.data.sources.buffers import CHUNK, DAMAGED, decoding, filled, no_keys

ARCHIVE, UNPACKED = "cifar-10-binary.tar.gz", "cifar-10-batches-bin"
TRAIN, TEST = tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"
RECORD, MOST, CLASSES = 1 + 3 * 32 * 32, 10_000, 10  # bytes of a record, records of a file, labels
GET = f"put {ARCHIVE} (https://www.cs.toronto.edu/~kriz/cifar.html), or its .bin files, into ./.data/cifar10"


def read(source: str, want: Want) -> Raw:
    """The first copy found, else a fetched one: 50000 x 32 x 32 x 3 uint8, and 10000 given to test on."""
    no_keys(want, Place(source), "the labels of CIFAR-10 come with it")
    places = download.searched(source)
    for folder in places:
        if (folder / ARCHIVE).is_file():
            return _raw(folder / ARCHIVE)
        for inside in (folder, folder / UNPACKED):
            if (inside / TRAIN[0]).is_file():
                return _raw(inside)
    folder, notes = download.fetched(source, places, GET)
    return replace(_raw(folder / ARCHIVE), notes=notes)


def _raw(path: Path) -> Raw:
    """The set from its archive, or from the folder with its files."""
    place = Place(str(path))
    with decoding(place):
        parts = dict(_unpacked(path) if path.is_dir() else _members(path))
    missing = [name for name in (*TRAIN, TEST) if name not in parts]
    if missing:
        raise UserError(Problem(f"{', '.join(missing)} is not there", place, DAMAGED))
    x = np.concatenate([parts[name].x for name in TRAIN])
    labels = np.concatenate([cast("np.ndarray", parts[name].labels) for name in TRAIN])
    files = tuple(path / name for name in (*TRAIN, TEST)) if path.is_dir() else (path,)
    return raw_array(x, str(path), labels=labels, given_test=parts[TEST], files=files)


def _unpacked(folder: Path) -> Iterator[tuple[str, Rows]]:
    for name in (*TRAIN, TEST):
        path = folder / name
        if path.is_file():
            with path.open("rb") as stream:
                yield name, _rows(stream, path.stat().st_size, Place(str(path)))


def _members(path: Path) -> Iterator[tuple[str, Rows]]:
    """The archive's files in one pass, to the end, where gzip's checksum is; nothing is written to disk."""
    try:
        with gzip.open(path) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as archive:
            for member in archive:
                name = Path(member.name).name
                stream = archive.extractfile(member) if member.isfile() and name in (*TRAIN, TEST) else None
                if stream is not None:
                    yield name, _rows(stream, member.size, Place(f"{path}/{name}"))
            while unpacked.read(CHUNK):
                pass
    except (tarfile.TarError, gzip.BadGzipFile) as error:
        raise UserError(Problem(f"cannot be unpacked: {error}", Place(str(path)), DAMAGED)) from error


def _rows(stream: IO[bytes], size: int, place: Place) -> Rows:
    """The records of one file, its size checked before anything is allocated."""
    if size % RECORD or not 0 < size <= MOST * RECORD:
        text = f"its {size:,} bytes are not 1 to {MOST:,} records of {RECORD:,}"
        raise UserError(Problem(text, place, DAMAGED))
    records = filled(stream, size, "the archive", place).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= CLASSES:
        raise UserError(Problem(f"holds the label {labels.max()}, but they go from 0 to 9", place, DAMAGED))
    return Rows(np.ascontiguousarray(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), labels)
