"""Images of bytes: scaled by a table of 256 values, measured by their extremes alone."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from aecli.data.features import Features
from aecli.data.raw import raw_array
from aecli.data.sources.buffers import inflated
from aecli.data.statistics import extremes, measured


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(3, 250, (50, 5, 4, 2)).astype(np.uint8)


@pytest.mark.parametrize("scale", ["none", "auto", "log1p"])
def test_the_table_is_what_each_value_becomes(pixels, scale):
    features = Features.fit(raw_array(pixels), scale=scale)
    u = pixels.astype(np.float64) / features.divisor
    expected = (np.log1p(u) if scale == "log1p" else u).astype(np.float32)
    found = features.transform(pixels)
    assert np.array_equal(found, expected)
    assert found.dtype == np.float32


def test_extremes_are_those_of_all_statistics(pixels):
    def units(x):
        return x / 255

    blocks = [pixels[:20], pixels[20:]]
    short, full = extremes(blocks, 40, units), measured(blocks, (0,) * 40, 0, units)
    assert short.rows == full.rows
    for name in ("known", "low", "high", "constant"):
        assert np.array_equal(getattr(short, name), getattr(full, name)), name


def test_no_rows_have_no_extremes():
    found = extremes([], 3, lambda x: x / 255)
    assert found.constant.all()
    assert not found.known.any()


def test_inflated_reads_members_one_after_another_and_no_more_than_asked():
    packed = gzip.compress(b"a" * 1000) + gzip.compress(b"b" * 10) + b"\0" * 7
    assert inflated(packed, 2000) == b"a" * 1000 + b"b" * 10
    assert inflated(packed, 1005) == b"a" * 1000 + b"b" * 5
    with pytest.raises(EOFError):
        inflated(packed[:15], 2000)
