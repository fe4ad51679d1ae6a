"""Directions of length 1, and the cheat that they end."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from aecli.config.numbers import numbers_of
from aecli.model.networks.unit_norm import directions
from aecli.training.program import program
from tests.helpers import SHAPE, built, experiment, images


def trained(decoder, penalty=None, *, epochs=150, average="none"):
    """What training leaves, and the autoencoder."""
    config = experiment(
        model={"encoder": {"widths": []}, "bottleneck": {"kind": "dense", "size": 9, "activation": "relu"},
               "decoder": decoder},
        objective={"penalties": [penalty] if penalty else []},
        training={"batch_size": 16, "average": average, "optimizer": {"kind": "adam", "learning_rate": 0.01}},
    )  # fmt: skip
    made, numbers, seed = program(config, SHAPE, rows=32), numbers_of(config, 10), jnp.uint32(0)
    state, x = made.init(seed, numbers), images(32)
    for epoch in range(epochs):
        for rows in made.order(seed, jnp.int32(epoch)):
            state = made.one_step(state, x, rows, seed, numbers)
    autoencoder, weights = built(config)
    return state, autoencoder, weights._replace(parameters=state.parameters), x


def norms(parameters):
    """The length of what each unit writes."""
    return np.linalg.norm(np.asarray(parameters["decoder"]["last"]["kernel"], np.float64), axis=1)


@pytest.mark.parametrize("epochs", [0, 3])
def test_directions_have_length_one_before_and_after_updates(epochs):
    state, *_ = trained("unit_norm", epochs=epochs, average={"kind": "ema", "decay": 0.9})
    np.testing.assert_allclose(norms(state.parameters), 1, rtol=1e-6)
    np.testing.assert_allclose(norms(state.average), 1, rtol=1e-6)


@pytest.mark.parametrize("size", [2e-38, 1e-21, 1.0, 1e19, 5e37])
def test_directions_of_any_size_have_length_one(size):
    found = directions(jnp.full((2, 4), size, jnp.float32).at[1].set(0))
    np.testing.assert_allclose(found[0], 0.5, rtol=1e-6)
    np.testing.assert_array_equal(found[1], 0)


def test_the_code_does_not_shrink_while_the_decoder_grows():
    """Weak L1: a free decoder lets the charge fall by growing, one of unit directions cannot."""
    charge = {"kind": "code_l1", "weight": 0.05}
    _, free, of_free, x = trained("mirror", charge)
    state, unit, of_unit, _ = trained("unit_norm", charge)
    code = [float(jnp.abs(a.encode(w, x).mean).sum(1).mean()) for a, w in ((free, of_free), (unit, of_unit))]
    assert norms(of_free.parameters).max() > 1.3
    np.testing.assert_allclose(norms(state.parameters), 1, rtol=1e-6)
    assert code[1] > 1.5 * code[0]
