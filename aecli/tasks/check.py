"""Look at a config, its data and its model without training."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from aecli.config.document import blame, blamed_on
from aecli.config.problems import Problem
from aecli.data.describe import Description
from aecli.experiment import Loaded
from aecli.layout import Layout

MEGABYTE = 2**20


@dataclass(frozen=True)
class ModelDescription:
    """The model in numbers; `layers` are the parameters' names and shapes, memory is in bytes."""

    shape: tuple[int, ...]
    inputs: tuple[int, ...]
    code: int
    layers: dict[str, tuple[int, ...]]
    parameters: int
    state_bytes: int
    data_bytes: int
    rows: int
    batch: int
    steps_per_epoch: int
    steps: int
    warnings: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """For a person."""
        width = max(map(len, self.layers))
        named = [f"  {n:<{width}}  {_shape(s):<14} {math.prod(s):>12,}" for n, s in self.layers.items()]
        seen = "" if self.inputs == self.shape else f" (seen as {_shape(self.inputs)})"
        memory = f"{self.state_bytes / MEGABYTE:.1f} MiB of state, {self.data_bytes / MEGABYTE:.1f} MiB of data"
        return [
            f"input {_shape(self.shape)}{seen} -> code [{self.code}] -> output {_shape(self.shape)}",
            *named,
            f"parameters       {self.parameters:,}",
            f"memory           {memory}",
            f"steps            {self.steps_per_epoch} an epoch of {self.rows} rows in batches of {self.batch}, "
            f"{self.steps} in all",
            *(f"warning: {text}" for text in self.warnings),
        ]


def check_model(loaded: Loaded, layout: Layout, rows: int) -> ModelDescription:
    """Layers, shapes, parameters, memory and steps per epoch, by abstract evaluation: nothing is computed."""
    import jax
    import numpy as np

    from aecli.config.numbers import numbers_of
    from aecli.model.autoencoder import ROOTS
    from aecli.training.program import program
    from aecli.training.stages import all_epochs, unfinished

    experiment = loaded.experiment
    made, shape = program(experiment, layout, rows), layout.shape
    state = made.init.shapes(np.uint32(0), numbers_of(experiment, 1))
    leaves = sorted(
        jax.tree_util.tree_flatten_with_path(state.parameters)[0], key=lambda item: ROOTS.index(item[0][0].key)
    )
    return ModelDescription(
        shape, layout.input_shape, experiment.model.bottleneck.size, {_name(path): leaf.shape for path, leaf in leaves},
        sum(leaf.size for _, leaf in leaves), sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state)),
        rows * math.prod(shape) * 4, rows, made.batch, made.steps_per_epoch,
        made.steps_per_epoch * all_epochs(experiment), tuple(unfinished(experiment, made.steps_per_epoch)),
    )  # fmt: skip


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
