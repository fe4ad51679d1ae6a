"""The product of a convolutional layer (a correlation, as the field has it), and on a CPU its matrix forms.

XLA's CPU backend runs a convolution in a compiled loop far below the machine's speed; the same sums as matrix products
do not suffer. Arrays are turned so that the batch is the innermost axis: every shift, stride and pad then moves whole
runs of a batch, and a product has one long side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aecli.model.products.lifted import Lifted, ways
from aecli.model.products.operands import apart, dot, dot_turned, exactness, laid, rounded
from aecli.model.products.precision import Precision
from aecli.model.products.trilinear import Slot, Trilinear

Pair = tuple[int, int]
PICTURE = 4  # channels at most of what comes from rows or goes to their loss, the batch first
DIMENSIONS = ("NHWC", "HWIO", "NHWC")


@dataclass(frozen=True)
class Correlation(Trilinear):
    """T(x, w, y) = sum x[b, s p + d k, c] w[k, c, o] y[b, p, o] over positions p and taps k; x padded with zeros.

    `size` is x's height and width, `padding` (before, after) of each.
    """

    size: Pair
    inputs: int
    outputs: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    precision: Precision = "float32"

    @property
    def output(self) -> Pair:
        """y's height and width."""
        found = [
            (n + sum(p) - d * (k - 1) - 1) // s + 1
            for n, p, d, k, s in zip(self.size, self.padding, self.dilation, self.kernel, self.stride, strict=True)
        ]
        return found[0], found[1]

    def shape(self, wanted: Slot, batch: int) -> tuple[int, ...]:
        """x [batch, height, width, inputs], w [*kernel, inputs, outputs], y [batch, height', width', outputs]."""
        return {
            "x": (batch, *self.size, self.inputs),
            "w": (*self.kernel, self.inputs, self.outputs),
            "y": (batch, *self.output, self.outputs),
        }[wanted]

    def plain(self, wanted: Slot, a: Any, b: Any) -> Float[Array, "..."]:
        """XLA's convolution and its transposes."""
        a, b = rounded(a, b, self.precision)
        if wanted == "y":
            return self._convolved(a, b)
        batch = a.shape[0]
        like = jax.ShapeDtypeStruct(self.shape(wanted, batch), jnp.float32)
        wide = (a.astype(jnp.float32), b.astype(jnp.float32))  # what a transpose gives has its operand's type
        if wanted == "x":
            return jax.linear_transpose(lambda x: self._convolved(x, wide[1]), like)(wide[0])[0]
        return jax.linear_transpose(lambda w: self._convolved(wide[0], w), like)(wide[1])[0]

    def _convolved(self, x: Any, w: Any) -> Any:
        return jax.lax.conv_general_dilated(
            x, w, self.stride, self.padding, rhs_dilation=self.dilation, dimension_numbers=DIMENSIONS,
            precision=exactness(self.precision), preferred_element_type=jnp.float32,
        )  # fmt: skip

    def cpu(self, wanted: Slot, a: Any, b: Any) -> Float[Array, "..."]:
        """As products of sums over windows, along each axis the way that is fastest."""
        return self.lifted(wanted, a, b, Lifted(self, *ways(self, a.shape[0])))

    def lifted(self, wanted: Slot, a: Any, b: Any, way: Lifted) -> Float[Array, "..."]:
        """T = sum_r <x_r, w_r y_r'> of the lifted arguments; what comes out is lowered again."""
        a, b = rounded(a, b, self.precision)
        if wanted == "w":
            return way.to_kernel(_each(dot_turned, way.of_x(inner(a)), way.of_y(inner(b))))
        if wanted == "x":
            return outer(apart(way.to_x, _each(dot, way.of_kernel(b), way.of_y(inner(a)))))
        return outer(apart(way.to_y, _each(dot, apart(way.of_kernel_turned, b), way.of_x(inner(a)))))

    @property
    def shifts(self) -> tuple[list[int], list[int]]:
        """By how many blocks of `stride` places some tap is away from the first, of height and of width."""
        down, across = (
            sorted({tap * d // s for tap in range(k)})
            for k, d, s in zip(self.kernel, self.dilation, self.stride, strict=True)
        )
        return down, across


def _each(dot_of: Any, a: Any, b: Any) -> Any:
    """One product as one, for a compiler that does several less well."""
    return dot_of(a[0], b[0])[None] if len(a) == 1 else dot_of(a, b)


def inner(x: Float[Array, "batch height width channels"]) -> Float[Array, "channels height width batch"]:
    """The batch innermost. Between two layers nothing moves; a picture's channels do, at once."""
    return apart(_rolled, x) if x.shape[-1] <= PICTURE else x.transpose(3, 1, 2, 0)


def outer(x: Float[Array, "channels height width batch"]) -> Float[Array, "batch height width channels"]:
    """The batch first again."""
    return apart(_rolled, x) if x.shape[0] <= PICTURE else x.transpose(3, 1, 2, 0)


def _rolled(x: Any) -> Any:
    return laid(x.transpose(3, 1, 2, 0))
