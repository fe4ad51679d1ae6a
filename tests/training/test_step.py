"""The step and the chunk: bit-identical, one compilation for all values of the config's numbers."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aecli.config.numbers import numbers_of
from aecli.training.program import program
from tests.helpers import SHAPE, experiment, images

ROWS = 50


def config(**changes):
    return experiment(
        model={
            "encoder": {"widths": [8], "norm": "batch", "dropout": 0.1},
            "bottleneck": {"kind": "gaussian", "size": 3},
        },
        objective={
            "corruption": {"kind": "masking", "rate": changes.get("rate", 0.2)},
            "reconstruction": "bernoulli",
            "rate": {"weight": changes.get("weight", {"kind": "linear", "start": 0.0, "end": 1.0})},
            "penalties": [{"kind": "code_l1", "weight": changes.get("penalty", 0.1)}],
        },
        training={
            "batch_size": 8,
            "average": {"kind": "ema", "decay": changes.get("decay", 0.9)},
            "optimizer": {"kind": "adamw", "learning_rate": changes.get("learning_rate", 1e-2), "clip": 1.0},
        },
    )


def started(experiment_):
    made = program(experiment_, SHAPE, ROWS)
    numbers, seed = numbers_of(experiment_, 21), jnp.uint32(experiment_.seed)
    return made, made.init(seed, numbers), numbers, seed


def equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_an_epoch_sees_every_row_once():
    made, _, _, seed = started(config())
    order = np.asarray(made.order(seed, jnp.int32(0)))
    assert order.shape == (7, 8)
    assert sorted(order[order >= 0]) == list(range(ROWS))
    assert (order[:-1] >= 0).all()
    assert not np.array_equal(order, made.order(seed, jnp.int32(1)))
    np.testing.assert_array_equal(order, made.order(seed, jnp.int32(0)))


@pytest.mark.parametrize("length", [1, 2, 5, 7])
def test_chunks_equal_the_one_step_loop_bit_for_bit(length):
    """Two epochs, in chunks of any length, against a step compiled alone."""
    made, state, numbers, seed = started(config())
    _, other, _, _ = started(config())
    data = images(ROWS)
    for epoch in range(2):
        order = made.order(seed, jnp.int32(epoch))
        other = other._replace(sums=jax.tree.map(jnp.zeros_like, other.sums))
        for rows in order:
            other = made.one_step(other, data, rows, seed, numbers)
        while int(state.step) < 7 * (epoch + 1):
            count = min(length, 7 * (epoch + 1) - int(state.step))
            state = made.chunk(state, data, order, seed, numbers, jnp.int32(7 * epoch), jnp.int32(count))
        equal(state, other)


def test_new_values_cost_no_compilation():
    """Rates, weights, learning rates, decays and seeds are arguments: one compilation serves all."""
    compilations = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, seconds, **_: compilations.append(name) if name.endswith("backend_compile_duration") else None
    )
    data = images(ROWS)
    try:
        for i, value in enumerate((0.1, 0.2, {"kind": "cosine", "start": 0.3, "end": 0.0})):
            changed = config(rate=value, weight=value, penalty=value, learning_rate=value, decay=value)
            changed = changed.model_copy(update={"seed": i, "name": f"run{i}"})
            made, state, numbers, seed = started(changed)
            order = made.order(seed, jnp.int32(0))
            execute = made.chunk.compiled(state, data, order, seed, numbers, jnp.int32(0), jnp.int32(0))
            state = execute(state, data, order, seed, numbers, jnp.int32(0), jnp.int32(2))
            if i == 0:
                compilations.clear()
        assert int(state.step) == 2
        assert compilations == []
    finally:
        jax.monitoring.clear_event_listeners()


def test_absent_terms_are_not_compiled_in():
    """A dropout of 0 draws nothing; one of 0.1 does."""

    def drawing(dropout):
        plain = experiment(model={"encoder": {"widths": [8], "dropout": dropout}})
        made, state, numbers, seed = started(plain)
        rows = made.order(seed, jnp.int32(0))[0]
        return made.one_step.lower(state, images(ROWS), rows, seed, numbers).as_text().count("threefry")

    assert drawing(0.1) > drawing(0.0)


def test_the_first_bad_step_is_kept():
    made, state, numbers, seed = started(config())
    data = images(ROWS)
    order = made.order(seed, jnp.int32(0))
    poisoned = data.at[order[3, 0]].set(jnp.nan)
    state = made.chunk(state, poisoned, order, seed, numbers, jnp.int32(0), jnp.int32(7))
    assert int(state.bad) == 3


def test_validation_is_the_mean_over_rows_whatever_the_padding():
    from aecli.config.numbers import values_at_end
    from aecli.model.forward import Weights
    from aecli.training.held import Held

    plain = experiment()  # nothing is drawn, so that batches do not matter
    made, state, numbers, seed = started(plain)
    weights = Weights(state.parameters, state.variables, values_at_end(numbers))
    x = np.asarray(images(13))
    found = []
    for size in (4, 13, 16):
        sized = plain.model_copy(update={"training": plain.training.model_copy(update={"batch_size": size})})
        found.append(Held(program(sized, SHAPE, 50), x, jnp.asarray, resident=True).validate(weights, seed))
    exact = np.square(x - made.autoencoder.reconstruct(weights, jnp.asarray(x))).sum((1, 2, 3)).mean()
    for values in found:
        assert float(values["loss"]) == pytest.approx(float(exact), rel=1e-5)


def test_average_follows_its_formula():
    made, state, numbers, seed = started(config(decay=0.5))
    data, order = images(ROWS), made.order(seed, jnp.int32(0))
    average = jax.tree.map(np.float64, state.average)
    for t in range(4):
        state = made.one_step(state, data, order[t], seed, numbers)
        d = min(0.5, (1 + t) / (10 + t))
        average = jax.tree.map(lambda a, w, d=d: d * a + (1 - d) * np.float64(w), average, state.parameters)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), state.average, average)


def test_clipping_bounds_the_gradient():
    """With sgd and rate 1 the step is the clipped gradient: its norm is the bound, its direction the gradient's."""

    def moved(clip):
        plain = experiment(training={"optimizer": {"kind": "sgd", "learning_rate": 1.0, "clip": clip}})
        made, state, numbers, seed = started(plain)
        after = made.one_step(state, images(ROWS), made.order(seed, jnp.int32(0))[0], seed, numbers)
        leaves = zip(*map(jax.tree.leaves, (after.parameters, state.parameters)), strict=True)
        return np.concatenate([np.ravel(a - b) for a, b in leaves])

    free, clipped = moved(None), moved(0.01)
    assert np.linalg.norm(free) > 0.05
    assert np.linalg.norm(clipped) == pytest.approx(0.01, rel=1e-2)
    np.testing.assert_allclose(clipped, free * 0.01 / np.linalg.norm(free), atol=1e-5)


def test_an_absent_number_is_another_program():
    """Clipping or none, dropout or none: configs whose JSON looks alike once their values are blanked."""

    def compiled_for(clip, dropout):
        return started(experiment(
            model={"encoder": {"dropout": dropout}}, training={"optimizer": {"kind": "adam", "clip": clip}}
        ))[0]  # fmt: skip

    assert compiled_for(None, 0.0) is compiled_for(None, 0.0)
    assert compiled_for(1.0, 0.0) is compiled_for(2.0, 0.0)
    assert len({id(compiled_for(c, d)) for c in (None, 1.0) for d in (0.0, 0.1)}) == 4


@pytest.mark.parametrize("kind", ["adamw", "lion"])
def test_weight_decay_leaves_learned_variances_and_biases_alone(kind):
    """With a gradient of zero (every row masked) only kernels move."""
    decayed = experiment(
        objective={"reconstruction": {"kind": "gaussian", "variance": "learned"}},
        training={"optimizer": {"kind": kind, "learning_rate": 0.1, "weight_decay": 0.5}},
    )
    made, state, numbers, seed = started(decayed)
    state = state._replace(parameters=jax.tree.map(lambda p: p + 1.0, state.parameters))
    after = made.one_step(state, images(ROWS), jnp.full(8, -1), seed, numbers)
    for path, (old, new) in jax.tree_util.tree_leaves_with_path(
        jax.tree.map(lambda a, b: (a, b), state.parameters, after.parameters), is_leaf=lambda x: isinstance(x, tuple)
    ):
        if path[-1].key == "kernel":
            np.testing.assert_allclose(new, old * 0.95, rtol=1e-5)
        else:
            np.testing.assert_array_equal(new, old)
