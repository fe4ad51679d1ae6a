"""Random changes of training images, drawn in the step itself: on the device, a function of the step's key."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from aecli.data.spec import Augment

Images = Float[Array, "batch height width channels"]


def augmented(x: Images, key: Key[Array, ""], spec: Augment) -> Images:
    """Flipped, turned and zoomed, shifted: each image by draws of its own, edges repeated where nothing is known."""
    flips, turns, shifts = jax.random.split(key, 3)
    x = _flipped(x, flips, spec.flip)
    if spec.rotate or spec.crop:
        x = _turned(x, turns, spec.rotate, spec.crop)
    return _shifted(x, shifts, spec.shift) if spec.shift else x


def _flipped(x: Images, key: Key[Array, ""], how: str) -> Images:
    """Mirrored along each axis asked for, with probability 1/2."""
    coins = jax.random.bernoulli(key, 0.5, (2, x.shape[0], 1, 1, 1))
    if how in ("horizontal", "both"):
        x = jnp.where(coins[0], x[:, :, ::-1], x)
    return jnp.where(coins[1], x[:, ::-1], x) if how in ("vertical", "both") else x


def _shifted(x: Images, key: Key[Array, ""], most: int) -> Images:
    """Moved by whole pixels from -most to most along each axis."""
    batch, height, width, channels = x.shape
    padded = jnp.pad(x, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")
    offsets = jax.random.randint(key, (batch, 2), 0, 2 * most + 1)

    def cut(image: Array, offset: Array) -> Array:
        return jax.lax.dynamic_slice(image, (offset[0], offset[1], 0), (height, width, channels))

    return jax.vmap(cut)(padded, offsets)


def _turned(x: Images, key: Key[Array, ""], degrees: float, crop: float) -> Images:
    """Turned about the centre by at most `degrees`, and a part of at least 1 - crop of each side zoomed to all of it.

    Pixel p of the result is the image at R(angle) zoom (p - c) + c + offset, interpolated bilinearly.
    """
    batch, height, width, _ = x.shape
    angles, zooms, offsets = jax.random.split(key, 3)
    angle = jnp.deg2rad(jax.random.uniform(angles, (batch,), minval=-degrees, maxval=degrees))
    zoom = 1 - crop * jax.random.uniform(zooms, (batch,))
    centre = jnp.array([(height - 1) / 2, (width - 1) / 2])
    room = (1 - zoom)[:, None] * centre
    offset = jax.random.uniform(offsets, (batch, 2), minval=-1, maxval=1) * room
    grid = jnp.stack(jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij"), axis=-1) - centre

    def sample(image: Array, angle: Array, zoom: Array, offset: Array) -> Array:
        c, s = jnp.cos(angle), jnp.sin(angle)
        at = zoom * grid @ jnp.array([[c, -s], [s, c]]).T + centre + offset
        rows, columns = at[..., 0], at[..., 1]

        def one(channel: Array) -> Array:
            return jax.scipy.ndimage.map_coordinates(channel, [rows, columns], order=1, mode="nearest")

        return jax.vmap(one, in_axes=-1, out_axes=-1)(image)

    return jax.vmap(sample)(x, angle, zoom, offset)
