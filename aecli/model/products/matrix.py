"""The product of a linear layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from aecli.model.products.operands import dot, dot_turned, exactness, rounded, turned
from aecli.model.products.precision import Precision
from aecli.model.products.trilinear import Slot, Trilinear


@dataclass(frozen=True)
class Product(Trilinear):
    """T(x, w, y) = sum x_bi w_ij y_bj. Sums are float32 in every precision.

    `turned`: beside layers that keep the batch innermost on a CPU, where x' and y' cost less than x and y.
    """

    inputs: int
    outputs: int
    precision: Precision = "float32"
    turned: bool = False

    def shape(self, wanted: Slot, batch: int) -> tuple[int, ...]:
        """x [batch, inputs], w [inputs, outputs], y [batch, outputs]."""
        return {"x": (batch, self.inputs), "w": (self.inputs, self.outputs), "y": (batch, self.outputs)}[wanted]

    def plain(self, wanted: Slot, a: Any, b: Any) -> Float[Array, "..."]:
        """One dot, whatever it contracts."""
        a, b = rounded(a, b, self.precision)
        contracted = {"y": ((1,), (0,)), "x": ((1,), (1,)), "w": ((0,), (0,))}[wanted]
        return jax.lax.dot_general(
            a, b, (contracted, ((), ())), exactness(self.precision), preferred_element_type=jnp.float32
        )

    def cpu(self, wanted: Slot, a: Any, b: Any) -> Float[Array, "..."]:
        """A kernel's gradient with its first operand turned: dots that contract first axes are slow there."""
        a, b = rounded(a, b, self.precision)
        if self.turned:
            return self._by_turned(wanted, a, b)
        if wanted == "w":
            return dot(turned(a), b)
        return dot(a, b) if wanted == "y" else dot_turned(a, b)

    def _by_turned(self, wanted: Slot, a: Any, b: Any) -> Float[Array, "..."]:
        """Of x' and y', for x' and y'. The barriers keep XLA from turning them back."""
        held = jax.lax.optimization_barrier
        if wanted == "w":
            return dot_turned(held(a.T), held(b.T))
        return held(dot(b if wanted == "x" else turned(b), held(a.T))).T
