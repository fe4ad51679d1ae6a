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
import numpy as np
from jaxtyping import Array, Float

from aecli.model.products.operands import dot, dot_turned, rounded, turned
from aecli.model.products.trilinear import Slot, Trilinear

Pair = tuple[int, int]
DIMENSIONS = ("NHWC", "HWIO", "NHWC")


@dataclass(frozen=True)
class Correlation(Trilinear):
    """T(x, w, y) = sum x[b, s p + d k, c] w[k, c, o] y[b, p, o] over positions p and taps k; x padded with zeros.

    `size` is x's height and width, `padding` (before, after) of each; `narrow`: operands rounded to bfloat16.
    """

    size: Pair
    inputs: int
    outputs: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    narrow: bool = False

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
        a, b = rounded(a, b, self.narrow)
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
            preferred_element_type=jnp.float32,
        )  # fmt: skip

    def cpu(self, wanted: Slot, a: Any, b: Any) -> Float[Array, "..."]:
        """As one product with the blocks that each shift of the kernel meets."""
        a, b = rounded(a, b, self.narrow)
        if wanted == "x":
            return outer(self._spread(self._kernels(b), inner(a)))
        batch, met = a.shape[0], self._met(self._blocks(inner(a)))
        if wanted == "y":
            kernels = self._kernels(b).reshape(-1, self.outputs)
            return outer(dot(turned(kernels), met).reshape(self.outputs, *self.output, batch))
        slope = dot_turned(met, inner(b).reshape(self.outputs, -1))
        return self._taps(slope.reshape(*map(len, self._shifts), *self.stride, self.inputs, self.outputs))

    @property
    def _shifts(self) -> tuple[list[int], list[int]]:
        """By how many blocks of `stride` places some tap is away from the first, of height and of width."""
        down, across = (
            sorted({tap * d // s for tap in range(k)})
            for k, d, s in zip(self.kernel, self.dilation, self.stride, strict=True)
        )
        return down, across

    @property
    def _spans(self) -> Pair:
        """Blocks along height and width that y's positions and all shifts reach over."""
        down, across = (n + shifts[-1] for n, shifts in zip(self.output, self._shifts, strict=True))
        return down, across

    def _kernels(self, w: Float[Array, "height width inputs outputs"]) -> Float[Array, "i j p q inputs outputs"]:
        """The taps by shift (i, j) and by place within a block (p, q); zero where there is no tap."""
        down, across = self._shifts
        full = [
            ((shifts[-1] + 1) * s, d) for shifts, s, d in zip(self._shifts, self.stride, self.dilation, strict=True)
        ]
        edges = [(0, n - (k - 1) * d - 1, d - 1) for (n, d), k in zip(full, self.kernel, strict=True)]
        dilated = jax.lax.pad(w, jnp.zeros((), w.dtype), [*edges, (0, 0, 0), (0, 0, 0)])
        (p, q), shape = self.stride, (self.inputs, self.outputs)
        split = dilated.reshape(full[0][0] // p, p, full[1][0] // q, q, *shape).transpose(0, 2, 1, 3, 4, 5)
        return split if split.shape[:2] == (len(down), len(across)) else split[np.ix_(down, across)]

    def _taps(self, kernels: Float[Array, "i j p q inputs outputs"]) -> Float[Array, "height width inputs outputs"]:
        """The transpose of `_kernels`."""
        (place_i, shift_i), (place_j, shift_j) = (
            ([tap * d % s for tap in range(k)], [shifts.index(tap * d // s) for tap in range(k)])
            for k, d, s, shifts in zip(self.kernel, self.dilation, self.stride, self._shifts, strict=True)
        )
        i, j, p, q = (np.array(v) for v in (shift_i, shift_j, place_i, place_j))
        return kernels[i[:, None], j[None], p[:, None], q[None]]

    def _blocks(self, x: Float[Array, "inputs height width batch"]) -> Float[Array, "depth down across batch"]:
        """Padded x in blocks of `stride` places: a block's places and inputs are its depth."""
        (down, across), (p, q) = self._spans, self.stride
        edges = [(before, span * s - n - before, 0) for (before, _), span, s, n in self._edges()]
        padded = jax.lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *edges, (0, 0, 0)])
        split = padded.reshape(self.inputs, down, p, across, q, -1).transpose(2, 4, 0, 1, 3, 5)
        return split.reshape(p * q * self.inputs, down, across, -1)

    def _edges(self) -> Any:
        return zip(self.padding, self._spans, self.stride, self.size, strict=True)

    def _met(self, blocks: Float[Array, "depth down across batch"]) -> Float[Array, "shifts_depth positions"]:
        """For each shift the blocks that y's positions meet."""
        (down, across), (height, width) = self._shifts, self.output
        parts = [blocks[:, i : i + height, j : j + width].reshape(len(blocks), -1) for i in down for j in across]
        return jnp.concatenate(parts)

    def _spread(
        self, kernels: Float[Array, "i j p q inputs outputs"], y: Float[Array, "outputs height width batch"]
    ) -> Any:
        """The transpose of `_blocks` and `_met` after the product: what each position gives to x, added up."""
        (down, across), (height, width), (p, q) = self._spans, self.output, self.stride
        given = dot(kernels.reshape(-1, self.outputs), y.reshape(self.outputs, -1))
        given = given.reshape(*map(len, self._shifts), p * q * self.inputs, height, width, -1)
        total: Any = jnp.zeros((), given.dtype)
        for i, top in enumerate(self._shifts[0]):
            for j, left in enumerate(self._shifts[1]):
                edges = ((0, 0), (top, down - height - top), (left, across - width - left), (0, 0))
                total = total + jnp.pad(given[i, j], edges)
        whole = total.reshape(p, q, self.inputs, down, across, -1).transpose(2, 3, 0, 4, 1, 5)
        whole = whole.reshape(self.inputs, down * p, across * q, -1)
        edges = [(-before, n + before - span * s, 0) for (before, _), span, s, n in self._edges()]
        return jax.lax.pad(whole, jnp.zeros((), whole.dtype), [(0, 0, 0), *edges, (0, 0, 0)])


def inner(x: Float[Array, "batch height width channels"]) -> Float[Array, "channels height width batch"]:
    """The batch innermost."""
    return x.transpose(3, 1, 2, 0)


def outer(x: Float[Array, "channels height width batch"]) -> Float[Array, "batch height width channels"]:
    """The batch first again."""
    return x.transpose(3, 1, 2, 0)
