"""The machine's speed at a workload's own matrix products: each alone, in its fastest form, operands at hand.

    python peak_products.py WORKLOAD

Prints, as JSON, the milliseconds that all products of one training step take, and their floating-point operations.
"""

from __future__ import annotations

import json
import sys
import time

import jax
import jax.numpy as jnp
from contenders.aecli_contender import experiment
from workloads import WORKLOADS

from aecli.model.autoencoder import Autoencoder
from aecli.model.products.operands import turned

REPEATS = 60


def products(name: str) -> list[tuple[int, int, int]]:
    """(rows, inputs, outputs) of each dense layer of the workload's MLP."""
    work = WORKLOADS[name]
    config = experiment(work)
    autoencoder = Autoencoder(config.model, config.objective, work.shape)
    shapes = jax.eval_shape(lambda: autoencoder.init(jax.random.key(0))[0])
    kernels = [leaf.shape for leaf in jax.tree.leaves(shapes) if leaf.ndim == 2]
    return [(work.batch, *shape) for shape in kernels]


def forms(rows: int, inputs: int, outputs: int, first: bool) -> list[tuple[list, tuple, tuple]]:
    """Of y = x w, x' = g w' (not needed of the first layer) and w' = x' g: the dots tried, and operands' shapes."""

    def dot(a_axis, b_axis):
        return lambda a, b: jax.lax.dot_general(
            a, b, (((a_axis,), (b_axis,)), ((), ())), preferred_element_type=jnp.float32
        )

    x, w, g = (rows, inputs), (inputs, outputs), (rows, outputs)
    found = [([dot(1, 0)], x, w), ([dot(0, 0), lambda a, b: dot(1, 0)(turned(a), b)], x, g)]
    return found if first else [*found, ([dot(1, 1)], g, w)]


def seconds(f, a, b) -> float:
    """The median of many calls."""
    compiled = jax.jit(f).lower(a, b).compile()
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        compiled(a, b).block_until_ready()
        taken.append(time.perf_counter() - began)
    return sorted(taken)[len(taken) // 2]


def measure(name: str) -> dict[str, float]:
    """Milliseconds and operations of a step's products."""
    dtype = jnp.bfloat16 if WORKLOADS[name].narrow else jnp.float32
    total = operations = 0.0
    layers = products(name)
    for rows, inputs, outputs in layers:
        first = inputs == WORKLOADS[name].shape[0]
        for tried, left, right in forms(rows, inputs, outputs, first):
            keys = jax.random.split(jax.random.key(0))
            a, b = (jax.random.normal(k, s).astype(dtype) for k, s in zip(keys, (left, right), strict=True))
            total += min(seconds(f, a, b) for f in tried)
            operations += 2 * rows * inputs * outputs
    return {"milliseconds": 1e3 * total, "gigaflops": operations / total / 1e9}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
