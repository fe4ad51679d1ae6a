"""The standard normal prior."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aecli.model.priors.prior import Prior

if TYPE_CHECKING:
    from jaxtyping import Array, Float, Key


class Standard(Prior):
    """N(0, I): its KL from a Gaussian posterior is known in closed form."""

    kind: Literal["standard"] = "standard"
    formula: ClassVar[str] = "p(z) = N(z; 0, I)"
    source: ClassVar[str] = "Kingma & Welling 2014"

    def sample(self, key: Key[Array, ""], count: int, size: int) -> Float[Array, "count size"]:
        """Independent draws."""
        import jax

        return jax.random.normal(key, (count, size))

    def log_prob(self, z: Float[Array, " *batch size"]) -> Float[Array, " *batch size"]:
        """log N(z; 0, 1) per unit, nats."""
        import jax.numpy as jnp

        from aecli.model.distributions import LOG_2PI

        return -0.5 * (LOG_2PI + jnp.square(z))

    def rate(self, posterior: Any) -> Float[Array, "batch size"]:
        """KL(q(z|x) || p(z)) per unit, nats, in closed form."""
        return posterior.kl_to_standard()
