"""The k largest against numpy's order, and what a sparse code keeps."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from aecli.config.numbers import numbers_of, values_at
from aecli.model.bottlenecks.bottleneck import Given
from aecli.model.bottlenecks.largest import largest
from aecli.model.bottlenecks.top_k import TopK
from aecli.model.networks.layers import Mode
from tests.helpers import built, experiment, images

chosen = jax.jit(largest)


@settings(deadline=None, max_examples=200)
@given(
    arrays(np.float32, (3, 7), elements=st.sampled_from([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, 3e38, 0.5])
           | st.floats(width=32, allow_nan=False, allow_subnormal=False)),
    st.integers(0, 9),
)  # fmt: skip
def test_exactly_the_k_largest_of_equals_the_first(h, k):
    found = np.asarray(chosen(h, jnp.int32(k)))
    for row, kept in zip(h + 0.0, found, strict=True):
        order = sorted(range(len(row)), key=lambda j, row=row: (-row[j], j))
        assert set(np.flatnonzero(kept)) == set(order[: min(k, len(row))])


def test_a_code_keeps_k_units_and_alpha_k_where_it_is_applied():
    part = TopK(size=9, k=2.0, alpha=1.6, activation="sigmoid")
    h = jnp.asarray(np.random.default_rng(0).normal(size=(20, 9)), jnp.float32)
    code = part.code(h, Given({"k": jnp.float32(2), "alpha": jnp.float32(1.6)}, {}, Mode(), jax.random.key(0)))
    for z, count in ((code.value, 2), (code.mean, 3)):
        assert (np.count_nonzero(z, axis=1) == count).all()
        kept = np.asarray(z) != 0
        np.testing.assert_allclose(np.asarray(z)[kept], np.asarray(jax.nn.sigmoid(h))[kept], rtol=1e-6)
        assert (np.where(kept, h, np.inf).min(axis=1) > np.where(kept, -np.inf, h).max(axis=1)).all()


def test_k_is_annealed_without_another_program():
    config = experiment(
        model={"bottleneck": {"kind": "top_k", "size": 8, "k": {"kind": "linear", "start": 8.0, "end": 2.0}}}
    )
    autoencoder, weights = built(config)
    numbers = numbers_of(config, 100)
    used = jax.jit(
        lambda step, x: jnp.count_nonzero(
            autoencoder.encode(weights._replace(numbers=values_at(numbers, step)), x).value, axis=1
        )
    )
    assert [int(used(jnp.int32(step), images(4))[0]) for step in (0, 50, 100, 200)] == [8, 5, 2, 2]
    assert used._cache_size() == 1


def test_k_is_whole_where_it_does_not_change():
    with pytest.raises(ValidationError, match=r"k is 2\.5, and units are whole"):
        experiment(model={"bottleneck": {"kind": "top_k", "size": 8, "k": 2.5}})
    schedule = {"kind": "linear", "start": 4.5, "end": 2}
    assert experiment(model={"bottleneck": {"kind": "top_k", "size": 8, "k": schedule}})


@pytest.mark.parametrize("k", [9.0, {"kind": "linear", "start": 20.0, "end": 2.0}, 0.0])
def test_k_must_fit(k):
    with pytest.raises(ValidationError, match=r"the code has 8 units|must be at least 1"):
        experiment(model={"bottleneck": {"kind": "top_k", "size": 8, "k": k}})
