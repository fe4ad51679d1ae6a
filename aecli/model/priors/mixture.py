"""A mixture of Gaussians as prior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from aecli.model.priors.prior import Prior

if TYPE_CHECKING:
    from aecli.model.densities import Density
    from aecli.model.networks.keys import Keys
    from aecli.model.priors.prior import Posterior


class Mixture(Prior):
    """Gaussians whose weights, means and variances are learned with the rest; the rate is estimated at the draw."""

    kind: Literal["mixture"] = "mixture"
    components: int = Field(default=10, ge=1, le=100_000, description="how many Gaussians")
    formula: ClassVar[str] = "p(z) = sum_c w_c N(z; m_c, diag s_c^2);  rate = log q(z|x) - log p(z), z ~ q"
    source: ClassVar[str] = "Dilokthanakul et al. 2016; the `MoG` of Tomczak & Welling 2018"

    def own(self, size: int, inputs: tuple[int, ...], rngs: Keys) -> dict[str, Any]:
        """Equal weights, means from N(0, I), variances 1."""
        import jax
        import jax.numpy as jnp
        from flax import nnx

        shape = (self.components, size)
        return {
            "logits": nnx.Param(jnp.zeros(self.components)),
            "means": nnx.Param(jax.random.normal(rngs.params(), shape)),
            "log_variances": nnx.Param(jnp.zeros(shape)),
        }

    def density(self, size: int, own: Mapping[str, Any], posterior: Posterior) -> Density:
        """The mixture of what is learned."""
        from aecli.model.densities import Mixed
        from aecli.model.distributions import Normal

        return Mixed(own["logits"][...], Normal(own["means"][...], own["log_variances"][...]))
