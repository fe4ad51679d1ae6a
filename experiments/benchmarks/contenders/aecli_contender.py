"""aecli: the program that `aecli train` runs, fed as it feeds it."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from aecli.config.numbers import numbers_of
from aecli.experiment import Experiment
from aecli.training.feed import Resident
from aecli.training.step import program


def experiment(work) -> Experiment:
    """The workload as a config."""
    encoder = {"kind": work.kind, {"mlp": "widths", "conv": "channels"}[work.kind]: list(work.layers)}
    bottleneck = {"kind": "gaussian" if work.variational else "dense", "size": work.code}
    penalties = [{"kind": "contractive", "method": "exact", "weight": work.contractive}] if work.contractive else []
    return Experiment.model_validate({
        "data": {"source": "digits"},
        "model": {"encoder": encoder, "bottleneck": bottleneck},
        "objective": {"reconstruction": "bernoulli" if work.variational else "squared_error", "penalties": penalties},
        "training": {
            "batch_size": work.batch, "optimizer": {"kind": "adam", "learning_rate": work.rate},
            "precision": "bfloat16" if work.narrow else "float32", "epochs": 1000,
        },
    })  # fmt: skip


def prepare(work, rows: np.ndarray, variant: str) -> Callable[[], float]:
    """A round: `updates` steps of the compiled chunk; the mean loss over them."""
    config = experiment(work)
    made = program(config, work.shape, len(rows))
    numbers, seed = numbers_of(config, 1), jnp.uint32(0)
    feed = Resident(made, rows, seed, jnp.asarray)
    state = made.init(seed, numbers)
    windows = feed.windows(0, 10**9)
    held = {"state": state, "window": next(windows)}
    first = held["window"]
    chunk = made.compiled(state, first.data, first.order, seed, numbers, jnp.int32(0), jnp.int32(0))

    def steps(count: int) -> None:
        window = held["window"]
        args = (window.data, window.order, seed, numbers, jnp.int32(window.start), jnp.int32(count))
        held["state"] = chunk(held["state"], *args)

    def round_of() -> float:
        left, losses = work.updates, 0.0
        before = float(held["state"].sums["loss"]) * made.rows
        while left:
            step = int(held["state"].step)
            if step == held["window"].stop:
                held["window"], before = next(windows), 0.0
            count = min(left, held["window"].stop - step, 64)
            steps(count)
            after = float(held["state"].sums["loss"]) * made.rows
            losses, before, left = losses + after - before, after, left - count
        jax.block_until_ready(held["state"])
        return losses / (work.updates * work.batch)

    return round_of
