"""aecli: the program that `aecli train` runs, fed as it feeds it."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from initial import Kernels, kernels, order

from aecli.config.numbers import numbers_of
from aecli.experiment import Experiment
from aecli.training.devices import use_cache
from aecli.training.feed import Order, Resident
from aecli.training.program import Program, program
from aecli.training.state import State

CHUNK = 64  # steps between looks at a signal, as there
KEPT = "kept"  # takes its programs from the cache, as every training but the first does; other variants are precisions


def experiment(work, precision: str | None = None) -> Experiment:
    """The workload as a config, in its own precision where no other is asked for."""
    encoder = {"kind": work.kind, {"mlp": "widths", "conv": "channels"}[work.kind]: list(work.layers)}
    bottleneck = {"kind": "gaussian" if work.variational else "dense", "size": work.code}
    penalties = [{"kind": "contractive", "method": "exact", "weight": work.contractive}] if work.contractive else []
    return Experiment.model_validate({
        "data": {"source": "digits"},
        "model": {"encoder": encoder, "bottleneck": bottleneck},
        "objective": {"reconstruction": "bernoulli" if work.variational else "squared_error", "penalties": penalties},
        "training": {
            "batch_size": work.batch, "optimizer": {"kind": "adam", "learning_rate": work.rate},
            "precision": precision or ("bfloat16" if work.narrow else "float32"), "epochs": 1000,
        },
    })  # fmt: skip


class Shared(Order):
    """The order that all contenders see the rows in."""

    def drawn(self, epoch: int) -> jax.Array:
        steps, batch, rows = self.program.steps_per_epoch, self.program.batch, self.program.rows
        found = np.full(steps * batch, -1, np.int32)
        found[:rows] = order(rows, self.seed, epoch)
        return jnp.asarray(found.reshape(steps, batch))


def started(parameters: dict, drawn: Kernels) -> dict:
    """The parameters with the kernels of initial.py."""
    encoder, decoder = parameters["encoder"], parameters["decoder"]
    if "layers" in encoder:
        down, up = ([net["layers"][i]["linear"] for i in sorted(net["layers"])] for net in (encoder, decoder))
    else:
        blocks = (net.get("blocks", {}) for net in (encoder, decoder))
        down, up = ([part[i]["layer"] for i in sorted(part)] for part in blocks)
        up = [decoder["first"], *up]
    layers = [*down, parameters["head"], *up, decoder["last"]]
    for layer, kernel in zip(layers, (*drawn.encoder, drawn.head, *drawn.decoder), strict=True):
        assert layer["kernel"].shape == kernel.shape, (layer["kernel"].shape, kernel.shape)
        layer["kernel"] = jnp.asarray(kernel)
    return parameters


class Training:
    """The compiled chunk, called again and again; an epoch's sums give the loss between any two steps of it."""

    def __init__(self, work, rows: np.ndarray, seed: int, precision: str | None):
        config = experiment(work, precision)
        self.made: Program = program(config, work.shape, len(rows))
        self.numbers, self.seed = numbers_of(config, 1), jnp.uint32(seed)
        feed = Resident(self.made, rows, self.seed, jax.device_put)
        feed.order = Shared(self.made, seed)
        state: State = self.made.init(self.seed, self.numbers)
        self.state = state._replace(parameters=started(state.parameters, kernels(work, seed)))
        self.windows = feed.windows(0, 10**9)
        self.window = next(self.windows)
        self.chunk = self.made.chunk.compiled(self.state, *self._arguments(0))

    def _arguments(self, count: int) -> tuple:
        window = self.window
        return window.data, window.order, self.seed, self.numbers, jnp.int32(window.start), jnp.int32(count)

    def sums(self) -> tuple[float, int]:
        """Loss summed over the epoch's examples up to now, and how many they are."""
        made, step = self.made, int(self.state.step)
        seen = min((step - self.window.start) * made.batch, made.rows)
        return (float(self.state.sums["loss"]) * made.rows if seen else 0.0), seen

    def train(self, updates: int) -> float:
        """So many updates; their mean loss."""
        total, examples = 0.0, 0
        while updates:
            if int(self.state.step) == self.window.stop:
                self.window = next(self.windows)
            (loss, seen), count = self.sums(), min(updates, self.window.stop - int(self.state.step), CHUNK)
            self.state = self.chunk(self.state, *self._arguments(count))
            after, now = self.sums()
            total, examples, updates = total + after - loss, examples + now - seen, updates - count
        jax.block_until_ready(self.state)
        return total / examples


def prepare(work, rows: np.ndarray, variant: str, seed: int) -> Callable[[int], float]:
    if variant == KEPT:
        use_cache()
    return Training(work, rows, seed, None if variant in ("", KEPT) else variant).train
