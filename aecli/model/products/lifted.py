"""A correlation's arguments as a CPU's products take them: linear maps of x, of the kernel, of y, and transposes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aecli.model.products.axes import POINTS, Axis, direct, toom_cook
from aecli.model.products.operands import turned
from aecli.model.products.windows import combined

if TYPE_CHECKING:
    from aecli.model.products.correlation import Correlation

MULTIPLICATION, STARTED = 1 / 32, 1e5  # a multiplication's and a product's time, in that of moving a number
Order = Callable[[list[int], list[int]], tuple[int, ...]]
HEIGHT, WIDTH = -3, -2  # of [..., height, width, batch]


def ways(form: Correlation, batch: int) -> tuple[Axis, Axis]:
    """How to go along height and along width: what moves and multiplies least."""
    down, across = (
        [direct(shifts, output), *(toom_cook(len(shifts), output, tile) for tile in _tiles(form, shifts))]
        for shifts, output in zip(form.shifts, form.output, strict=True)
    )
    tried = [(height, width) for width in across for height in down]  # of equals, along height longer runs move
    return min(tried, key=lambda found: _cost(form, found, batch))


def _tiles(form: Correlation, shifts: list[int]) -> range:
    """Tiles whose sums stay within float32's rounding; those of bfloat16 would not."""
    dense = len(shifts) > 1 and shifts[-1] == len(shifts) - 1
    return range(2, len(POINTS) + 3 - len(shifts)) if dense and form.precision != "bfloat16" else range(0)


def _cost(form: Correlation, found: tuple[Axis, Axis], batch: int) -> float:
    """In numbers moved: the operands, a product's multiplications, and starting each of several."""
    count, terms = prod(way.products for way in found), prod(way.terms for way in found)
    positions, depth = batch * prod(way.x.count for way in found), terms * prod(form.stride) * form.inputs
    moved = positions * (depth + form.outputs * (count > 1))
    return count * (moved + positions * depth * form.outputs * MULTIPLICATION + STARTED * (count > 1))


@dataclass(frozen=True)
class Lifted:
    """The form's maps for a way along height and a way along width."""

    form: Correlation
    height: Axis
    width: Axis

    @property
    def _along(self) -> list[tuple[int, Axis, int]]:
        """Height and width: the axis, the way, and where its sums go: several products before one product's terms."""
        products_before = int(self.height.kernel is not None)
        return [(HEIGHT, self.height, 0), (WIDTH, self.width, 0 if self.width.kernel else products_before)]

    @property
    def _products(self) -> list[int]:
        """Of each way that takes several, the last first."""
        return [way.products for way in (self.width, self.height) if way.kernel]

    def of_x(self, x: Float[Array, "inputs height width batch"]) -> Float[Array, "r depth positions"]:
        """Padded x in blocks of `stride` places, then the windows' sums along height and along width."""
        (p, q), (down, across) = self.form.stride, (self.height.x.length, self.width.x.length)
        padded = jax.lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *self._edges(), (0, 0, 0)])
        found = padded.reshape(self.form.inputs, down, p, across, q, -1).transpose(2, 4, 0, 1, 3, 5)
        for axis, way, at in self._along:
            found = way.x(found, found.ndim + axis, at)
        return found.reshape(prod(self._products), -1, prod(found.shape[HEIGHT:]))

    def to_x(self, sums: Float[Array, "r depth positions"]) -> Float[Array, "inputs height width batch"]:
        """The transpose of `of_x`."""
        (p, q), (down, across) = self.form.stride, (self.height.x.length, self.width.x.length)
        terms = [way.terms for way in (self.width, self.height) if not way.kernel]
        counts = (self.height.x.count, self.width.x.count)
        found = sums.reshape(*self._products, *terms, p, q, self.form.inputs, *counts, -1)
        for axis, way, at in self._along[::-1]:
            found = way.x.transposed(found, found.ndim - 1 + axis, at)
        whole = found.transpose(2, 3, 0, 4, 1, 5).reshape(self.form.inputs, down * p, across * q, -1)
        edges = [(-before, -after, 0) for before, after, _ in self._edges()]
        return jax.lax.pad(whole, jnp.zeros((), whole.dtype), [(0, 0, 0), *edges, (0, 0, 0)])

    def _edges(self) -> list[tuple[int, int, int]]:
        """What is put around x so that it has as many blocks as the windows reach over; less than none is cut."""
        given = zip(self.form.padding, (self.height, self.width), self.form.stride, self.form.size, strict=True)
        return [(before, way.x.length * s - n - before, 0) for (before, _), way, s, n in given]

    def of_y(self, y: Float[Array, "outputs height width batch"]) -> Float[Array, "r outputs positions"]:
        """The windows' sums of y, where a way takes any."""
        for axis, way, at in self._along:
            if way.y:
                edges = [(0, 0)] * y.ndim
                edges[axis] = (0, way.y.length - y.shape[axis])
                y = way.y(jnp.pad(y, edges), y.ndim + axis, at)
        return y.reshape(prod(self._products), self.form.outputs, -1)

    def to_y(self, sums: Float[Array, "r outputs positions"]) -> Float[Array, "outputs height width batch"]:
        """The transpose of `of_y`."""
        counts = (self.height.x.count, self.width.x.count)
        found = sums.reshape(*self._products, self.form.outputs, *counts, -1)
        for (axis, way, at), output in zip(self._along[::-1], self.form.output[::-1], strict=True):
            if way.y:
                found = way.y.transposed(found, found.ndim - 1 + axis, at)
                found = jax.lax.slice_in_dim(found, 0, output, axis=found.ndim + axis)
        return found

    def of_kernel(self, w: Float[Array, "height width inputs outputs"]) -> Float[Array, "r depth outputs"]:
        """Each way's sums of the taps that lie at one place of their blocks."""
        return self._summed(w, lambda several, terms: (*several, *terms, 2, 3, 4, 5)).reshape(
            prod(self._products), -1, self.form.outputs
        )

    def of_kernel_turned(self, w: Float[Array, "height width inputs outputs"]) -> Float[Array, "r outputs depth"]:
        """The same turned: the kernel is turned before its sums are taken, for they are more than it."""
        return self._summed(turned(w), lambda several, terms: (*several, 4, *terms, 2, 3, 5)).reshape(
            prod(self._products), self.form.outputs, -1
        )

    def _summed(self, w: Float[Array, "height width a b"], order: Order) -> Float[Array, "..."]:
        """[width, height, p, q, a, b]: products or terms of the ways, places within a block; then put in order."""
        found, ways_of = self._blocks(w), (self.width, self.height)
        for axis, way in enumerate(reversed(ways_of)):
            taps = [jax.lax.index_in_dim(found, i, axis, keepdims=False) for i in range(found.shape[axis])]
            found = jnp.stack(combined(way.kernel, taps) if way.kernel else taps)
        several = [axis for axis, way in enumerate(ways_of) if way.kernel]
        return found.transpose(order(several, [axis for axis in (0, 1) if axis not in several]))

    def to_kernel(self, sums: Float[Array, "r depth outputs"]) -> Float[Array, "height width inputs outputs"]:
        """The transpose of `of_kernel`."""
        like = jax.ShapeDtypeStruct(self.form.shape("w", 0), sums.dtype)
        return jax.linear_transpose(self.of_kernel, like)(sums)[0]

    def _blocks(self, w: Float[Array, "height width a b"]) -> Float[Array, "i j p q a b"]:
        """The taps by shift (i, j) and by place within a block (p, q); zero where there is no tap."""
        form = self.form
        full = [(shifts[-1] + 1) * s for shifts, s in zip(form.shifts, form.stride, strict=True)]
        taps = zip(full, form.kernel, form.dilation, strict=True)
        edges = [(0, n - (k - 1) * d - 1, d - 1) for n, k, d in taps]
        dilated = jax.lax.pad(w, jnp.zeros((), w.dtype), [*edges, (0, 0, 0), (0, 0, 0)])
        p, q = form.stride
        split = dilated.reshape(full[0] // p, p, full[1] // q, q, *w.shape[2:]).transpose(0, 2, 1, 3, 4, 5)
        some = split.shape[:2] != tuple(map(len, form.shifts))
        return split[np.ix_(*form.shifts)] if some else split
