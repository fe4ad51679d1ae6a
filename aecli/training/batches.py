"""A function of rows, over more rows than are in memory at once: batch after batch in a compiled loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from aecli.training.executables import Executable

MOST, VALUES = 64, 2**21  # batches and numbers of a call, at most, but for one batch
CALL = 0.2  # seconds that a call may take, about: a signal waits for its end


class Looped:
    """function(weights, *arrays) over batches of rows, several to a call; `identity` tells it from all others.

    Every batch is one and the same computation: a row's result depends neither on how many rows there are nor on where.
    """

    def __init__(self, function: Callable[..., Any], batch: int, identity: str):
        self.batch, self.one = batch, Executable("one", function, identity)  # traced once, for shapes and loop
        self.run = Executable("looped", self._run, f"{identity}\n{batch}")

    def __call__(self, weights: Any, *arrays: np.ndarray) -> Any:
        """One batch, then as many at a time as the clock lets; results as numpy arrays, [rows, ...]."""
        held, rows, most = self.held(weights, arrays), len(arrays[0]), 1
        parts, start = [], 0
        while start < rows or not parts:
            began, left = time.perf_counter(), rows - start
            count = max(1, min(most, -(-left // self.batch)))
            found = self.run(weights, np.int32(count), *(_filled(a, start, held * self.batch) for a in arrays))
            parts.append(_first(found, min(count * self.batch, left)))
            spent, start = time.perf_counter() - began, start + count * self.batch
            most = min(held, 2 * count if 2 * spent < CALL else max(1, int(count * CALL / spent)))
        return jax.tree.map(lambda *pieces: np.concatenate(pieces), *parts)

    def held(self, weights: Any, arrays: Sequence[np.ndarray]) -> int:
        """Batches that a call has room for: a power of two, lest every number of rows be a program of its own."""
        given = [jax.ShapeDtypeStruct((self.batch, *a.shape[1:]), a.dtype) for a in arrays]
        numbers = sum(math.prod(a.shape) for a in (*given, *jax.tree.leaves(self.one.shapes(weights, *given))))
        room, wanted = min(MOST, VALUES // max(1, numbers)), max(1, -(-len(arrays[0]) // self.batch))
        return 2 ** max(0, min(room.bit_length() - 1, (wanted - 1).bit_length()))

    def _run(self, weights: Any, count: Any, *arrays: Any) -> Any:
        """The first `count` batches; zeros after them."""

        def rows(i: Any) -> list[Any]:
            return [lax.dynamic_slice_in_dim(a, i * self.batch, self.batch) for a in arrays]

        def step(i: Any, made: Any) -> Any:
            at, found = i * self.batch, self.one(weights, *rows(i))
            return jax.tree.map(lambda whole, part: lax.dynamic_update_slice_in_dim(whole, part, at, 0), made, found)

        like = jax.eval_shape(lambda: self.one(weights, *rows(0)))
        whole = jax.tree.map(lambda part: jnp.zeros((len(arrays[0]), *part.shape[1:]), part.dtype), like)
        return lax.fori_loop(0, count, step, whole)


def _filled(rows: np.ndarray, start: int, length: int) -> np.ndarray:
    found = rows[start : start + length]
    return np.pad(found, [(0, length - len(found))] + [(0, 0)] * (rows.ndim - 1)) if len(found) < length else found


def _first(found: Any, count: int) -> Any:
    return jax.tree.map(lambda out: np.asarray(out)[:count], found)
