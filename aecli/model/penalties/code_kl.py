"""KL sparsity of the code's mean activation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from aecli.config.numbers import Number, Swept
from aecli.model.penalties.penalty import Penalty

if TYPE_CHECKING:
    from aecli.model.penalties.penalty import Omega

# They keep the logarithm of a dead or a saturated unit finite: as near 0 and 1 as a float32 sigmoid tells apart, since
# beyond them a unit has no gradient that could bring it back.
LOW, SHORT = 1e-30, 1e-7


class CodeKL(Penalty):
    """Each unit's mean activation over the batch, rho_hat_j, is drawn to `target`; for codes in (0, 1)."""

    kind: Literal["code_kl"] = "code_kl"
    target: Annotated[Number, Swept(gt=0, lt=1)] = Field(default=0.05, description="rho, the mean activation wanted")
    formula: ClassVar[str] = "Omega = sum_j [rho log(rho / rho_hat_j) + (1-rho) log((1-rho) / (1-rho_hat_j))]"
    source: ClassVar[str] = "Ng 2011 (CS294A notes); Lee et al. 2008"
    unit: ClassVar[str] = "nats, of a batch's mean activations"

    def build(self, model: Any) -> Omega:
        """One number a batch: the mean runs over its real rows."""
        import jax.numpy as jnp

        def omega(forward, parameters, numbers):
            mask, rows = forward.mask[:, None], jnp.maximum(jnp.sum(forward.mask), 1)
            on, off = (
                jnp.sum(jnp.where(mask, share, 0), axis=0) / rows
                for share in (forward.code.value, 1 - forward.code.value)
            )
            rho = numbers["target"]
            spoken = rho * (jnp.log(rho) - jnp.log(jnp.maximum(on, LOW)))
            silent = (1 - rho) * (jnp.log1p(-rho) - jnp.log(jnp.maximum(off, SHORT)))
            return jnp.sum(spoken + silent)

        return omega

    def fits(self, model: Any) -> str | None:
        """The code must lie in (0, 1)."""
        if getattr(model.bottleneck, "activation", None) == "sigmoid":
            return None
        return "code_kl needs a code between 0 and 1: set model.bottleneck to {kind: dense, activation: sigmoid}"
