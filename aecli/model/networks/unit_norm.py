"""The linear decoder of a dictionary: each unit of the code writes along a direction of length 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aecli.config.part import Part
from aecli.model.products.precision import Precision

if TYPE_CHECKING:
    from aecli.model.networks.keys import Keys


class UnitNorm(Part):
    """One linear layer; what a unit writes is put back to norm 1 after each update.

    Else a penalty on the size of the code is cheated: the code shrinks and the decoder grows.
    """

    kind: Literal["unit_norm"] = "unit_norm"
    widths: ClassVar[tuple[int, ...]] = ()
    formula: ClassVar[str] = "g(z) = sum_j z_j w_j + b, ||w_j|| = 1 for each unit j"
    source: ClassVar[str] = "Olshausen & Field 1997; Bricken et al. 2023"

    def decoder(self, size: int, shape: tuple[int, ...], precision: Precision, rngs: Keys) -> Any:
        """The module [batch, size] -> [batch, *shape]."""
        from aecli.model.networks.layers import Linear, Perceptron, size_of

        last = Linear(size, size_of(shape), "linear", precision, rngs)
        last.kernel.set_value(directions(last.kernel[...]))
        return Perceptron([], last, shape)

    def refuses(self, shape: tuple[int, ...]) -> str | None:
        """Nothing: any shape is flattened."""
        return None

    def kept(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The decoder's parameters with every direction at length 1 again."""
        last = parameters["last"]
        return parameters | {"last": last | {"kernel": directions(last["kernel"])}}


def directions(kernel: Any) -> Any:
    """Each row, what one unit writes, divided by its norm."""
    import jax.numpy as jnp

    largest = jnp.max(jnp.abs(kernel), axis=1, keepdims=True)  # else squares of very small or large numbers are lost
    scaled = kernel / jnp.where(largest > 0, largest, 1)
    norm = jnp.sqrt(jnp.sum(jnp.square(scaled), axis=1, keepdims=True))
    return scaled / jnp.maximum(norm, 1)
