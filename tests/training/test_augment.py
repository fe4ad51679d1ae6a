"""Random changes of training images, against what they are: permutations, shifts, rotations of pixels."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from aecli.data.spec import Augment
from aecli.training import augment
from aecli.training.augment import augmented

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).random((64, 7, 6, 2)), jnp.float32)


def test_flips_are_mirrors_with_probability_one_half():
    mirrored = {"horizontal": X[:, :, ::-1], "vertical": X[:, ::-1]}
    for how, other in mirrored.items():
        out = augmented(X, KEY, Augment(flip=how))
        same = np.array([bool((o == x).all()) for o, x in zip(out, X, strict=True)])
        turned = np.array([bool((o == x).all()) for o, x in zip(out, other, strict=True)])
        assert (same ^ turned).all()
        assert 15 < turned.sum() < 49


def test_shifts_are_by_whole_pixels_with_repeated_edges():
    out = np.asarray(augmented(X, KEY, Augment(shift=2)))
    found = set()
    for image, moved in zip(np.asarray(X), out, strict=True):
        rows, columns = np.arange(7), np.arange(6)
        ways = {
            (dy, dx): image[np.clip(rows + dy, 0, 6)][:, np.clip(columns + dx, 0, 5)]
            for dy in range(-2, 3) for dx in range(-2, 3)
        }  # fmt: skip
        matches = [way for way, expected in ways.items() if np.array_equal(expected, moved)]
        assert len(matches) == 1
        found.add(matches[0])
    assert {y for y, _ in found} == {x for _, x in found} == {-2, -1, 0, 1, 2}


@pytest.mark.parametrize("degrees", [20.0, 180.0])
def test_a_rotation_is_that_of_scipy(degrees, monkeypatch):
    out = augment._turned(X[:5], KEY, degrees, 0.0)
    angles, _, _ = jax.random.split(KEY, 3)
    angle = np.asarray(jax.random.uniform(angles, (5,), minval=-degrees, maxval=degrees))
    for image, turned, a in zip(np.asarray(X), np.asarray(out), angle, strict=False):
        c, s = np.cos(np.deg2rad(a)), np.sin(np.deg2rad(a))
        matrix, centre = np.array([[c, -s], [s, c]]), np.array([3.0, 2.5])
        for channel in range(2):
            expected = ndimage.affine_transform(
                image[..., channel], matrix, centre - matrix @ centre, order=1, mode="nearest"
            )
            np.testing.assert_allclose(turned[..., channel], expected, atol=1e-5)


def test_a_crop_is_a_part_zoomed():
    """Of a ramp a part is a ramp, less steep by at most the share that is cut."""
    ramp = jnp.tile(jnp.arange(20.0)[None, :, None, None], (200, 1, 20, 1))
    out = np.asarray(augmented(ramp, KEY, Augment(crop=0.4)))
    slopes = np.diff(out[:, :, 3, 0], axis=1)
    np.testing.assert_allclose(slopes, np.broadcast_to(slopes[:, :1], slopes.shape), atol=1e-4)
    assert 0.59 < slopes.min() < 0.65
    assert 0.95 < slopes.max() <= 1.0001
    assert out.min() >= 0
    assert out.max() <= 19.0001


def test_a_draw_depends_on_the_key_alone():
    spec = Augment(shift=1, flip="both", rotate=10, crop=0.1)
    same = augmented(X, KEY, spec)
    np.testing.assert_array_equal(augmented(X, KEY, spec), same)
    assert (np.asarray(augmented(X, jax.random.key(1), spec)) != same).any()
    np.testing.assert_array_equal(augmented(X, KEY, Augment()), X)
