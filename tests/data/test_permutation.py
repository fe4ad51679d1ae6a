"""The order of an epoch: jax.random.permutation's, sorted by numpy."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aecli.data.permutation import shuffled, shuffles


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1625, 1626, 5000])
def test_the_bits_that_jax_draws_give_the_permutation_that_jax_gives(n):
    key = drawn_from = jax.random.key(n)
    rounds = [np.zeros((0, n), np.uint32)]
    for _ in range(shuffles(n)):
        drawn_from, subkey = jax.random.split(drawn_from)
        rounds.append(np.asarray(jax.random.bits(subkey, (1, n), np.uint32)))
    np.testing.assert_array_equal(shuffled(np.concatenate(rounds)), jax.random.permutation(key, n))


@given(st.lists(st.lists(st.integers(0, 3), min_size=9, max_size=9), min_size=1, max_size=3))
def test_equal_bits_leave_rows_as_they_are(drawn):
    bits = np.array(drawn, np.uint32)
    expected = np.arange(9)
    for row in bits:
        expected = expected[np.argsort(row, kind="stable")]
    np.testing.assert_array_equal(shuffled(bits), expected)


def test_the_largest_bits_are_no_row_s_number():
    assert shuffled(np.full((2, 5), 2**32 - 1, np.uint32)).tolist() == [0, 1, 2, 3, 4]
