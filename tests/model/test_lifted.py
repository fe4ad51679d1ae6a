"""Every way along height and width against sums written out in float64, and within float32's rounding of them."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aecli.model.products.axes import POINTS, direct, matrices, toom_cook
from aecli.model.products.correlation import Correlation
from aecli.model.products.lifted import Lifted, ways
from aecli.model.products.trilinear import GIVEN

EPSILON = float(np.finfo(np.float32).eps)


def arguments(form, batch, seed=0):
    rng = np.random.default_rng(seed)
    return {slot: rng.normal(size=form.shape(slot, batch)).astype(np.float32) for slot in GIVEN}


def written_out(form, wanted, first, second):
    """The map in float64: a sum over taps."""
    full = {slot: np.zeros(form.shape(slot, len(first))) for slot in GIVEN}
    full |= {slot: value.astype(np.float64) for slot, value in zip(GIVEN[wanted], (first, second), strict=True)}
    edges = [(0, 0), *form.padding, (0, 0)]
    x = np.pad(full["x"], edges)
    for i in range(form.kernel[0]):
        for j in range(form.kernel[1]):
            rows, columns = (
                slice(tap * d, tap * d + (n - 1) * s + 1, s)
                for tap, d, n, s in zip((i, j), form.dilation, form.output, form.stride, strict=True)
            )
            met = x[:, rows, columns]
            if wanted == "y":
                full["y"] += met @ full["w"][i, j]
            elif wanted == "x":
                met += full["y"] @ full["w"][i, j].T
            else:
                full["w"][i, j] = np.tensordot(met, full["y"], ([0, 1, 2], [0, 1, 2]))
    (top, _), (left, _) = form.padding
    height, width = form.size
    return x[:, top : top + height, left : left + width] if wanted == "x" else full[wanted]


@st.composite
def ways_of_forms(draw):
    """A form, and a way for each axis: the cheapest may never be the one that is wrong."""
    taps = (draw(st.integers(2, 4)), draw(st.integers(2, 4)))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    kernel = tuple((t - 1) * s + draw(st.integers(1, s)) for t, s in zip(taps, stride, strict=True))
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(2))
    size = tuple(max(1, k - sum(p)) + draw(st.integers(0, 9)) for k, p in zip(kernel, padding, strict=True))
    form = Correlation(size, draw(st.integers(1, 3)), draw(st.integers(1, 3)), kernel, stride, padding)
    chosen = []
    for shifts, output in zip(form.shifts, form.output, strict=True):
        tiles = [1, *range(2, len(POINTS) + 3 - len(shifts))]
        tile = draw(st.sampled_from(tiles))
        chosen.append(direct(shifts, output) if tile == 1 else toom_cook(len(shifts), output, tile))
    return Lifted(form, *chosen)


@settings(max_examples=40, deadline=None)
@given(way=ways_of_forms())
def test_every_way_gives_the_same_sums(way):
    given_ = arguments(way.form, 3)
    found = jax.jit(lambda given_: {
        wanted: way.form.lifted(wanted, *(given_[slot] for slot in GIVEN[wanted]), way) for wanted in GIVEN
    })(given_)  # fmt: skip
    for wanted in GIVEN:
        expected = written_out(way.form, wanted, *(given_[slot] for slot in GIVEN[wanted]))
        np.testing.assert_allclose(found[wanted], expected, rtol=1e-4, atol=1e-4)


LAYERS = [
    Correlation((14, 14), 32, 64, (4, 4), (2, 2), ((1, 1), (1, 1))),
    Correlation((8, 8), 128, 32, (4, 4), (2, 2), ((1, 1), (1, 1))),
    Correlation((9, 7), 48, 40, (3, 3), (1, 1), ((1, 1), (1, 1))),
]


@pytest.mark.parametrize("form", LAYERS, ids=str)
@pytest.mark.parametrize("wanted", list(GIVEN))
def test_fewer_multiplications_stay_within_float32s_rounding(form, wanted):
    """|error| <= 16 eps sum |x| |w|; a sum of n float32 products may be off by n eps of it, here 144 to 2048."""
    first, second = (arguments(form, 16)[slot] for slot in GIVEN[wanted])
    exact = written_out(form, wanted, first, second)
    scale = written_out(form, wanted, np.abs(first), np.abs(second))
    for tile in range(2, len(POINTS) + 3 - len(form.shifts[0])):
        axes = (toom_cook(len(s), n, tile) for s, n in zip(form.shifts, form.output, strict=True))
        found = jax.jit(partial(form.lifted, wanted, way=Lifted(form, *axes)))(first, second)
        assert np.max(np.abs(found - exact) / scale) < 16 * EPSILON


@pytest.mark.parametrize(("taps", "tile"), [(t, n) for t in range(2, 5) for n in range(2, len(POINTS) + 3 - t)])
def test_toom_cooks_matrices_are_exact(taps, tile):
    x, kernel, y = (np.array(m) for m in matrices(taps, tile))
    rng = np.random.default_rng(0)
    row, weights = rng.normal(size=taps + tile - 1), rng.normal(size=taps)
    found = y.T @ ((kernel @ weights) * (x @ row))
    np.testing.assert_allclose(found, np.correlate(row, weights, "valid"), rtol=1e-12, atol=1e-12)


def test_the_way_goes_by_what_it_moves_and_multiplies():
    many = Correlation((16, 16), 64, 128, (4, 4), (2, 2), ((1, 1), (1, 1)))
    few = Correlation((28, 28), 1, 32, (4, 4), (2, 2), ((1, 1), (1, 1)))
    narrow = Correlation((16, 16), 64, 128, (4, 4), (2, 2), ((1, 1), (1, 1)), precision="bfloat16")
    apart = Correlation((16, 16), 64, 128, (3, 3), (1, 1), ((2, 2), (2, 2)), (2, 2))
    assert [way.products for way in ways(many, 128)] == [5, 5]
    for form in (few, narrow, apart):
        assert [way.products for way in ways(form, 128)] == [1, 1]
