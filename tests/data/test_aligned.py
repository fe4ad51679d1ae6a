"""Rows that a CPU's training takes as they lie."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from aecli.data.aligned import ALIGNMENT, empty
from aecli.data.features import Features
from aecli.data.raw import raw_array


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (7, 5), (100, 28, 28, 1)])
def test_empty_begins_at_a_multiple(shape):
    found = empty(shape, np.float32)
    assert found.shape == shape
    assert found.dtype == np.float32
    assert not found.size or found.ctypes.data % ALIGNMENT == 0


@pytest.mark.parametrize("rows", [np.zeros((60, 4, 4), np.uint8), np.random.default_rng(0).normal(size=(60, 5))])
def test_a_cpu_device_shares_transformed_rows(rows):
    raw = raw_array(rows)
    x = Features.fit(raw).transform(raw.x)
    held = jax.device_put(x, jax.devices("cpu")[0])
    assert held.unsafe_buffer_pointer() == x.ctypes.data
    assert np.array_equal(held, x)
