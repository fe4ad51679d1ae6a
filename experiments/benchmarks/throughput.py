"""Training throughput of rows streamed from disk against the same rows in memory: A B A B, medians, equal results.

    python experiments/benchmarks/rows.py two.parquet --gigabytes 2
    python experiments/benchmarks/throughput.py two.parquet

Model and batch are those of streaming.yaml beside this file. Both ways must end in the same parameters, bit for bit.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aecli.config.numbers import numbers_of
from aecli.data.dataset import load as load_data
from aecli.experiment import load
from aecli.training.feed import Feed, Resident, Streamed
from aecli.training.program import Program, program
from aecli.training.state import State


def trained(made: Program, feed: Feed, state: State, numbers: Any, steps: int) -> tuple[State, float]:
    """`steps` steps from the start, and their seconds."""
    seed, first = jnp.uint32(0), feed.first()
    args = (first.data, first.order, seed, numbers, jnp.int32(0), jnp.int32(0))
    chunk = made.chunk.compiled(state, *args)
    state = jax.tree.map(jnp.copy, state)
    began = time.perf_counter()
    for window in feed.windows(0, steps):
        while (step := int(state.step)) < min(window.stop, steps):
            count = jnp.int32(min(32, window.stop - step, steps - step))
            state = chunk(state, window.data, window.order, seed, numbers, jnp.int32(window.start), count)
    jax.block_until_ready(state)
    return state, time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", help="a Parquet file made by rows.py")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    wanted = parser.parse_args()
    config = load(Path(__file__).with_name("streaming.yaml"), [f"data.source={wanted.rows}"]).experiment
    feeds: dict[str, Feed] = {}
    for kind, residency in ((Streamed, "streamed"), (Resident, "device")):
        data = load_data(config.data.model_copy(update={"residency": residency}))
        made = program(config, data.features.layout(), len(data.train))
        feeds[residency] = kind(made, data.train.x, jnp.uint32(0), jnp.asarray)
        size = data.train.x.nbytes
    numbers = numbers_of(config, made.steps_per_epoch)
    start = made.init(jnp.uint32(0), numbers)
    seconds: dict[str, list[float]] = {name: [] for name in feeds}
    ends: dict[str, State] = {}
    for _ in range(wanted.repeats + 1):
        for name, feed in feeds.items():
            ends[name], took = trained(made, feed, start, numbers, wanted.steps)
            seconds[name].append(took)
    jax.tree.map(np.testing.assert_array_equal, ends["streamed"].parameters, ends["device"].parameters)
    rates = {name: [wanted.steps * made.batch / s for s in took[1:]] for name, took in seconds.items()}
    print(f"{made.rows:,} rows, {size / 1e9:.2f} GB, {wanted.steps} steps of {made.batch}, {wanted.repeats} repeats")
    for name, found in rates.items():
        print(f"{name:9} {statistics.median(found):10,.0f} examples/s  ({min(found):,.0f} to {max(found):,.0f})")
    ratios = [a / b for a, b in zip(rates["streamed"], rates["device"], strict=True)]
    print(f"streamed / device: {statistics.median(ratios):.3f}  ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
