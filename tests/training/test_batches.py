"""Functions of rows over batches in a compiled loop."""

from __future__ import annotations

import time
from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest

from aecli.training import batches
from aecli.training.batches import MOST, VALUES, capacity, in_batches, looped

BATCH = 4


def function(weights, x, y):
    return {"dot": jnp.tanh(x @ weights), "sum": x.sum(axis=1) + y}


def applied(count: int, width: int = 3) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    weights, x, y = rng.normal(size=(width, 2)), rng.normal(size=(count, width)), rng.normal(size=count)
    weights, x, y = (a.astype(np.float32) for a in (weights, x, y))
    return in_batches(partial(looped(function, BATCH), weights), (x, y), BATCH), weights, x, y


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, BATCH * 3, BATCH * MOST, BATCH * MOST * 2 + 7])
def test_every_row_once(count):
    found, weights, x, y = applied(count)
    assert found["dot"].shape == (count, 2)
    np.testing.assert_allclose(found["dot"], np.tanh(x @ weights), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["sum"], x.sum(axis=1) + y, rtol=1e-5, atol=1e-6)


def test_a_row_does_not_depend_on_where_it_is():
    rng = np.random.default_rng(1)
    weights, x = rng.normal(size=(30, 64)).astype(np.float32), rng.normal(size=(1000, 30)).astype(np.float32)
    run = partial(looped(lambda w, a: jnp.tanh(a @ w) @ w.T, 32), weights)
    whole = in_batches(run, (x,), 32)
    for start, stop in ((0, 1), (37, 410), (991, 1000)):
        assert np.array_equal(in_batches(run, (x[start:stop],), 32), whole[start:stop])


def test_calls_grow_while_they_are_quick_and_shrink_when_slow(monkeypatch):
    given = []

    def run(count, x):
        given.append(int(count))
        time.sleep(0.0 if len(given) < 5 else 0.03)
        return x

    monkeypatch.setattr(batches, "CALL", 0.02)
    rows = np.arange(BATCH * 200, dtype=np.float32)
    assert np.array_equal(in_batches(run, (rows,), BATCH), rows)
    assert given[:5] == [1, 2, 4, 8, 16]
    assert 1 <= given[5] < 16
    assert sum(given) == 200


def test_a_call_is_bounded_by_batches_and_by_numbers():
    assert capacity((np.zeros((9, 1)),), 512) == MOST
    assert capacity((np.zeros((9, 784)), np.zeros((9,))), 512) == VALUES // (512 * 785)
    assert capacity((np.zeros((9, 10**7)),), 512) == 1
