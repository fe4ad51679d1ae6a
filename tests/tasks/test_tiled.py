"""Pictures of any size: what an autoencoder that changes nothing gives back, and what each tile adds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aecli.config.problems import UserError
from aecli.data.features import Features
from aecli.tasks import tiled as module
from aecli.tasks.tiled import EDGE, places, tiled


def trained(shape: tuple[int, int, int], reconstruct) -> Any:
    return SimpleNamespace(features=Features(shape, "image", None, 255.0, "none"), reconstruct=reconstruct)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3]),
    st.integers(0, 99),
)  # fmt: skip
def test_nothing_is_lost_between_tiles(height, width, down, across, channels, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    np.testing.assert_array_equal(tiled(trained((down, across, channels), lambda x: x), picture), picture)


@given(st.integers(1, 300), st.integers(1, 300))
def test_tiles_cover_and_overlap_by_half(size, tile):
    size = max(size, tile)
    found = places(size, tile)
    assert found[0] == 0
    assert found[-1] == size - tile
    steps = np.diff(found)
    assert (steps > 0).all()
    assert (steps <= max(1, tile // 2)).all()


def test_overlapping_tiles_are_averaged_by_their_weight():
    """Of two tiles the first is black and the second white: a pixel between is the second's share of the weight."""
    shape, size = (4, 4, 1), 6

    def halves(x):
        found = np.zeros_like(x)
        found[1:] = 1
        return found

    found = tiled(trained(shape, halves), np.zeros((4, size, 1), np.uint8))[0, :, 0]
    hill = EDGE + (1 - EDGE) * np.sin(np.pi * (np.arange(4) + 0.5) / 4) ** 2
    share = [hill[i - 2] / (hill[i] + hill[i - 2]) for i in (2, 3)]
    assert found.tolist() == [0, 0, round(255 * share[0]), round(255 * share[1]), 255, 255]


def test_each_row_of_tiles_is_reconstructed_at_once():
    sizes = []
    tiled(trained((4, 4, 1), lambda x: sizes.append(len(x)) or x), np.zeros((9, 12, 1), np.uint8))
    assert sizes == [5, 5, 5, 5]


@pytest.mark.parametrize("value", [-3.0, 9.0])
def test_what_is_beyond_black_and_white_is_cut(value):
    found = tiled(trained((4, 4, 1), lambda x: np.full_like(x, value)), np.zeros((5, 5, 1), np.uint8))
    assert set(found.ravel()) == {0 if value < 0 else 255}


def test_tiles_of_a_long_row_are_reconstructed_some_at_a_time(monkeypatch):
    monkeypatch.setattr(module, "TILES", 3)
    picture, sizes = np.arange(4 * 30, dtype=np.uint8).reshape(4, 30, 1), []
    found = tiled(trained((4, 4, 1), lambda x: sizes.append(len(x)) or x), picture)
    np.testing.assert_array_equal(found, picture)
    assert sizes == [3, 3, 3, 3, 2]


def test_a_thin_picture_that_would_grow_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 1000)
    with pytest.raises(UserError, match="a picture of 1 x 300 pixels takes tiles of more than 1,000 pixels"):
        tiled(trained((4, 4, 1), lambda x: x), np.zeros((1, 300, 1), np.uint8))
