"""IDX files (LeCun's MNIST format), plain or gzipped: a folder of four, or one alone.

Header: two zero bytes, a type byte, the number of dimensions, then each dimension as a big-endian uint32;
data follow in C order, big-endian. Source: http://yann.lecun.com/exdb/mnist/
"""

from __future__ import annotations

import gzip
from math import prod
from pathlib import Path
from typing import IO, cast

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.data.labels import as_labels
from aecli.data.raw import Raw, Rows, Want, raw_array
from aecli.data.sources.buffers import DAMAGED, DEFLATE, check_shape, check_size, decoding, filled, inflated, no_keys

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
WHY = "an IDX file holds one array, and its labels are the file beside it"


def read(source: str, want: Want) -> Raw:
    """A folder with train-images and, if there, train-labels, t10k-images and t10k-labels; or one file."""
    path = Path(source)
    no_keys(want, Place(source), WHY)
    return _folder(path) if path.is_dir() else _file(path)


def find(folder: Path, stem: str, ndim: int) -> Path | None:
    """The file of a stem: train-images-idx3-ubyte or train-images.idx3-ubyte, each also with .gz.

    Raises UserError for a link out of the folder.
    """
    names = [f"{stem}{dot}idx{ndim}-ubyte{gz}" for dot in "-." for gz in ("", ".gz")]
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is not None and not found.resolve().is_relative_to(folder.resolve()):
        text = f"{found.name} is a link that leads out of the folder"
        raise UserError(Problem(text, Place(str(folder)), "put the file itself there"))
    return found


def array(path: Path) -> np.ndarray:
    """One IDX file's array. Raises UserError where header and size disagree, before anything is allocated."""
    place, size = Place(str(path)), path.stat().st_size
    packed = path.suffix == ".gz"
    with decoding(place), cast("IO[bytes]", gzip.open(path) if packed else path.open("rb")) as stream:
        shape, dtype = _header(stream.read(4), stream.read, place)
        check_shape(shape, "the header", place)
        count, begun = prod(shape) * dtype.itemsize, stream.tell()
        if packed:
            data = _unpacked(path, begun, count, place)
        else:
            check_size(count, size - begun, "the header", place)
            data = filled(stream, count, "the header", place)
    return data.view(dtype).reshape(shape)


def _unpacked(path: Path, begun: int, count: int, place: Place) -> np.ndarray:
    """The `count` bytes behind a gzipped file's header."""
    packed = path.read_bytes()
    if count > DEFLATE * len(packed):
        message = f"the header announces {count:,} bytes, more than a file of {len(packed):,} can hold"
        raise UserError(Problem(message, place, DAMAGED))
    data = np.frombuffer(inflated(packed, begun + count + 1), np.uint8)[begun:]
    if len(data) > count:
        raise UserError(Problem(f"more than the {count:,} bytes that the header announces", place, DAMAGED))
    check_size(count, len(data), "the header", place)
    return data.copy()


def _header(magic: bytes, more, place: Place) -> tuple[tuple[int, ...], np.dtype]:
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or magic[3] == 0:
        raise UserError(Problem(f"is no IDX file: it starts with {magic!r}", place, "see data.source"))
    sizes = more(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise UserError(Problem("ends within its header", place, DAMAGED))
    return tuple(int(n) for n in np.frombuffer(sizes, ">u4")), np.dtype(TYPES[magic[2]])


def _folder(folder: Path) -> Raw:
    images = find(folder, "train-images", 3)
    if images is None:
        hint = "a folder is read where it holds train-images-idx3-ubyte (or .gz), and the like"
        raise UserError(Problem(f"the folder '{folder}' holds no train-images-idx3-ubyte", None, hint))
    files = [images]

    def rows(stem: str) -> Rows | None:
        path, beside = find(folder, f"{stem}-images", 3), find(folder, f"{stem}-labels", 1)
        if path is None:
            return None
        files.extend(p for p in (path, beside) if p and p not in files)
        return Rows(array(path), _labels(beside))

    train, test = rows("train"), rows("t10k")
    assert train is not None
    return raw_array(train.x, str(folder), labels=train.labels, given_test=test, files=tuple(files))


def _file(path: Path) -> Raw:
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    # Where it is a link, it must lead beside the file that was named: nobody named what lies elsewhere.
    near = beside.resolve().parent in (path.parent.resolve(), path.resolve().parent)
    found = beside if beside != path and beside.is_file() and near else None
    files = (path, found) if found else (path,)
    return raw_array(array(path), str(path), labels=_labels(found), files=files)


def _labels(path: Path | None) -> np.ndarray | None:
    return None if path is None else as_labels(array(path), path.name, Place(str(path)))
