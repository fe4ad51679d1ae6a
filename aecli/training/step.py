"""One step as a pure function over pytrees, a chunk of them in one loop, and what comes before and after.

Nothing here is compiled: `aecli.training.program` does that, and reads this file where something has to be traced.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, UInt

from aecli.config.numbers import values_at
from aecli.data.permutation import shuffles
from aecli.experiment import Experiment
from aecli.model.autoencoder import ROOTS, Autoencoder
from aecli.model.forward import Weights
from aecli.model.greedy import layer_loss, trains
from aecli.model.labels import TERMS as LABELS
from aecli.model.labels import label_terms
from aecli.model.objective import mean_terms, terms
from aecli.model.spec import term_names
from aecli.training.augment import augmented
from aecli.training.keys import INIT, ORDER, STEP, VALIDATION, stream_key
from aecli.training.stages import STAGE, Part
from aecli.training.state import State
from aecli.training.trees import nested, unnested

Numbers = dict[str, Any]


@dataclass(frozen=True)
class Steps:
    """The functions that a program is compiled from. Seed and swept numbers are arguments of each."""

    skeleton: Experiment
    autoencoder: Autoencoder
    rows: int
    batch: int
    steps_per_epoch: int
    part: Part = None  # what the steps train

    @cached_property
    def names(self) -> list[str]:
        """Of all that is summed over an epoch, whatever part is trained: the state has one form."""
        labels = LABELS if self.autoencoder.layout.classes else ()
        return list(dict.fromkeys((*term_names(self.skeleton.model, self.skeleton.objective), *labels)))

    def init(self, seed: UInt[Array, ""], numbers: Numbers) -> State:
        """The state before the first step."""
        parameters, variables = self.autoencoder.init(stream_key(seed, INIT))
        sums = {name: jnp.float32(0) for name in self.names}
        return self.entered(State(parameters, variables, {}, {}, jnp.int32(0), sums, jnp.int32(-1)), numbers)

    def entered(self, state: State, numbers: Numbers) -> State:
        """The state at the beginning of a stage: its optimiser remembers nothing, its average is of nothing else."""
        values, parameters = _values(numbers, jnp.int32(0)), state.parameters
        rule = self.skeleton.training.optimizer.build(values["training"]["optimizer"])
        average = jax.tree.map(jnp.copy, parameters) if self.skeleton.training.average else {}
        return state._replace(optimizer=nested(rule.init(parameters)), average=average)

    def bits(self, seed: UInt[Array, ""], epoch: Int[Array, ""]) -> UInt[Array, "rounds rows"]:
        """What the epoch's rows are sorted by, round after round, as `jax.random.permutation` draws it."""
        key, rounds = stream_key(seed, ORDER, epoch), [jnp.zeros((0, self.rows), jnp.uint32)]
        for _ in range(shuffles(self.rows)):
            key, subkey = jax.random.split(key)
            rounds.append(jax.random.bits(subkey, (1, self.rows), jnp.uint32))
        return jnp.concatenate(rounds)

    def _each(self, state: State, parameters: Any, rows: Any, mask: Bool[Array, " batch"], seed: Any, numbers: Numbers):
        """Each term's value per example, and the variables after the pass."""
        key = stream_key(seed, STEP, state.step)
        x, classes = self.autoencoder.layout.parted(rows)
        if self.skeleton.data.augment:
            with jax.named_scope("augment"):
                x = augmented(x, jax.random.fold_in(key, 2), self.skeleton.data.augment)
        if self.skeleton.data.binarize == "dynamic":
            with jax.named_scope("binarize"):
                drawn = jax.random.bernoulli(jax.random.fold_in(key, 1), x).astype(x.dtype)
                x = jnp.where(jnp.isnan(x), x, drawn) if self.autoencoder.layout.table else drawn
        weights = Weights(parameters, state.variables, _values(numbers, state.step))
        return self._of(weights, x, classes, jax.random.fold_in(key, 0), mask, train=True)

    def _of(self, weights: Weights, x: Any, classes: Any, key: Any, mask: Bool[Array, " batch"], *, train: bool):
        """The terms of the part that is trained, and the variables after the pass."""
        if self.part is None:
            return terms(self.autoencoder, weights, x, key, train=train, mask=mask)
        if self.part == "labels":
            return label_terms(self.autoencoder, weights, x, classes, key, train=train, mask=mask)
        assert self.skeleton.training.pretrain is not None
        numbers = weights.numbers["training"].get("pretrain", {}).get("corruption", {})
        corruption = self.skeleton.training.pretrain.corruption
        loss = layer_loss(self.autoencoder, weights, x, key, self.part, corruption, numbers, mask)
        return {"loss": loss}, weights.variables

    def _terms(self, state: State, parameters: Any, x: Any, mask: Bool[Array, " batch"], seed: Any, numbers: Numbers):
        found, variables = self._each(state, parameters, x, mask, seed, numbers)
        means = dict.fromkeys(self.names, jnp.float32(0)) | mean_terms(found, mask)
        return self._minimised(means), (means, variables)

    def _minimised(self, means: dict[str, Any]) -> Float[Array, ""]:
        """A batch's loss: with labels the mean over its rows that have one, however few they are."""
        if self.part != "labels":
            return means["loss"]
        share = means["labelled"]
        return means["loss"] / jnp.where(share > 0, share, 1)

    def losses(
        self,
        state: State,
        data: Float[Array, " rows *features"],
        rows: Int[Array, " batch"],
        seed: Any,
        numbers: Numbers,
    ) -> Float[Array, " batch"]:
        """Each row's loss in the step that this state is about to take."""
        x = jnp.take(data, jnp.maximum(rows, 0), axis=0)
        return self._each(state, state.parameters, x, rows >= 0, seed, numbers)[0]["loss"]

    def step(
        self,
        state: State,
        data: Float[Array, " rows *features"],
        rows: Int[Array, " batch"],
        seed: Any,
        numbers: Numbers,
    ) -> State:
        """One update from the rows numbered `rows` (-1: padding)."""
        mask = rows >= 0
        with jax.named_scope("batch"):
            x = jnp.take(data, jnp.maximum(rows, 0), axis=0)
        gradient = jax.value_and_grad(lambda p: self._terms(state, p, x, mask, seed, numbers), has_aux=True)
        (loss, (means, variables)), slope = gradient(state.parameters)
        values = _values(numbers, state.step)["training"]
        with jax.named_scope("optimizer"):
            rule = self.skeleton.training.optimizer.build(after(slope, values["optimizer"]))
            before = unnested(state.optimizer, jax.eval_shape(rule.init, state.parameters))
            updates, optimizer = rule.update(slope, before, state.parameters)
            parameters = self.autoencoder.kept(optax.apply_updates(state.parameters, updates))  # pyright: ignore
            parameters = self._of_part(state.parameters, parameters)
            optimizer = self._of_part(state.optimizer, nested(optimizer))
            average = self._of_part(state.average, self._averaged(state, parameters, values, numbers))
        share = jnp.sum(mask) / self.rows
        return State(
            parameters=parameters,  # pyright: ignore[reportArgumentType]
            variables=variables,
            optimizer=optimizer,
            average=average,
            step=state.step + 1,
            sums=jax.tree.map(lambda total, mean: total + share * mean, state.sums, means),
            bad=jnp.where((state.bad < 0) & ~jnp.isfinite(loss), state.step, state.bad),
        )

    def _of_part(self, old: Any, new: Any) -> Any:
        """The new leaves of parameters, or of what the optimiser keeps of them, that are the part's; else the old."""
        if self.part is None and not self.autoencoder.layout.classes:
            return new  # every parameter is

        def chosen(path: Any, before: Any, after: Any) -> Any:
            names = tuple(str(key.key) for key in path)
            root = next((i for i, name in enumerate(names) if name in ROOTS), None)
            return after if root is None or self._trains(names[root:]) else before

        return jax.tree_util.tree_map_with_path(chosen, old, new)

    def _trains(self, path: tuple[str, ...]) -> bool:
        """Whether the parameter of this path is one of the part's."""
        if self.part is None:
            return path[0] != "classifier"
        if self.part == "labels":
            return path[0] in ("encoder", "head", "bottleneck", "classifier")
        return trains(self.part, len(self.skeleton.model.encoder.widths) + 1, path)  # pyright: ignore

    def _averaged(self, state: State, parameters: Any, values: Numbers, numbers: Numbers) -> dict[str, Any]:
        if not self.skeleton.training.average:
            return {}
        t = (state.step - numbers.get(STAGE, {}).get("first", 0)).astype(jnp.float32)
        decay = jnp.minimum(values["average"]["decay"], (1 + t) / (10 + t))
        average = jax.tree.map(lambda a, w: decay * a + (1 - decay) * w, state.average, parameters)
        return self.autoencoder.kept(average)

    def chunk(
        self,
        state: State,
        data: Float[Array, " rows *features"],
        order: Int[Array, "steps batch"],
        seed: UInt[Array, ""],
        numbers: Numbers,
        start: Int[Array, ""],
        count: Int[Array, ""],
    ) -> State:
        """`count` steps of the window whose order is given, and whose first step is `start`.

        The count is an argument, so that one compiled loop serves chunks of every length: a scan would be compiled
        anew for each. The sums start again with the epoch. `bad` is the first step whose loss was not finite; where all
        losses were, and what the chunk leaves is not finite, its last step.
        """
        fresh = state.step % self.steps_per_epoch == 0
        state = state._replace(sums=jax.tree.map(lambda total: jnp.where(fresh, 0, total), state.sums))

        def body(_: Any, state: State) -> State:
            with jax.named_scope("batch"):
                rows = jax.lax.dynamic_index_in_dim(order, state.step - start, keepdims=False)
            return self.step(state, data, rows, seed, numbers)

        state = jax.lax.fori_loop(0, count, body, state)
        kept = (state.parameters, state.variables, state.optimizer, state.average)
        sound = jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(kept)]).all()
        return state._replace(bad=jnp.where((state.bad < 0) & ~sound, state.step - 1, state.bad))

    def copied(self, state: State) -> State:
        """The same in memory of its own: a chunk overwrites the state that it is given."""
        return jax.tree.map(jnp.copy, state)

    def zeros(self, weights: Weights, x: Float[Array, " 1 *features"], seed: Any) -> dict[str, Float[Array, ""]]:
        """What `validate` begins with: a zero for each term that evaluation has."""
        key, mask = stream_key(seed, VALIDATION), jnp.ones(1, bool)
        parted = self.autoencoder.layout.parted
        found = jax.eval_shape(lambda: self._of(weights, *parted(x), key, mask, train=False)[0])
        return {name: jnp.zeros((), value.dtype) for name, value in found.items()}

    def validate(
        self,
        weights: Weights,
        batches: Float[Array, " count batch *features"],
        first: Int[Array, ""],
        rows: Int[Array, ""],
        seed: Any,
        sums: dict[str, Float[Array, ""]],
    ) -> dict[str, Float[Array, ""]]:
        """`sums` and what these batches (numbered from `first`) add to each term's mean over `rows` rows.

        The same objective, dropout off; rows beyond the last are padding.
        """
        size = batches.shape[1]

        def body(sums: Any, item: tuple[Any, Any]) -> tuple[Any, None]:
            index, rows_of = item
            mask = index * size + jnp.arange(size) < rows
            key = stream_key(seed, VALIDATION, index)
            found, _ = self._of(weights, *self.autoencoder.layout.parted(rows_of), key, mask, train=False)
            share = jnp.sum(mask) / rows
            return jax.tree.map(lambda s, m: s + share * m, sums, mean_terms(found, mask)), None

        return jax.lax.scan(body, sums, (first + jnp.arange(batches.shape[0]), batches))[0]


def _values(numbers: Numbers, step: Int[Array, ""]) -> Numbers:
    """Each number's value at a step; schedules begin with the stage."""
    stage = numbers.get(STAGE)
    if stage is None:
        return values_at(numbers, step)
    rest = {name: inner for name, inner in numbers.items() if name != STAGE}
    return values_at(rest, jnp.maximum(step - stage["first"], 0) * stage["speed"])


def after(slope: Any, numbers: Numbers) -> Numbers:
    """The optimiser's numbers, to be had when every gradient is: the same to the bit, but for a gradient of infinity.

    A parameter's update could otherwise come before the last use of its old value, for all that XLA knows: it then
    copies each kernel in every step, where the update may be made in place.
    """
    endless = sum(jnp.isposinf(leaf.reshape(-1)[0]).astype(jnp.float32) for leaf in jax.tree.leaves(slope))
    return numbers | {"learning_rate": numbers["learning_rate"] + endless * jnp.finfo(jnp.float32).tiny}
