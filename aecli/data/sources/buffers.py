"""Reading what a header announces, no more and no less, and only once the announcement is credible."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from lzma import LZMAError
from math import prod
from typing import IO
from zipfile import BadZipFile

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.data.raw import Want

DEFLATE = 1032  # no byte of a deflate stream yields more bytes than this
SUSPECT_RATIO, SUSPECT_BYTES = 1000, 2**30  # beyond both, compressed data are taken for a bomb
CHUNK = 2**24
DIMENSIONS, EMPTY = 32, 2**31  # of an array, and how large its other dimensions are, multiplied, where one is zero
DAMAGED = "the file is damaged or was not written to the end: make or fetch it again"


@contextmanager
def decoding(place: Place) -> Iterator[None]:
    """Turn what gzip and zip raise on damaged files into a UserError at `place`."""
    try:
        yield
    except (
        BadZipFile,
        EOFError,
        zlib.error,
        LZMAError,
        struct.error,
        NotImplementedError,
        RuntimeError,
    ) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(Problem(f"cannot be unpacked: {text}", place, DAMAGED)) from error


def inflated(packed: bytes, most: int) -> bytes:
    """What a gzip file holds, `most` bytes of it; a member in one call, which lets other threads run meanwhile."""
    parts = []
    while packed and most > 0:
        member = zlib.decompressobj(wbits=31)
        parts.append(member.decompress(packed, most))
        most -= len(parts[-1])
        if most > 0 and not member.eof:
            raise EOFError("Compressed file ended before the end-of-stream marker was reached")
        packed = member.unused_data.lstrip(b"\0")
    return b"".join(parts)


def filled(stream: IO[bytes], count: int, name: str, place: Place) -> np.ndarray:
    """The next `count` bytes of a stream as uint8, or a UserError that says how many there were."""
    out = np.empty(count, np.uint8)
    done = 0
    while done < count:
        piece = stream.read(min(CHUNK, count - done))
        if not piece:
            message = f"{name} announces {count:,} bytes of data, but {done:,} are there"
            raise UserError(Problem(message, place, DAMAGED))
        out[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
        done += len(piece)
    return out


def check_shape(shape: tuple[int, ...], name: str, place: Place) -> None:
    """Raise UserError for a shape that no array has: too many dimensions, or sizes beside a zero that are beyond all.

    Where none is zero, the number of bytes that are there says more.
    """
    if len(shape) > DIMENSIONS:
        raise UserError(Problem(f"{name} announces {len(shape)} dimensions", place, DAMAGED))
    sound = all(type(n) is int and 0 <= n < 2**62 for n in shape)
    if not sound or (0 in shape and prod(n for n in shape if n) > EMPTY):
        raise UserError(Problem(f"{name} announces the shape {list(shape)}", place, DAMAGED))


def check_size(announced: int, there: int, name: str, place: Place) -> None:
    """Raise UserError where a header announces another number of bytes than there are."""
    if announced != there:
        message = f"{name} announces {announced:,} bytes of data, but {there:,} are there"
        raise UserError(Problem(message, place, DAMAGED))


def check_ratio(size: int, packed: int, name: str, place: Place) -> None:
    """Raise UserError where `packed` compressed bytes claim to be a suspiciously large `size`."""
    ratio = size / max(packed, 1)
    if ratio > DEFLATE * 2 or (size > SUSPECT_BYTES and ratio > SUSPECT_RATIO):
        message = f"{name} announces {size:,} bytes in {packed:,} compressed ones: refused as a decompression bomb"
        raise UserError(Problem(message, place, "data this empty can be saved uncompressed"))


def no_keys(want: Want, place: Place, why: str) -> None:
    """Raise UserError where label, id or key are asked for of a source that has none to choose from."""
    if not want.strict:
        return
    found = [word for word in ("label", "id", "key") if getattr(want, word) is not None]
    if found:
        text = f"{' and '.join(f'data.{word}' for word in found)} cannot be read here: {why}"
        raise UserError(Problem(text, place, f"leave data.{found[0]} out", ("data", found[0])))
