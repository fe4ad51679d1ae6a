"""A function of rows, over more rows than are in memory at once: batch after batch in a compiled loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

MOST, VALUES = 64, 2**21  # batches and numbers that a call is given at most, but for one batch
CALL = 0.2  # seconds that a call may take, about: a signal waits for its end


def in_batches(run: Callable[..., Any], arrays: tuple[np.ndarray, ...], batch: int) -> Any:
    """run(count, *rows) on one batch, then on as many as the time lets; results as numpy arrays, [rows, ...]."""
    held, rows, most = capacity(arrays, batch), len(arrays[0]), 1
    parts, start = [], 0
    while start < rows or not parts:
        count = max(1, min(most, math.ceil((rows - start) / batch)))
        began, left = time.perf_counter(), rows - start
        found = run(np.int32(count), *(_filled(a, start, held * batch) for a in arrays))
        parts.append(_first(found, min(count * batch, left)))
        spent, start = time.perf_counter() - began, start + count * batch
        most = min(held, 2 * count if 2 * spent < CALL else max(1, int(count * CALL / spent)))
    return parts[0] if len(parts) == 1 else jax.tree.map(lambda *pieces: np.concatenate(pieces), *parts)


def looped(function: Callable[..., Any], batch: int) -> Callable[..., Any]:
    """run(weights, count, *arrays): function(weights, *rows) of each of the first `count` batches; zeros after them.

    Every batch is one and the same computation: a row's result depends neither on how many rows there are nor on where.
    """

    def run(weights: Any, count: Any, *arrays: Any) -> Any:
        def rows(i: Any) -> list[Any]:
            return [lax.dynamic_slice_in_dim(a, i * batch, batch) for a in arrays]

        def step(i: Any, made: Any) -> Any:
            found = function(weights, *rows(i))
            return jax.tree.map(
                lambda whole, part: lax.dynamic_update_slice_in_dim(whole, part, i * batch, 0), made, found
            )

        like = jax.eval_shape(lambda *given: function(weights, *given), *jax.eval_shape(lambda: rows(0)))
        whole = jax.tree.map(lambda one: jnp.zeros((len(arrays[0]), *one.shape[1:]), one.dtype), like)
        return lax.fori_loop(0, count, step, whole)

    return jax.jit(run)


def capacity(arrays: tuple[np.ndarray, ...], batch: int) -> int:
    """Batches of such rows that a call is given."""
    each = batch * sum(math.prod(a.shape[1:]) for a in arrays)
    return max(1, min(MOST, VALUES // each))


def _filled(rows: np.ndarray, start: int, length: int) -> np.ndarray:
    found = rows[start : start + length]
    return np.pad(found, [(0, length - len(found))] + [(0, 0)] * (rows.ndim - 1)) if len(found) < length else found


def _first(found: Any, count: int) -> Any:
    return jax.tree.map(lambda out: np.asarray(out)[:count], found)
