"""Gaussian features, of fixed or learned variance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from aecli.config.numbers import Number, Swept
from aecli.model.reconstructions.reconstruction import Reconstruction

if TYPE_CHECKING:
    from jaxtyping import Array, Float


class Gaussian(Reconstruction):
    """Negative log-density of N(x_hat, variance): fixed, one learned for all features, or one learned for each."""

    kind: Literal["gaussian"] = "gaussian"
    variance: Annotated[Number, Swept(gt=0, words=("learned", "learned_per_feature"))] = Field(
        default=1.0, description="sigma^2: a number, `learned` (shared) or `learned_per_feature`"
    )
    formula: ClassVar[str] = "L = 1/2 sum_j [log(2 pi sigma_j^2) + (x_j - x_hat_j)^2 / sigma_j^2]"
    source: ClassVar[str] = "Kingma & Welling 2014; learned variance: Lucas et al. 2019, Rybkin et al. 2021"

    def initial(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """log sigma^2 = 0, where it is learned."""
        import jax.numpy as jnp

        if not isinstance(self.variance, str):
            return {}
        return {"log_variance": jnp.zeros(shape if self.variance == "learned_per_feature" else (), jnp.float32)}

    def distribution(self, raw: Float[Array, " batch *features"], own: dict[str, Any], numbers: dict[str, Any]) -> Any:
        """N(raw, variance)."""
        import jax.numpy as jnp

        from aecli.model.distributions import Normal

        return Normal(raw, own["log_variance"] if own else jnp.log(numbers["variance"]))
