"""The product of a convolutional layer (a correlation, as the field has it), and on a CPU its matrix forms.

XLA's CPU backend runs a convolution in a compiled loop far below the machine's speed; the same sums as matrix products
do not suffer. Arrays are turned so that the batch is the innermost axis: every shift, stride and pad then moves whole
runs of a batch, and a product has one long side.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
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
        """As products of patches [taps * inputs, positions * batch]."""
        a, b = rounded(a, b, self.narrow)
        if wanted == "y":
            batch = a.shape[0]
            out = dot(turned(b.reshape(-1, self.outputs)), self._patches(inner(a)))
            return outer(out.reshape(self.outputs, *self.output, batch))
        if wanted == "w":
            out = dot_turned(self._patches(inner(a)), inner(b).reshape(self.outputs, -1))
            return out.reshape(self.shape("w", 0))
        batch = a.shape[0]
        spread = dot(b.reshape(-1, self.outputs), inner(a).reshape(self.outputs, -1))
        return outer(self._added(spread.reshape(*self.kernel, self.inputs, *self.output, batch)))

    def _patches(self, x: Float[Array, "inputs height width batch"]) -> Float[Array, "taps positions"]:
        """For each tap and input, x where the kernel at each position has that tap."""
        padded = jnp.pad(x, ((0, 0), *self.padding, (0, 0)))
        parts = [padded[:, self._reach(0, i), self._reach(1, j)] for i, j in product(*map(range, self.kernel))]
        return jnp.stack(parts).reshape(len(parts) * self.inputs, -1)

    def _reach(self, axis: int, tap: int) -> slice:
        first = tap * self.dilation[axis]
        return slice(first, first + self.stride[axis] * (self.output[axis] - 1) + 1, self.stride[axis])

    def _added(self, spread: Float[Array, "tap tap inputs height width batch"]) -> Any:
        """The transpose of `_patches`: what each tap gives to each place of x, added up."""
        rows = [self._overlapped(1, spread[i]) for i in range(self.kernel[0])]
        whole = self._overlapped(0, jnp.stack(rows))
        (top, _), (left, _) = self.padding
        return whole[:, top : top + self.size[0], left : left + self.size[1]]

    def _overlapped(self, axis: int, parts: Float[Array, "tap inputs height width batch"]) -> Any:
        """Overlap-add along height or width: the positions of y become the places of the padded x.

        Places of one phase (their remainder by the stride) get their own taps: summed apart, then interleaved.
        """
        stride, place = self.stride[axis], axis + 1
        places = self.size[axis] + sum(self.padding[axis])
        long = -(-places // stride)
        phases = []
        for phase in range(stride):
            starts = {k: k * self.dilation[axis] for k in range(self.kernel[axis])}
            shifts = {k: start // stride for k, start in starts.items() if start % stride == phase}
            shifted = [_shifted(parts[k], place, shift, long) for k, shift in shifts.items()]
            phases.append(
                sum(shifted[1:], shifted[0]) if shifted else jnp.zeros_like(_shifted(parts[0], place, 0, long))
            )
        shape = list(phases[0].shape)
        shape[place] = long * stride
        return jax.lax.slice_in_dim(jnp.stack(phases, axis=place + 1).reshape(shape), 0, places, axis=place)


def _shifted(a: Any, axis: int, by: int, length: int) -> Any:
    """a moved by `by` along an axis of `length`, zeros around it; what would lie beyond the end is none of x's."""
    kept = jax.lax.slice_in_dim(a, 0, min(a.shape[axis], length - by), axis=axis)
    widths = [(0, 0)] * a.ndim
    widths[axis] = (by, length - by - kept.shape[axis])
    return jnp.pad(kept, widths)


def inner(x: Float[Array, "batch height width channels"]) -> Float[Array, "channels height width batch"]:
    """The batch innermost."""
    return x.transpose(3, 1, 2, 0)


def outer(x: Float[Array, "channels height width batch"]) -> Float[Array, "batch height width channels"]:
    """The batch first again."""
    return x.transpose(3, 1, 2, 0)
