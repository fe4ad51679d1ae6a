"""Look at a config, its data and its model without training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aecli.config.document import blame
from aecli.config.problems import Problem
from aecli.data.describe import Description
from aecli.experiment import Loaded
from aecli.tasks.train import blamed_on

MEGABYTE = 2**20


def check_model(loaded: Loaded, shape: tuple[int, ...], rows: int) -> list[str]:
    """Layers, shapes, parameters, memory and steps per epoch, by abstract evaluation: nothing is computed."""
    import jax
    import jax.numpy as jnp

    from aecli.config.numbers import numbers_of
    from aecli.training.step import program

    experiment = loaded.experiment
    made = program(experiment, shape, rows)
    state = jax.eval_shape(made.init, jnp.uint32(0), numbers_of(experiment, 1))
    lines = [f"input {_shape(shape)} -> code [{experiment.model.bottleneck.size}] -> output {_shape(shape)}"]
    leaves = jax.tree_util.tree_flatten_with_path(state.parameters)[0]
    width = max(len(_name(path)) for path, _ in leaves)
    lines += [f"  {_name(path):<{width}}  {_shape(leaf.shape):<14} {leaf.size:>12,}" for path, leaf in leaves]
    total = sum(leaf.size for _, leaf in leaves)
    trained = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    data = rows * jnp.zeros(shape).size * 4
    steps = made.steps_per_epoch
    total_steps = steps * experiment.training.epochs
    lines += [
        f"parameters       {total:,}",
        f"memory           {trained / MEGABYTE:.1f} MiB of state, {data / MEGABYTE:.1f} MiB of data",
        f"steps            {steps} an epoch of {rows} rows in batches of {made.batch}, {total_steps} in all",
    ]
    return lines


def check_data(loaded: Loaded) -> tuple[Description, list[Problem]]:
    """What the source holds, and everything that keeps it from being trained on, each with its place."""
    from aecli.data.describe import describe

    with blamed_on(loaded.document, ("data", "source")):
        found = describe(loaded.experiment.data)
    where = blame(loaded.document, ("data", "source"))
    return found, [replace(p, place=where(p)) for p in found.problems]


def _shape(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def _name(path: tuple[Any, ...]) -> str:
    return ".".join(str(getattr(key, "key", key)) for key in path)
