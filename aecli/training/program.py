"""The compiled functions of a training, made once for all experiments that differ in swept numbers alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Int32

from aecli.config.numbers import numbers_of, skeleton_of
from aecli.data.permutation import shuffled
from aecli.experiment import Experiment
from aecli.layout import Layout, layout_of
from aecli.training.devices import memory_of
from aecli.training.executables import Executable
from aecli.training.stages import Part

if TYPE_CHECKING:
    from aecli.model.autoencoder import Autoencoder
    from aecli.training.step import Steps


@dataclass(frozen=True)
class Recipe:
    """What a program is compiled for. Two are equal where `text` is: names, seeds and swept values do not count."""

    text: str
    layout: Layout
    rows: int
    part: Part  # what its steps train
    skeleton: Experiment = field(compare=False, repr=False)


class Program:
    """The compiled functions of an experiment's skeleton on a training set of `rows` examples.

    Seed and swept numbers are arguments of each; the same program serves every value of them. Steps train a `part` of
    it: a layer alone, encoder and classifier, or the autoencoder (None).
    """

    def __init__(self, recipe: Recipe):
        self.skeleton, self.layout, self.rows = recipe.skeleton, recipe.layout, recipe.rows
        self.batch = min(self.skeleton.training.batch_size, self.rows)
        self.steps_per_epoch = -(-self.rows // self.batch)
        self.part: Part = recipe.part
        self.identity = identity = f"{recipe.text}\n{recipe.layout}\n{recipe.rows}"
        steps = identity if self.part is None else f"{identity}\n{self.part}"
        self.init = Executable("init", self._traced("init"), identity, once=True)
        self.bits = Executable("bits", self._traced("bits"), identity)
        self.zeros, self.validate = (Executable(name, self._traced(name), steps) for name in ("zeros", "validate"))
        self.chunk = Executable("chunk", self._traced("chunk"), steps, donate=(0,))
        self.copied, self.entered = (Executable(name, self._traced(name), identity) for name in ("copied", "entered"))
        self.one_step, self.losses = (Executable(name, self._traced(name), steps) for name in ("step", "losses"))

    @cached_property
    def autoencoder(self) -> Autoencoder:
        """The pure functions of model and objective."""
        from aecli.model.autoencoder import Autoencoder  # flax: not needed where all programs are kept

        skeleton = self.skeleton
        return Autoencoder(skeleton.model, skeleton.objective, self.layout, skeleton.training.precision)

    @cached_property
    def steps(self) -> Steps:
        """What is traced where a program is not kept."""
        from aecli.training.step import Steps  # optax likewise

        return Steps(self.skeleton, self.autoencoder, self.rows, self.batch, self.steps_per_epoch, self.part)

    def _traced(self, name: str) -> Callable[..., Any]:
        return lambda *args: getattr(self.steps, name)(*args)

    def order(self, seed: Any, epoch: Any) -> Int32[np.ndarray, "steps batch"]:
        """The epoch's rows in the order they are seen, every row once, -1 where the last batch is padded."""
        rows = shuffled(np.asarray(self.bits(seed, epoch)))
        padding = self.steps_per_epoch * self.batch - self.rows
        return np.pad(rows, (0, padding), constant_values=-1).reshape(self.steps_per_epoch, self.batch)

    def state_bytes(self, numbers: dict[str, Any]) -> int:
        """What parameters, variables and optimiser take; nothing is computed."""
        state = self.init.shapes(np.uint32(0), numbers)
        return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))

    def prepare(self, numbers: dict[str, Any], device: Any) -> None:
        """Have the programs of a training from rows on `device`, before they are there; of none that is too large."""
        there = memory_of(device)
        if there is not None and self.state_bytes(numbers) > there:
            return

        def on(leaf: Any) -> Any:
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=jax.sharding.SingleDeviceSharding(device))

        seed, step = on(np.zeros((), np.uint32)), on(np.zeros((), np.int32))
        numbers = jax.tree.map(on, numbers)
        state, order = jax.tree.map(
            on, (self.init.shapes(seed, numbers), np.zeros((self.steps_per_epoch, self.batch), np.int32))
        )
        data = jax.ShapeDtypeStruct((self.rows, *self.layout.trained_shape), np.float32, sharding=step.sharding)
        with ThreadPoolExecutor() as pool:
            chunk = pool.submit(self.chunk.compiled, state, data, order, seed, numbers, step, step)
            self.init.compiled(seed, numbers)
            self.bits.compiled(seed, step)
            chunk.result()


def program(experiment: Experiment, rows_are: Layout | tuple[int, ...], rows: int, part: Part = None) -> Program:
    """The program of an experiment, made once for all experiments that differ in swept numbers alone.

    `part`: what its steps train.
    """
    skeleton = skeleton_of(experiment)
    training = skeleton.training.model_dump_json(include={"optimizer", "average", "precision", "batch_size"})
    # An absent number (null) and a present one (NaN) look alike in JSON: the names of those present are told apart.
    present = str(jax.tree.structure(numbers_of(experiment, 1)))
    parts = (
        present,
        skeleton.model.model_dump_json(),
        skeleton.objective.model_dump_json(),
        training,
        skeleton.data.binarize,
        skeleton.data.model_dump_json(include={"augment"}),
        skeleton.training.model_dump_json(include={"pretrain": {"corruption"}}) if isinstance(part, int) else "",
    )
    return _program(Recipe("\n".join(parts), layout_of(rows_are), rows, part, skeleton))


@lru_cache(maxsize=16)
def _program(recipe: Recipe) -> Program:
    return Program(recipe)
