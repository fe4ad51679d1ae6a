"""The variational mixture of posteriors as prior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from aecli.model.priors.prior import Prior

if TYPE_CHECKING:
    from aecli.model.densities import Density
    from aecli.model.networks.keys import Keys
    from aecli.model.priors.prior import Posterior


class Vamp(Prior):
    """VampPrior: the encoder's own posteriors of pseudo-inputs, which are learned; all weigh the same.

    They start near one point of the inputs' space, apart by noise, and are free to leave the data's range (the
    authors' code clips them to [0, 1]).
    """

    kind: Literal["vamp"] = "vamp"
    components: int = Field(default=500, ge=1, le=100_000, description="how many pseudo-inputs")
    mean: float = Field(default=0.05, description="of the pseudo-inputs' values at the start")
    spread: float = Field(default=0.01, ge=0, description="standard deviation of these")
    formula: ClassVar[str] = "p(z) = 1/K sum_k q(z|u_k);  rate = log q(z|x) - log p(z), z ~ q"
    source: ClassVar[str] = "Tomczak & Welling 2018"

    def own(self, size: int, inputs: tuple[int, ...], rngs: Keys) -> dict[str, Any]:
        """The pseudo-inputs u."""
        import jax
        from flax import nnx

        noise = jax.random.normal(rngs.params(), (self.components, *inputs))
        return {"pseudo_inputs": nnx.Param(self.mean + self.spread * noise)}

    def density(self, size: int, own: Mapping[str, Any], posterior: Posterior) -> Density:
        """The mixture of their posteriors."""
        import jax.numpy as jnp

        from aecli.model.densities import Mixed

        return Mixed(jnp.zeros(self.components), posterior(own["pseudo_inputs"][...]))
