"""What the CPU programs do to a product's operands."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
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
    bfloat16 ones after widening them. The barriers keep it, and the detour over one axis resets the layout that the
    choice of library goes by.
    """
    flat = jax.lax.optimization_barrier(a.mT.reshape(-1))
    return jax.lax.optimization_barrier(flat.reshape(a.mT.shape))
