"""Folders of pictures: PNG, JPEG and WebP, labelled by the sub-folders that they lie in.

What a picture is decoded with stands in `pictures`, which is imported when one is read.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING, Literal

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.data.paths import path_of
from aecli.data.raw import PIXEL_RANGE, Raw, Want
from aecli.data.sources import idx
from aecli.data.sources.buffers import no_keys
from aecli.data.sources.folders import ENDINGS, Listing, holds, listing, shown
from aecli.data.sources.limits import check_memory

if TYPE_CHECKING:
    from jaxtyping import UInt8

    from aecli.data.sources.pictures import Head

AT_ONCE = 1024  # pictures in the hands of the decoders
SIZE = ("data", "image", "size")
WHY = "pictures are labelled by their sub-folders' names, and their ids are their paths"


@dataclass(frozen=True)
class Survey:
    """The pictures of a folder by their headers alone: how many there are of each size, kind and label.

    `sizes` are (height, width) as seen; `modes` are Pillow's. `broken` says which cannot be opened, and why.
    """

    count: int
    sizes: dict[tuple[int, int], int]
    modes: dict[str, int]
    channels: dict[int, int]
    labels: dict[str, int]
    broken: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int] | None:
        """The size that all have, else the median height and width; None where no picture can be opened."""
        if not self.sizes:
            return None
        heights, widths = ([s[i] for s, n in self.sizes.items() for _ in range(n)] for i in (0, 1))
        return median_low(heights), median_low(widths)


def survey(folder: str | Path) -> Survey:
    """Count what is in a folder of pictures. Nothing is decoded; raises UserError for links that lead out."""
    found = listing(path_of(folder))
    heads, faults = _heads(found)
    names = [] if found.labels is None else [str(v) for v in found.labels]
    return Survey(
        len(found.files), dict(Counter((h.height, h.width) for h in heads)), dict(Counter(h.mode for h in heads)),
        dict(Counter(h.channels for h in heads)), dict(Counter(names)), tuple(faults), found.notes,
    )  # fmt: skip


@dataclass(frozen=True)
class Pictures:
    """A folder of pictures that are decoded as they are asked for. `shape` is (height, width, channels)."""

    listing: Listing
    shape: tuple[int, int, int]
    fit: Literal["resize", "crop"]
    notes: tuple[str, ...]
    fields: None = None
    columns: None = None

    @property
    def rows(self) -> int:
        """How many pictures there are."""
        return len(self.listing.files)

    @property
    def files(self) -> tuple[Path, ...]:
        """The pictures, in order."""
        return self.listing.files

    def blocks(self, size: int) -> Iterator[Raw]:
        """Consecutive rows, `size` at a time, the last block shorter; one block is in memory at a time.

        Raises UserError for all the pictures of a block that cannot be decoded.
        """
        ids, labels = self.listing.ids, self.listing.labels
        with _pool() as pool:
            for start in range(0, self.rows, size):
                part = slice(start, min(start + size, self.rows))
                x = self._decoded(part, pool)
                yield self._raw(x, None if labels is None else labels[part], ids[part], start)

    def whole(self) -> Raw:
        """All rows."""
        what, hint = f"the pixels of {self.rows:,} pictures", "set data.image.size to a smaller one"
        check_memory(self.rows * prod(self.shape), what, Place(str(self.listing.folder)), hint)
        with _pool() as pool:
            x = self._decoded(slice(0, self.rows), pool)
        return self._raw(x, self.listing.labels, self.listing.ids, 0)

    def _raw(self, x: np.ndarray, labels: np.ndarray | None, ids: np.ndarray, first: int) -> Raw:
        return Raw(
            x, labels, ids, kind="image", divisor=PIXEL_RANGE, file=str(self.listing.folder), files=self.files,
            first=first, notes=self.notes,
        )  # fmt: skip

    def _decoded(self, part: slice, pool: ThreadPoolExecutor) -> UInt8[np.ndarray, " n h w c"]:
        from aecli.data.sources.pictures import decoded

        files = self.files[part]
        out = np.empty((len(files), *self.shape), np.uint8)

        def fill(i: int) -> None:
            out[i] = decoded(files[i], self.shape, self.fit)

        found = _tried(fill, len(files), pool)
        faults = [_fault(self.listing, files[i], e) for i, e in enumerate(found) if e is not None]
        if faults:
            raise _refusal(self.listing, faults, len(files))
        return out


def scan(source: str, want: Want) -> Pictures:
    """The pictures of a folder, their shape decided by their headers; no pixel is read yet.

    Raises UserError for pictures of several sizes where `want.image.size` says none, and for broken ones.
    """
    folder, image = Path(source), want.image
    no_keys(want, Place(source), WHY)
    found = listing(folder)
    if not found.files:
        raise UserError(Problem(f"the folder '{source}' holds no picture ({', '.join(ENDINGS)})"))
    size = _wanted(image.size)
    if size and image.channels:
        return Pictures(found, (*size, image.channels), image.fit, found.notes)
    heads, faults = _heads(found)
    if faults:
        raise _refusal(found, faults, len(found.files))
    channels, wider = image.channels, [h.channels for h in heads if h.channels > heads[0].channels]
    notes = found.notes
    if channels is None and wider:
        few = f"{len(wider)} of {len(heads)} pictures have more channels than the first one's {heads[0].channels}"
        notes += (f"{few}, which all are brought to: see data.image.channels",)
    return Pictures(found, (*(size or _agreed(found, heads)), channels or heads[0].channels), image.fit, notes)


def is_pictures(folder: Path) -> bool:
    """Whether a folder is read as pictures: there is one below it, and no IDX file of the usual name in it."""
    return idx.find(folder, "train-images", 3) is None and holds(folder)


def floats(source: str, want: Want) -> int:
    """How many numbers the rows are."""
    found = scan(source, want)
    return found.rows * prod(found.shape)


def read(source: str, want: Want) -> Raw:
    """All pictures of a folder as uint8 [n, height, width, channels], with labels and ids."""
    return scan(source, want).whole()


def _wanted(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    from aecli.data.sources.pictures import LIMIT

    if size is None:
        return None
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1 or height * width > LIMIT:
        text = f"data.image.size: no picture is {height} x {width} pixels"
        raise UserError(Problem(text, None, "height and width in pixels, or one number for both", SIZE))
    return height, width


def _agreed(found: Listing, heads: list[Head]) -> tuple[int, int]:
    first = heads[0]
    for path, other in zip(found.files, heads, strict=True):
        if (other.height, other.width) != (first.height, first.width):
            one, two = (p.relative_to(found.folder).as_posix() for p in (found.files[0], path))
            text = (
                f"pictures of several sizes: {one} is {first.height} x {first.width} (height x width), "
                f"{two} {other.height} x {other.width}"
            )
            hint = "set data.image.size to the height and width that all shall have, say [64, 64]"
            raise UserError(Problem(text, Place(str(found.folder)), hint, SIZE))
    return first.height, first.width


def _heads(found: Listing) -> tuple[list[Head], list[str]]:
    """The headers of those that can be opened, and what is wrong with the others."""
    from aecli.data.sources.pictures import head

    heads: dict[int, Head] = {}

    def look(i: int) -> None:
        heads[i] = head(found.files[i])

    with _pool() as pool:
        errors = _tried(look, len(found.files), pool)
    faults = [_fault(found, p, e) for p, e in zip(found.files, errors, strict=True) if e is not None]
    return [heads[i] for i in sorted(heads)], faults


def whole_picture(found: Listing, path: Path, channels: int) -> UInt8[np.ndarray, " height width channels"]:
    """One picture of the folder in its own size. UserError where it cannot be read."""
    from aecli.data.sources.pictures import BROKEN, decoded, head, strict

    try:
        with strict():
            about = head(path)
            return decoded(path, (about.height, about.width, channels), "resize")
    except BROKEN as error:
        raise UserError(Problem(_fault(found, path, error), Place(str(found.folder)), "replace it")) from error


def _tried(do: Callable[[int], None], count: int, pool: ThreadPoolExecutor) -> list[Exception | None]:
    """do(0), do(1), ... do(count - 1); what each raised of that which broken pictures raise."""
    from aecli.data.sources.pictures import BROKEN, strict

    def attempt(i: int) -> Exception | None:
        try:
            do(i)
        except BROKEN as error:
            return error
        return None

    found: list[Exception | None] = []
    with strict():
        for start in range(0, count, AT_ONCE):
            found += pool.map(attempt, range(start, min(start + AT_ONCE, count)))
    return found


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Threads are enough: Pillow decodes outside Python's lock."""
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1), "pictures") as pool:
        yield pool


def _fault(found: Listing, path: Path, error: Exception) -> str:
    from aecli.data.sources.pictures import reason

    return f"{path.relative_to(found.folder).as_posix()} ({reason(error)})"


def _refusal(found: Listing, faults: list[str], of: int) -> UserError:
    text = f"{len(faults)} of {of} pictures cannot be read: {shown(faults)}"
    return UserError(Problem(text, Place(str(found.folder)), "mend them or take them out of the folder"))
