"""The largest units of a batch, and the threshold that stands for them, against numpy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import ValidationError

from aecli.config.numbers import numbers_of
from aecli.model.bottlenecks.batch_top_k import BatchTopK
from aecli.model.bottlenecks.bottleneck import Given
from aecli.model.networks.layers import Mode
from aecli.training.program import program
from tests.helpers import SHAPE, built, experiment, images

K = {"k": jnp.float32(1.5)}


def test_a_batch_keeps_its_largest_units_and_padding_none():
    h = np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32)
    real = np.arange(8) < 5
    part = BatchTopK(size=6, k=1.5)
    padded = jnp.asarray(np.where(real[:, None], h, np.nan))
    own = nnx.Dict(part.own((4,), None))
    code = part.code(padded, Given(K, own, Mode(train=True, mask=jnp.asarray(real))))
    z = np.maximum(h[:5], 0)
    bar = np.sort(z.ravel())[::-1][7]  # 1.5 x 5 rows, rounded to the even 8
    np.testing.assert_array_equal(code.value[:5], np.where(z >= bar, z, 0))
    assert np.count_nonzero(code.value[:5]) == 8
    assert not np.any(code.value[5:])
    assert len(set(np.count_nonzero(code.value[:5], axis=1))) > 1, "rows differ in how many they keep"
    assert float(own["threshold"][...]) == pytest.approx(bar, rel=1e-6)
    assert float(own["weight"][...]) == pytest.approx(0.1 * 5 / 8, rel=1e-6)


def test_the_threshold_is_the_weighted_mean_of_what_was_seen():
    part = BatchTopK(size=6, k=1.5)
    own, total, weight = nnx.Dict(part.own((4,), None)), 0.0, 0.0
    for seed in range(4):
        h = np.random.default_rng(seed).normal(size=(8, 6)).astype(np.float32)
        part.code(jnp.asarray(h), Given(K, own, Mode(train=True)))
        bar = np.sort(np.maximum(h, 0).ravel())[::-1][11]
        total, weight = 0.9 * total + 0.1 * bar, 0.9 * weight + 0.1
        assert float(own["threshold"][...]) == pytest.approx(total / weight, rel=1e-6)


def test_what_is_not_positive_is_never_kept_and_moves_no_threshold():
    part = BatchTopK(size=3, k=2.0)
    own = nnx.Dict({"threshold": nnx.BatchStat(jnp.float32(0.7)), "weight": nnx.BatchStat(jnp.float32(0.2))})
    code = part.code(-jnp.ones((4, 3)), Given({"k": jnp.float32(2)}, own, Mode(train=True)))
    assert not np.any(code.value)
    assert float(own["threshold"][...]) == np.float32(0.7)


def test_a_code_that_is_applied_keeps_what_reaches_the_threshold():
    part = BatchTopK(size=3)
    own = nnx.Dict({"threshold": nnx.BatchStat(jnp.float32(0.5)), "weight": nnx.BatchStat(jnp.float32(1))})
    h = jnp.array([[0.4, 0.5, 0.6], [-1.0, 2.0, 0.1]])
    code = part.code(h, Given(K, own, Mode(), jax.random.key(0)))
    np.testing.assert_array_equal(code.value, np.array([[0, 0.5, 0.6], [0, 2, 0]], np.float32))
    np.testing.assert_array_equal(code.mean, code.value)
    assert float(own["threshold"][...]) == 0.5


def test_training_moves_the_threshold_to_where_codes_have_k_units_on_average():
    config = experiment(
        model={"encoder": {"widths": []}, "bottleneck": {"kind": "batch_top_k", "size": 12, "k": 3.0}},
        training={"batch_size": 32, "optimizer": {"kind": "sgd", "learning_rate": 0.0}},
    )
    made, numbers, seed = program(config, SHAPE, rows=64), numbers_of(config, 10), jnp.uint32(0)
    state, x = made.init(seed, numbers), images(64)
    for epoch in range(40):
        for rows in made.order(seed, jnp.int32(epoch)):
            state = made.one_step(state, x, rows, seed, numbers)
    autoencoder, weights = built(config)
    weights = weights._replace(parameters=state.parameters, variables=state.variables)
    assert np.count_nonzero(autoencoder.encode(weights, x).mean) / 64 == pytest.approx(3, abs=0.15)


@pytest.mark.parametrize(
    ("k", "why"),
    [(9.0, "the code has 8 units"), ({"kind": "linear", "start": 4.0, "end": 2.0}, "an annealed k belongs to top_k")],
)
def test_k_must_fit_and_stay(k, why):
    with pytest.raises(ValidationError, match=why):
        experiment(model={"bottleneck": {"kind": "batch_top_k", "size": 8, "k": k}})
