"""The reparameterised Gaussian code of a variational autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from aecli.config.part import LIST
from aecli.model.bottlenecks.bottleneck import Bottleneck, Given
from aecli.model.priors import PRIORS
from aecli.model.priors.prior import Prior
from aecli.model.priors.standard import Standard

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from aecli.model.bottlenecks.code import Code
    from aecli.model.networks.keys import Keys


class Gaussian(Bottleneck):
    """q(z|x) = N(mu(x), diag sigma^2(x)), or with a full covariance L(x) L(x)'; charges KL(q(z|x) || p(z)).

    `full`: the encoder also gives L below its diagonal, size (size - 1) / 2 numbers, and log L_jj^2 on it.
    """

    kind: Literal["gaussian"] = "gaussian"
    covariance: Literal["diagonal", "full"] = Field(default="diagonal", description="of q(z|x)")
    log_variance: Annotated[tuple[float, float] | None, LIST] = Field(
        default=None, description="[low, high]: log sigma^2 (full: log L_jj^2) is clipped to it; null: it is free"
    )
    prior: Annotated[Prior, PRIORS] = Field(default=Standard(), description="p(z)")
    formula: ClassVar[str] = "z = mu + sigma * eps (full: mu + L eps), eps ~ N(0, I);  rate = KL(q(z|x) || p(z))"
    source: ClassVar[str] = "Kingma & Welling 2014; Rezende et al. 2014"
    stochastic: ClassVar[bool] = True

    @field_validator("log_variance")
    @classmethod
    def _ordered(cls, bounds: tuple[float, float] | None) -> tuple[float, float] | None:
        if bounds and bounds[0] >= bounds[1]:
            raise ValueError(f"the lower bound comes first: {bounds[0]:g} is not below {bounds[1]:g}")
        return bounds

    @property
    def outputs(self) -> int:
        """Mean and log-variance of each unit, and what a full covariance has below its diagonal."""
        below = self.size * (self.size - 1) // 2 if self.covariance == "full" else 0
        return 2 * self.size + below

    def own(self, inputs: tuple[int, ...], rngs: Keys) -> dict[str, Any]:
        """The prior's."""
        from flax import nnx

        own = self.prior.own(self.size, inputs, rngs)
        return {"prior": nnx.Dict(own)} if own else {}

    def posterior(self, h: Float[Array, "batch outputs"]) -> Any:
        """q(z|x) of what the encoder gives."""
        import jax.numpy as jnp

        from aecli.model.distributions import Normal

        mean, log_variance = h[..., : self.size], h[..., self.size : 2 * self.size]
        if self.log_variance:
            log_variance = jnp.clip(log_variance, *self.log_variance)
        if self.covariance == "diagonal":
            return Normal(mean, log_variance)
        from aecli.model.multivariate import MultivariateNormal, lower

        return MultivariateNormal(mean, lower(jnp.exp(0.5 * log_variance), h[..., 2 * self.size :]))

    def code(self, h: Float[Array, "batch outputs"], given: Given) -> Code:
        """The posterior, its mean, and a draw (the mean where no key is given)."""
        from aecli.model.bottlenecks.code import Code

        posterior = self.posterior(h)
        value = posterior.mean if given.key is None else posterior.sample(given.key)
        return Code(value, posterior.mean, posterior)
