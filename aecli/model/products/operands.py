"""What the CPU programs do to a product's operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.layout import Layout, with_layout_constraint
from jax.experimental.xla_metadata import set_xla_metadata
from jaxtyping import Array, Float


def rounded(a: Any, b: Any, narrow: bool) -> tuple[Any, Any]:
    """Both in bfloat16 where `narrow`."""
    return (a.astype(jnp.bfloat16), b.astype(jnp.bfloat16)) if narrow else (a, b)


def dot(a: Float[Array, "*r m k"], b: Float[Array, "*r k n"]) -> Float[Array, "*r m n"]:
    """a b, or each of several products, summed in float32."""
    return _contracted(a, b, b.ndim - 2)


def dot_turned(a: Float[Array, "*r m k"], b: Float[Array, "*r n k"]) -> Float[Array, "*r m n"]:
    """a b', or each of several products, summed in float32."""
    return _contracted(a, b, b.ndim - 1)


def _contracted(a: Any, b: Any, axis: int) -> Any:
    """The barrier keeps a transposition of the result out of the dot.

    XLA's CPU backend settles early whether a library takes bfloat16 operands, and cannot run the dot at all where
    the form it settled on is folded into another one later.
    """
    several = tuple(range(a.ndim - 2))
    dimensions = (((a.ndim - 1,), (axis,)), (several, several))
    found = jax.lax.dot_general(a, b, dimensions, preferred_element_type=jnp.float32)
    return jax.lax.optimization_barrier(found) if a.dtype == jnp.bfloat16 else found


def turned(a: Float[Array, "*r k m"]) -> Float[Array, "*r m k"]:
    """a' as an array of its own.

    XLA would fold a transposition into the dot, and its CPU backend hands dots of that form to a slower library,
    bfloat16 ones after widening them.
    """
    return apart(_turned, a)


def _turned(a: Any) -> Any:
    return laid(a.mT)


def laid(a: Any) -> Any:
    """As its shape says: the last axis innermost. Else a transposition is put off, and done number by number later."""
    return with_layout_constraint(a, Layout(tuple(range(a.ndim))))


def apart(function: Callable[[Any], Any], a: Any) -> Any:
    """function(a) as a function of its own in the compiled program: nothing is fused into it, nor it into others.

    XLA's CPU backend fuses whatever it can, and repeats in each fusion what several need; a barrier does not stop it.
    """
    with set_xla_metadata(inlineable="false"):
        return jax.jit(function)(a)
