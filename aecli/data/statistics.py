"""What training rows are like, by column, from blocks of fixed size: the same bits in memory or streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

VALUES = 2**22  # in a block; a fixed number, since the last bits of a sum depend on how it is divided
SAMPLE = 2**18  # rows that quantiles are taken of, at most,
SAMPLED = 2**26  # and numbers


def block_rows(features: int) -> int:
    """The rows of a block of this many features."""
    return max(1, VALUES // max(features, 1))


def every(rows: int, features: int) -> int:
    """Every how many rows one is kept for quantiles, of a source of this many."""
    return max(1, -(-rows // min(SAMPLE, max(2, SAMPLED // max(features, 1)))))


@dataclass
class Statistics:
    """Counts, means and squared deviations (Chan et al. 1979), extremes and categories of d columns; NaN is a hole.

    `cards` is the number of values of a category column, 0 for numbers. `stride` > 0 keeps every so-manieth row for
    quantiles.
    """

    cards: tuple[int, ...]
    stride: int = 0
    rows: int = 0
    known: np.ndarray = field(init=False)
    mean: np.ndarray = field(init=False)
    squares: np.ndarray = field(init=False)
    low: np.ndarray = field(init=False)
    high: np.ndarray = field(init=False)
    counts: dict[int, np.ndarray] = field(init=False)
    sample: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        d = len(self.cards)
        self.known, self.mean, self.squares = np.zeros(d, np.int64), np.zeros(d), np.zeros(d)
        self.low, self.high = np.full(d, np.inf), np.full(d, -np.inf)
        self.counts = {j: np.zeros(card, np.int64) for j, card in enumerate(self.cards) if card}

    def add(self, u: Float[np.ndarray, " rows d"]) -> None:
        """The next block, of `block_rows(d)` rows unless it is the last."""
        if self.stride:
            first = -self.rows % self.stride
            self.sample.append(u[first :: self.stride].copy())
        self.rows += len(u)
        hole = np.isnan(u) if u.dtype.kind == "f" else np.zeros(u.shape, bool)
        known = len(u) - hole.sum(axis=0)
        filled = np.where(hole, 0, u) if hole.any() else u
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused by its reader
            mean = filled.sum(axis=0, dtype=np.float64) / np.maximum(known, 1)
            centred = np.where(hole, 0, u - mean) if hole.any() else u - mean
            self._merge(known, mean, np.square(centred).sum(axis=0))
        self.low = np.minimum(self.low, np.where(hole, np.inf, u).min(axis=0) if hole.any() else u.min(axis=0))
        self.high = np.maximum(self.high, np.where(hole, -np.inf, u).max(axis=0) if hole.any() else u.max(axis=0))
        for j, counted in self.counts.items():
            counted += np.bincount(u[~hole[:, j], j].astype(np.int64), minlength=len(counted))

    def _merge(self, known: np.ndarray, mean: np.ndarray, squares: np.ndarray) -> None:
        total = self.known + known
        share = known / np.maximum(total, 1)
        delta = mean - self.mean
        self.squares = self.squares + squares + np.square(delta) * self.known * share
        self.mean = self.mean + delta * share
        self.known = total

    @property
    def deviation(self) -> Float[np.ndarray, " d"]:
        """The standard deviation, with n; NaN where nothing is known."""
        return np.sqrt(np.where(self.known > 0, self.squares / np.maximum(self.known, 1), np.nan))

    @property
    def constant(self) -> np.ndarray:
        """Which columns never vary: one value, or none at all."""
        return ~(self.low < self.high)

    def quantiles(self, percents: list[float]) -> Float[np.ndarray, " percents d"]:
        """Percentiles of the kept rows; 0 where nothing is known."""
        kept = np.concatenate(self.sample)
        empty = np.isnan(kept).all(axis=0)
        kept[:, empty] = 0
        return np.nanpercentile(kept, percents, axis=0)


def reblocked(blocks: Iterable[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """The rows of blocks of any size in blocks of `rows`, the last one shorter."""
    waiting: list[np.ndarray] = []
    count = 0
    for block in blocks:
        while len(block):
            part = block[: rows - count]
            waiting.append(part)
            count, block = count + len(part), block[len(part) :]
            if count == rows:
                yield waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
                waiting, count = [], 0
    if count:
        yield np.concatenate(waiting)


def extremes(blocks: Iterable[np.ndarray], features: int, units: Any) -> Statistics:
    """Counts, lows and highs alone, of bytes, which have no holes: taken before `units`, which keeps their order."""
    found = Statistics((0,) * features)
    low, high = np.full(features, 255, np.uint8), np.zeros(features, np.uint8)
    for block in blocks:
        flat = block.reshape(len(block), -1)
        found.rows += len(flat)
        low, high = np.minimum(low, flat.min(axis=0, initial=255)), np.maximum(high, flat.max(axis=0, initial=0))
    found.known += found.rows
    if found.rows:
        found.low, found.high = units(low), units(high)
    return found


def measured(blocks: Iterable[np.ndarray], cards: tuple[int, ...], stride: int, units: Any) -> Statistics:
    """The statistics of rows given in blocks of any size; `units` turns a block into float64 units."""
    found = Statistics(cards, stride)
    for block in reblocked(blocks, block_rows(len(cards))):
        found.add(units(block.reshape(len(block), -1)))
    return found
