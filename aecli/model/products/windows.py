"""Sums over windows that slide along one axis, and their transpose: additions of whole runs, fused by the compiler."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import jax.numpy as jnp
from jax import lax

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Windows:
    """out[i, k] = sum_l matrix[i][l] x[l + stride k], k < count: a window's `width` places to as many sums as rows."""

    matrix: Matrix
    stride: int
    count: int

    @property
    def width(self) -> int:
        """Places of a window."""
        return len(self.matrix[0])

    @property
    def length(self) -> int:
        """Places that all windows reach over."""
        return (self.count - 1) * self.stride + self.width

    def __call__(self, x: Any, axis: int, at: int) -> Any:
        """x's `axis`, of `length` places, becomes `count` windows; their sums are a new axis `at`."""
        last = (self.count - 1) * self.stride + 1
        parts = [lax.slice_in_dim(x, place, place + last, self.stride, axis) for place in range(self.width)]
        return jnp.stack(combined(self.matrix, parts), at)

    def transposed(self, sums: Any, axis: int, at: int) -> Any:
        """The transpose: the axis `at` goes, `axis` (of what is left) has `length` places again."""
        parts = [jnp.squeeze(part, at) for part in jnp.split(sums, len(self.matrix), at)]
        places = combined(tuple(zip(*self.matrix, strict=True)), parts)
        groups = [places[first : first + self.stride] for first in range(0, self.width, self.stride)]
        placed = [self._placed(group, turn * self.stride, axis) for turn, group in enumerate(groups)]
        return reduce(add, placed)

    def _placed(self, group: list[Any], first: int, axis: int) -> Any:
        """Neighbouring places of every window at their place in x, zeros elsewhere."""
        if len(group) < self.stride:
            return reduce(add, [self._spread(part, first + i, self.stride - 1, axis) for i, part in enumerate(group)])
        whole = jnp.stack(group, axis + 1) if len(group) > 1 else group[0]
        shape = (*whole.shape[:axis], -1, *whole.shape[axis + min(len(group), 2) :])
        return self._spread(whole.reshape(shape), first, 0, axis)

    def _spread(self, part: Any, before: int, between: int, axis: int) -> Any:
        reached = before + (part.shape[axis] - 1) * (between + 1) + 1
        edges = [(0, 0, 0)] * part.ndim
        edges[axis] = (before, self.length - reached, between)
        return lax.pad(part, jnp.zeros((), part.dtype), edges)


def combined(matrix: Matrix, parts: list[Any]) -> list[Any]:
    """matrix @ parts, without what a zero or a one would multiply."""
    rows = [[_times(number, part) for number, part in zip(row, parts, strict=True) if number] for row in matrix]
    return [reduce(add, row) if row else jnp.zeros_like(parts[0]) for row in rows]


def _times(number: float, part: Any) -> Any:
    return part if number == 1 else -part if number == -1 else number * part
