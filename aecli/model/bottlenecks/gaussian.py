"""The reparameterised Gaussian code of a variational autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from aecli.model.bottlenecks.bottleneck import Bottleneck, Given
from aecli.model.priors import PRIORS
from aecli.model.priors.prior import Prior
from aecli.model.priors.standard import Standard

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from aecli.model.bottlenecks.code import Code


class Gaussian(Bottleneck):
    """q(z|x) = N(mu(x), diag sigma^2(x)); charges KL(q(z|x) || p(z))."""

    kind: Literal["gaussian"] = "gaussian"
    prior: Annotated[Prior, PRIORS] = Field(default=Standard(), description="p(z)")
    formula: ClassVar[str] = "z = mu + sigma * eps, eps ~ N(0, I);  rate = KL(N(mu, sigma^2) || p(z))"
    source: ClassVar[str] = "Kingma & Welling 2014; Rezende et al. 2014"
    stochastic: ClassVar[bool] = True

    @property
    def outputs(self) -> int:
        """Mean and log-variance of each unit."""
        return 2 * self.size

    def code(self, h: Float[Array, "batch outputs"], given: Given) -> Code:
        """The posterior, its mean, and a draw (the mean where no key is given)."""
        from aecli.model.bottlenecks.code import Code
        from aecli.model.distributions import Normal

        posterior = Normal(h[..., : self.size], h[..., self.size :])
        value = posterior.mean if given.key is None else posterior.sample(given.key)
        return Code(value, posterior.mean, self.prior.rate(posterior), posterior)
