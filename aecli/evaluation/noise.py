"""What evaluation draws: a function of (seed, purpose, row or batch number), never of a row's neighbours."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Array, Int, Key, UInt

from aecli.training.keys import EVALUATION, stream_key

TERMS, BOUND, LIKELIHOOD, CORRUPTED, ANNEALED, GRADIENTS = range(6)


def numbered(seed: int, rows: int, first: int = 0) -> tuple[UInt[np.ndarray, " rows"], Int[np.ndarray, " rows"]]:
    """The seed, repeated, and each row's number from `first` on: arrays to be batched with x.

    The seed travels as an array so that it is an argument of what is compiled: another seed compiles nothing
    anew.
    """
    return np.full(rows, seed, np.uint32), np.arange(first, first + rows, dtype=np.int32)


def key_of(seed: UInt[Array, ""], purpose: int, index: Int[Array, ""]) -> Key[Array, ""]:
    """The key of one row, or of one batch."""
    return jax.random.fold_in(stream_key(seed, EVALUATION, index), purpose)


def row_keys(seeds: UInt[Array, " batch"], purpose: int, rows: Int[Array, " batch"]) -> Key[Array, " batch"]:
    """The key of each row of a batch."""
    return jax.vmap(key_of, in_axes=(0, None, 0))(seeds, purpose, rows)
