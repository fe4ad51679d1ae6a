"""Randomness of synthetic sets: rows come in blocks of their own stream, so that the first do not know the last."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

SEED = 20_130_828  # not the run's: runs that differ in their seed are compared on the same rows
BLOCK = 256


def blocks(rows: int, stream: int) -> Iterator[tuple[slice, np.random.Generator]]:
    """Slices of BLOCK rows, each with the generator Philox(SEED, stream, block).

    A maker draws a whole block, always, and keeps the first of it: row i is a function of (SEED, stream, i).
    """
    for number, start in enumerate(range(0, rows, BLOCK)):
        key = np.array([SEED, stream * 2**32 + number], np.uint64)
        yield slice(start, min(start + BLOCK, rows)), np.random.Generator(np.random.Philox(key=key))


def uniforms(rows: int, count: int, stream: int) -> np.ndarray:
    """Float64[rows, count] uniform on [0, 1)."""
    parts = [g.random((BLOCK, count))[: part.stop - part.start] for part, g in blocks(rows, stream)]
    return np.concatenate(parts)
