"""The products of a step alone, by XLA as aecli calls it: each in its fastest form, operands at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from bare import Call, fastest, repeated
from shapes import products


def dot(a_turned: bool, b_turned: bool, swapped: bool) -> Callable:
    """a b or (swapped) its transpose b' a', from operands that lie as they are or turned."""
    axes = (0 if a_turned else 1,), (1 if b_turned else 0,)

    def apply(a, b):
        left, right, contracted = (b, a, axes[::-1]) if swapped else (a, b, axes)
        return jax.lax.dot_general(left, right, (contracted, ((), ())), preferred_element_type=jnp.float32)

    return jax.jit(apply)


def forms(shape: tuple[int, int, int], dtype) -> Iterator[Call]:
    m, k, n = shape
    rng = np.random.default_rng(0)
    for a_turned, b_turned, swapped in product((False, True), repeat=3):
        a = jnp.asarray(rng.standard_normal((k, m) if a_turned else (m, k), np.float32), dtype)
        b = jnp.asarray(rng.standard_normal((n, k) if b_turned else (k, n), np.float32), dtype)
        apply = dot(a_turned, b_turned, swapped)
        yield lambda apply=apply, a=a, b=b: apply(a, b).block_until_ready()


def prepare(work, rows: np.ndarray, variant: str, seed: int) -> Callable[[int], float]:
    dtype = jnp.bfloat16 if work.narrow else jnp.float32
    return repeated([fastest(forms(shape, dtype)) for shape in products(work)])
