"""Functions of rows over batches in a compiled loop."""

from __future__ import annotations

import os
import time

import jax.numpy as jnp
import numpy as np
import pytest

from aecli.training import batches
from aecli.training.batches import MOST, VALUES, Looped

BATCH = 4


def function(weights, x, y):
    return {"dot": jnp.tanh(x @ weights), "sum": x.sum(axis=1) + y}


def applied(count: int, width: int = 3) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    weights, x, y = rng.normal(size=(width, 2)), rng.normal(size=(count, width)), rng.normal(size=count)
    weights, x, y = (a.astype(np.float32) for a in (weights, x, y))
    return Looped(function, BATCH, "dot and sum")(weights, x, y), weights, x, y


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, BATCH * 3, BATCH * MOST, BATCH * MOST * 2 + 7])
def test_every_row_once(count):
    found, weights, x, y = applied(count)
    assert found["dot"].shape == (count, 2)
    np.testing.assert_allclose(found["dot"], np.tanh(x @ weights), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["sum"], x.sum(axis=1) + y, rtol=1e-5, atol=1e-6)


def test_a_row_does_not_depend_on_where_it_is():
    rng = np.random.default_rng(1)
    weights, x = rng.normal(size=(30, 64)).astype(np.float32), rng.normal(size=(1000, 30)).astype(np.float32)
    run = Looped(lambda w, a: jnp.tanh(a @ w) @ w.T, 32, "tanh")
    whole = run(weights, x)
    for start, stop in ((0, 1), (37, 410), (991, 1000)):
        assert np.array_equal(run(weights, x[start:stop]), whole[start:stop])


def test_calls_grow_while_they_are_quick_and_shrink_when_slow(monkeypatch):
    given, looped = [], Looped(lambda w, a: a, BATCH, "test")

    def run(weights, count, x):
        given.append(int(count))
        time.sleep(0.0 if len(given) < 5 else 0.03)
        return x

    monkeypatch.setattr(batches, "CALL", 0.02)
    monkeypatch.setattr(looped, "run", run)
    rows = np.arange(BATCH * 200, dtype=np.float32)
    assert np.array_equal(looped(0.0, rows), rows)
    assert given[:5] == [1, 2, 4, 8, 16]
    assert 1 <= given[5] < 16
    assert sum(given) == 200


def test_a_call_is_bounded_by_batches_and_by_numbers_in_and_out():
    looped = Looped(lambda w, a: a, 512, "test")
    assert looped.held(0.0, [np.zeros((10**6, 1), np.float32)]) == MOST
    assert looped.held(0.0, [np.zeros((1000, 1), np.float32)]) == 2
    assert looped.held(0.0, [np.zeros((0, 1), np.float32)]) == 1
    assert looped.held(0.0, [np.broadcast_to(np.float32(0), (10**5, 784))]) == 2
    assert looped.held(0.0, [np.broadcast_to(np.float32(0), (1000, 10**7))]) == 1
    # a decoder of large images: its output is what counts
    wide = Looped(lambda w, a: a @ jnp.zeros((2, 180_000)), 512, "wide")
    assert wide.held(0.0, [np.zeros((10**4, 2), np.float32)]) == 1
    assert VALUES >= 512 * 2 * 784 * 2


def test_one_trace_serves_shapes_and_loop():
    traced = []

    def counted(w, a):
        traced.append(1)
        return a * w

    # A name that no earlier run of the tests has left a program under.
    Looped(counted, BATCH, f"counted {os.urandom(8).hex()}")(np.float32(2), np.ones((20, 3), np.float32))
    assert len(traced) == 1
