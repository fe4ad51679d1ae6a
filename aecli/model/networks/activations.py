"""The element-wise non-linearities, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from jaxtyping import Array, Float

Activation = Literal[
    "linear", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "tanh", "sigmoid"
]  # fmt: skip
_SATURATING = ("linear", "tanh", "sigmoid")


def activation(name: Activation) -> Callable[[Float[Array, "..."]], Float[Array, "..."]]:
    """The function called `name`."""
    import jax

    return (lambda x: x) if name == "linear" else getattr(jax.nn, name)


def slope(name: Activation, x: Float[Array, "..."]) -> Float[Array, "..."]:
    """s'(x), element by element."""
    import jax
    import jax.numpy as jnp

    return jax.jvp(activation(name), (x,), (jnp.ones_like(x),))[1]


def kernel_initializer(name: Activation) -> Callable:
    """He (2015) before units that rectify, Glorot (2010) before the others."""
    import jax

    if name in _SATURATING:
        return jax.nn.initializers.glorot_uniform()
    return jax.nn.initializers.he_normal()
