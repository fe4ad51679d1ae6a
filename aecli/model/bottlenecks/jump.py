"""A jump at a threshold, and the gradients that stand in for those that a jump has not."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@jax.custom_jvp
def jump(
    h: Float[Array, "batch size"], theta: Float[Array, " size"], bandwidth: Float[Array, ""]
) -> Float[Array, "batch size"]:
    """h [h > theta]. d/dh = [h > theta]; d/dtheta = -K theta / bandwidth, K = [|h - theta| < bandwidth / 2]."""
    return jnp.where(h > theta, h, 0)


@jump.defjvp
def _(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    h, theta, bandwidth = primals
    slope = -theta / bandwidth * _window(h, theta, bandwidth)
    return jump(h, theta, bandwidth), jnp.where(h > theta, tangents[0], 0) + slope * tangents[1]


@jax.custom_jvp
def step(
    h: Float[Array, "batch size"], theta: Float[Array, " size"], bandwidth: Float[Array, ""]
) -> Float[Array, "batch size"]:
    """[h > theta]. d/dh = 0; d/dtheta = -K / bandwidth, K = [|h - theta| < bandwidth / 2]."""
    return (h > theta).astype(h.dtype)


@step.defjvp
def _(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    h, theta, bandwidth = primals
    return step(h, theta, bandwidth), -_window(h, theta, bandwidth) / bandwidth * tangents[1]


def _window(
    h: Float[Array, "batch size"], theta: Float[Array, " size"], bandwidth: Float[Array, ""]
) -> Float[Array, "batch size"]:
    return (jnp.abs(h - theta) < bandwidth / 2).astype(h.dtype)
