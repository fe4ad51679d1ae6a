"""A trilinear form T(x, w, y), and the three bilinear maps that fix two of its arguments.

A linear layer's product and a convolution are both of this kind: y = B(x, w), and T(x, w, y) = <B(x, w), y>. Its
derivatives are the other two maps, so that the three close under differentiation: forward, reverse, of any order.
One primitive carries all forms; how a map is computed is chosen by platform, when it is lowered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

Slot = Literal["x", "w", "y"]
GIVEN: dict[Slot, tuple[Slot, Slot]] = {"y": ("x", "w"), "x": ("y", "w"), "w": ("x", "y")}  # by what is wanted


class Trilinear(ABC):
    """A form; equal forms are equal values (a frozen dataclass), for they are part of a compiled program's key."""

    @abstractmethod
    def shape(self, wanted: Slot, batch: int) -> tuple[int, ...]:
        """Of one argument; x and y begin with the batch."""

    @abstractmethod
    def plain(self, wanted: Slot, a: Any, b: Any) -> Any:
        """The map in the platform's own operations: right for GPU and TPU."""

    @abstractmethod
    def cpu(self, wanted: Slot, a: Any, b: Any) -> Any:
        """The same map as XLA's CPU backend computes it fastest."""

    def __call__(self, x: Float[Array, " batch *inputs"], w: Float[Array, "..."]) -> Float[Array, " batch *outputs"]:
        """y = B(x, w)."""
        return contract(self, "y", x, w)

    def transposed(self, y: Float[Array, " batch *outputs"], w: Float[Array, "..."]) -> Float[Array, " batch *inputs"]:
        """The x that T(., w, y) is the inner product with."""
        return contract(self, "x", y, w)


def contract(form: Trilinear, wanted: Slot, a: Any, b: Any) -> Any:
    """The argument `wanted` of the form, from the two others in the order of GIVEN; float32."""
    return trilinear_p.bind(a, b, form=form, wanted=wanted)


trilinear_p = Primitive("trilinear")


@trilinear_p.def_abstract_eval
def _shaped(a: Any, b: Any, *, form: Trilinear, wanted: Slot) -> Any:
    batch = 0 if wanted == "w" else a.shape[0]
    for slot, given in zip(GIVEN[wanted], (a, b), strict=True):
        expected = form.shape(slot, a.shape[0])
        if tuple(given.shape) != expected:
            raise TypeError(f"{form}: {slot} has the shape {tuple(given.shape)}, not {expected}")
    return ShapedArray(form.shape(wanted, batch), jnp.float32)


@partial(jax.jit, static_argnames=("form", "wanted"))
def _eager(a: Any, b: Any, *, form: Trilinear, wanted: Slot) -> Any:
    return contract(form, wanted, a, b)


trilinear_p.def_impl(_eager)


def _with_other(slot: Slot, wanted: Slot, form: Trilinear, cotangent: Any, other: tuple[Slot, Any]) -> Any:
    """The derivative of `wanted` by `slot`: the map that wants `slot`, of the cotangent and the other argument."""
    arguments = {wanted: cotangent, other[0]: other[1]}
    first, second = GIVEN[slot]
    return contract(form, slot, arguments[first], arguments[second])


def _by_first(cotangent: Any, a: Any, b: Any, *, form: Trilinear, wanted: Slot) -> Any:
    first, second = GIVEN[wanted]
    return _with_other(first, wanted, form, cotangent, (second, b))


def _by_second(cotangent: Any, a: Any, b: Any, *, form: Trilinear, wanted: Slot) -> Any:
    first, second = GIVEN[wanted]
    return _with_other(second, wanted, form, cotangent, (first, a))


ad.defbilinear(trilinear_p, _by_first, _by_second)


def _mapped(given: Any, axes: Any, *, form: Trilinear, wanted: Slot) -> Any:
    """Under vmap: what shares its weights is one larger batch; the rest is left to the platform's operations."""
    (a, b), (at_a, at_b) = given, axes
    if wanted == "w" or at_b is not None:
        return jax.vmap(partial(form.plain, wanted), (at_a, at_b))(a, b), 0
    stacked = jnp.moveaxis(a, at_a, 0)
    found = contract(form, wanted, stacked.reshape(-1, *stacked.shape[2:]), b)
    return found.reshape(*stacked.shape[:2], *found.shape[1:]), 0


batching.primitive_batchers[trilinear_p] = _mapped


def _on(platform: Literal["plain", "cpu"]) -> Any:
    def lowered(a: Any, b: Any, *, form: Trilinear, wanted: Slot) -> Any:
        return getattr(form, platform)(wanted, a, b)

    return mlir.lower_fun(lowered, multiple_results=False)


mlir.register_lowering(trilinear_p, _on("plain"))
mlir.register_lowering(trilinear_p, _on("cpu"), platform="cpu")
