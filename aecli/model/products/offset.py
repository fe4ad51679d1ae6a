"""The bias of a convolutional layer, one number a channel at every place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from aecli.model.products.correlation import Pair, inner
from aecli.model.products.operands import dot
from aecli.model.products.trilinear import Slot, Trilinear


@dataclass(frozen=True)
class Offset(Trilinear):
    """T(x, w, y) = sum x_b w_o y[b, p, o]: with x = 1 it gives each place of an image w.

    A bias is added as well without it; but its gradient, the sum of y over rows and places, is one that XLA's CPU
    backend turns the whole of y around for.
    """

    size: Pair
    outputs: int

    def shape(self, wanted: Slot, batch: int) -> tuple[int, ...]:
        """x [batch], w [outputs], y [batch, height, width, outputs]."""
        return {"x": (batch,), "w": (self.outputs,), "y": (batch, *self.size, self.outputs)}[wanted]

    def plain(self, wanted: Slot, a: Any, b: Any) -> Float[Array, "..."]:
        """Sums over what the two do not share."""
        if wanted == "y":
            return jnp.broadcast_to(a[:, None, None, None] * b, self.shape("y", len(a)))
        return jnp.einsum({"x": "bhwo,o->b", "w": "b,bhwo->o"}[wanted], a, b)

    def cpu(self, wanted: Slot, a: Any, b: Any) -> Float[Array, "..."]:
        """The gradient as a product with y as it lies there, its batch innermost."""
        if wanted != "w":
            return self.plain(wanted, a, b)
        everywhere = jnp.broadcast_to(a, (*self.size, len(a))).reshape(-1, 1)
        return dot(inner(b).reshape(self.outputs, -1), everywhere)[:, 0]

    def added(
        self, y: Float[Array, "batch height width outputs"], bias: Float[Array, " outputs"]
    ) -> Float[Array, "batch height width outputs"]:
        """y plus the bias."""
        return y + self(jnp.ones(len(y), y.dtype), bias)
