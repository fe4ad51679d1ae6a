"""What is done to a product's operands: rounded, and by the CPU programs turned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.layout import Layout, with_layout_constraint
from jax.experimental.xla_metadata import set_xla_metadata
from jaxtyping import Array, Float

from aecli.model.products.precision import Precision


def rounded(a: Any, b: Any, precision: Precision) -> tuple[Any, Any]:
    """Both in bfloat16 where that is asked for."""
    return (a.astype(jnp.bfloat16), b.astype(jnp.bfloat16)) if precision == "bfloat16" else (a, b)


def exactness(precision: Precision) -> jax.lax.Precision:
    """What GPU and TPU are told: left alone they round float32 operands, a GPU to 10 bits and a TPU to 7."""
    named = {"float32": jax.lax.Precision.HIGHEST, "tensorfloat32": jax.lax.Precision.HIGH}
    return named.get(precision, jax.lax.Precision.DEFAULT)


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
    found = jax.lax.dot_general(a, b, dimensions, jax.lax.Precision.DEFAULT, preferred_element_type=jnp.float32)
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
