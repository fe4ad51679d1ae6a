"""Keys of parameters: those of flax's Rngs, and a trace that grows no faster than its network."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from aecli.model.networks.keys import Keys
from tests.helpers import built, experiment


def test_keys_are_those_of_flax():
    key = jax.random.key(3)
    ours, theirs = Keys(key), nnx.Rngs(params=key)
    for _ in range(4):
        assert (jax.random.key_data(ours.params()) == jax.random.key_data(theirs.params())).all()


def test_no_variable_is_set_by_an_index_in_a_trace(monkeypatch):
    """There flax asks a traced value for its sharding, whose refusal costs JAX all that was traced before."""

    def refuse(self, index, value):
        raise AssertionError("a variable is set by an index")

    network = {"encoder": {"kind": "resnet", "channels": [2, 2], "blocks": 2, "norm": "batch"}}
    autoencoder, weights = built(experiment(model=network), (8, 8, 1))
    monkeypatch.setattr(nnx.Variable, "__setitem__", refuse)
    jax.eval_shape(autoencoder.init, jax.random.key(0))
    x, mask = jnp.zeros((3, 8, 8, 1)), jnp.ones(3, bool)
    after = jax.eval_shape(lambda w: autoencoder.forward(w, x, jax.random.key(0), train=True, mask=mask)[1], weights)
    assert jax.tree.leaves(after)
