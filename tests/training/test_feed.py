"""Rows from the device, from memory or from disk: the same steps, bit for bit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aecli.config.numbers import numbers_of, values_at_end
from aecli.config.problems import UserError
from aecli.data.permutation import permuted
from aecli.data.store import Stored
from aecli.model.forward import Weights
from aecli.training import feed as feeds
from aecli.training.feed import Resident, Streamed
from aecli.training.held import Held
from aecli.training.program import program
from tests.helpers import SHAPE, experiment, images

ROWS = 53
CONFIG = experiment(
    objective={"corruption": {"kind": "gaussian"}},
    training={"batch_size": 8, "average": {"kind": "ema"}},
)


def trained(feed, made, step=0, total=14, state=None, chunk=3):
    numbers, seed = numbers_of(CONFIG, total), jnp.uint32(CONFIG.seed)
    state = made.init(seed, numbers) if state is None else state
    for window in feed.windows(step, total):
        while int(state.step) < window.stop:
            count = min(chunk, window.stop - int(state.step))
            state = made.chunk(
                state, window.data, window.order, seed, numbers, jnp.int32(window.start), jnp.int32(count)
            )
    return state


def stored(tmp_path, x):
    (tmp_path / "x.rows").write_bytes(np.ascontiguousarray(x, "<f4").tobytes())
    return Stored(tmp_path / "x.rows", len(x), x.shape[1:])


def same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("steps", [1, 3, 7, 100])
def test_streamed_training_is_resident_training(tmp_path, monkeypatch, steps):
    made, x = program(CONFIG, SHAPE, ROWS), np.asarray(images(ROWS))
    expected = trained(Resident(made, x, jnp.uint32(CONFIG.seed), jnp.asarray), made)
    monkeypatch.setattr(feeds, "BYTES", steps * 8 * 4 * int(np.prod(SHAPE)))
    for rows in (x, stored(tmp_path, x)):
        feed = Streamed(made, rows, jnp.uint32(CONFIG.seed), jnp.asarray)
        assert feed.steps == min(steps, 7)
        same(trained(feed, made), expected)


def test_streaming_goes_on_from_any_step(tmp_path, monkeypatch):
    made, x = program(CONFIG, SHAPE, ROWS), np.asarray(images(ROWS))
    monkeypatch.setattr(feeds, "BYTES", 3 * 8 * 4 * int(np.prod(SHAPE)))
    feed = Streamed(made, stored(tmp_path, x), jnp.uint32(CONFIG.seed), jnp.asarray)
    half = trained(feed, made, total=5, chunk=1)
    assert int(half.step) == 5
    same(trained(feed, made, step=5, state=half), trained(feed, made))


def test_a_window_ends_with_its_epoch_and_sees_every_row_once(monkeypatch):
    made, x = program(CONFIG, SHAPE, ROWS), np.asarray(images(ROWS))
    monkeypatch.setattr(feeds, "BYTES", 4 * 8 * 4 * int(np.prod(SHAPE)))
    feed = Streamed(made, x, jnp.uint32(0), np.asarray)
    windows = list(feed.windows(0, 14))
    assert [(w.start, w.stop) for w in windows] == [(0, 4), (4, 7), (7, 11), (11, 14)]
    seen = np.concatenate([w.data[w.order[w.order >= 0]] for w in windows[:2]])
    assert sorted(map(bytes, seen)) == sorted(map(bytes, x))
    assert (windows[1].order[2:] == -1).sum() == 11  # of the epoch's last batch 3, and a whole step of padding


@pytest.mark.parametrize("many", [0, 10])
def test_beyond_many_rows_both_ways_take_the_bijection(monkeypatch, many):
    monkeypatch.setattr(feeds, "MANY", many)
    monkeypatch.setattr(feeds, "BYTES", 4 * 8 * 4 * int(np.prod(SHAPE)))
    made, x = program(CONFIG, SHAPE, ROWS), np.asarray(images(ROWS))
    feed = Resident(made, x, jnp.uint32(CONFIG.seed), jnp.asarray)
    order = np.asarray(feed.order.drawn(1))
    assert sorted(order[order >= 0]) == list(range(ROWS))
    assert not np.array_equal(order, feed.order.drawn(0))
    same(trained(feed, made), trained(Streamed(made, x, jnp.uint32(CONFIG.seed), jnp.asarray), made))


@pytest.mark.parametrize("n", [1, 2, 3, 53, 1000, 4097])
def test_a_keyed_bijection_is_one(n):
    index = np.arange(n)
    places = permuted(index, n, (3, 1))
    np.testing.assert_array_equal(np.sort(places), index)
    np.testing.assert_array_equal(permuted(index[n // 2 :], n, (3, 1)), places[n // 2 :])
    if n > 50:
        assert not np.array_equal(places, permuted(index, n, (3, 2)))


def test_a_keyed_bijection_looks_random():
    """Positions are uncorrelated with their images, and neighbours are torn apart."""
    n = 200_000
    places = permuted(np.arange(n), n, (0,)).astype(float)
    assert abs(np.corrcoef(np.arange(n), places)[0, 1]) < 0.02
    assert abs(np.corrcoef(places[:-1], places[1:])[0, 1]) < 0.02
    counts, _ = np.histogram(places[: n // 10], bins=20, range=(0, n))
    assert abs(counts - n / 200).max() < 6 * np.sqrt(n / 200)


def test_held_out_rows_are_measured_alike_in_windows(tmp_path, monkeypatch):
    made, x = program(CONFIG, SHAPE, ROWS), np.asarray(images(29))
    numbers, seed = numbers_of(CONFIG, 14), jnp.uint32(0)
    state = made.init(seed, numbers)
    weights = Weights(state.parameters, state.variables, values_at_end(numbers))
    whole = Held(made, x, jnp.asarray, resident=True).validate(weights, seed)
    from aecli.training import held

    for steps in (1, 3):
        monkeypatch.setattr(held, "BYTES", steps * 8 * 4 * int(np.prod(SHAPE)))
        found = Held(made, stored(tmp_path, x), jnp.asarray, resident=False)
        assert found.count == steps
        same(found.validate(weights, seed), whole)


def test_stored_rows_are_sliced_and_indexed_like_an_array(tmp_path):

    x = np.asarray(images(ROWS))
    rows = stored(tmp_path, x)
    assert (len(rows), rows.shape, rows.ndim, rows.dtype) == (ROWS, x.shape, x.ndim, np.float32)
    for index in (
        slice(3, 9),
        slice(50, 99),
        slice(0, 0),
        slice(9, 2, -2),
        -3,
        np.array([-1, 0]),
        np.array([5, 2, 2]),
        np.arange(ROWS) % 3 == 0,
    ):
        np.testing.assert_array_equal(rows[index], x[index])
    pixels = (x * 255).astype(np.uint8)
    (tmp_path / "u8.rows").write_bytes(pixels.tobytes())
    values = (np.arange(256) / 255).astype(np.float32)
    np.testing.assert_array_equal(Stored(tmp_path / "u8.rows", ROWS, x.shape[1:], values)[2:7], values[pixels[2:7]])


def test_a_file_that_was_cut_is_named(tmp_path):
    x = np.asarray(images(ROWS))
    rows = stored(tmp_path, x)
    np.testing.assert_array_equal(rows[:2], x[:2])
    (tmp_path / "x.rows").write_bytes(x.tobytes()[:-8])
    with pytest.raises(UserError, match=r"x\.rows is shorter than it was"):
        rows[ROWS - 3 :]
    with pytest.raises(IndexError):
        rows[np.array([ROWS])]
