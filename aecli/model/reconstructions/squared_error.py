"""Squared error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aecli.model.reconstructions.reconstruction import Reconstruction

if TYPE_CHECKING:
    from jaxtyping import Array, Float


class SquaredError(Reconstruction):
    """The sum over features of (x - x_hat)^2: up to a constant, the NLL of N(x_hat, 1/2), which elbo and nll use."""

    kind: Literal["squared_error"] = "squared_error"
    formula: ClassVar[str] = "L = sum_j (x_j - x_hat_j)^2;  as a density N(x_hat, 1/2)"

    def distribution(self, raw: Float[Array, " batch *features"], own: dict[str, Any], numbers: dict[str, Any]) -> Any:
        """N(raw, 1/2), the density whose NLL is the squared error plus (D/2) log pi."""
        import jax.numpy as jnp

        from aecli.model.distributions import Normal

        return Normal(raw, jnp.asarray(math.log(0.5), raw.dtype))

    def loss(self, x: Float[Array, " batch *features"], output: Any) -> Float[Array, " batch *features"]:
        """(x - x_hat)^2 per feature."""
        import jax.numpy as jnp

        return jnp.square(x - output.mean)
