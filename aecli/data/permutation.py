"""A permutation of many rows by index: any part of it is computed alone, in constant memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Int, Int32, Shaped, UInt32

MANY = 2**24  # rows above which a permutation is no longer drawn as a whole
ROUNDS = 8


def permuted(index: Shaped[np.ndarray, " k"], n: int, key: tuple[int, ...]) -> Int[np.ndarray, " k"]:
    """Where a keyed bijection of {0, ..., n - 1} sends `index`.

    A balanced Feistel network over the next even number of bits (Luby & Rackoff 1988), walked on until the value is
    below n (Black & Rogaway 2002): pseudo-random, not uniform over all n! permutations.
    """
    half = max(1, (max(n - 1, 1).bit_length() + 1) // 2)
    keys = np.random.SeedSequence(key).generate_state(ROUNDS, np.uint64)
    value = _network(np.asarray(index).astype(np.uint64), half, keys)
    outside = value >= n
    while outside.any():  # the domain is less than four times n: each walk is short
        value[outside] = _network(value[outside], half, keys)
        outside = value >= n
    return value.astype(np.int64)


def shuffles(n: int) -> int:
    """How often n rows are sorted by 32 random bits each until no two are likely to have had the same in each round."""
    return math.ceil(3 * math.log(max(1, n)) / math.log(2**32 - 1))


def shuffled(bits: UInt32[np.ndarray, "rounds n"]) -> Int32[np.ndarray, " n"]:
    """{0, ..., n - 1} sorted by each round's bits in turn, equal ones left as they are.

    With the bits that it draws, `jax.random.permutation` gives the same; XLA's sort on a CPU takes eight times as long.
    """
    rows = place = np.arange(bits.shape[1], dtype=np.uint64)
    for drawn in bits:
        sorted_by = np.sort(drawn.astype(np.uint64) << np.uint64(32) | place)  # unique, hence stable
        rows = rows[sorted_by & np.uint64(2**32 - 1)]
    return rows.astype(np.int32)


def _network(value: Shaped[np.ndarray, " k"], half: int, keys: Shaped[np.ndarray, " rounds"]) -> np.ndarray:
    bits, mask = np.uint64(half), np.uint64(2**half - 1)
    left, right = value >> bits, value & mask
    for key in keys:
        left, right = right, left ^ (mixed(right + key) & mask)
    return (left << bits) | right


def mixed(value: Shaped[np.ndarray, " k"]) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele et al. 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
