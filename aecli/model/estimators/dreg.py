"""The importance-weighted bound with doubly reparameterised gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aecli.model.estimators.estimator import Draws, Estimator, bounded, held, log_ratio

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from aecli.model.bottlenecks.code import Code


class DReG(Estimator):
    """The bound of `iwae`; its gradient to the encoder keeps its signal where K is large.

    That gradient is sum_k v_k^2 (d log w_k / d z_k) (d z_k / d phi), v_k = w_k / sum_j w_j, with the posterior held in
    log q(z_k|x); to the decoder, and to a prior, it is iwae's, sum_k v_k d log w_k. With a rate of another weight beta
    than 1 it is v_k (1 - beta + beta v_k) for v_k^2: by the same derivation, so that it has no bias there either.
    """

    kind: Literal["dreg"] = "dreg"
    formula: ClassVar[str] = "-log 1/K sum_k w_k, with gradient sum_k v_k^2 dlog w_k/dz_k dz_k/dphi to the encoder"
    source: ClassVar[str] = "Tucker et al. 2019"
    estimated: ClassVar[bool] = True
    bound: ClassVar[bool] = False

    def entering(self, code: Code, draws: int, weight: Float[Array, ""]) -> tuple[Code, Any]:
        """Codes whose gradient is weighted by v_k on its way back, and the slot by which the v_k come."""
        from dataclasses import replace

        import jax.numpy as jnp

        z, slot = _weighted(code.value, jnp.zeros((draws, len(code.value) // draws), code.value.dtype), weight)
        return replace(code, value=z), slot

    def loss(self, found: Draws) -> Float[Array, " batch"]:
        """Minus the bound; the slot is 0, and the gradient that comes to it is v_k times the example's own."""
        import jax
        import jax.numpy as jnp

        log_weights = -found.losses - found.weight * log_ratio(found, held(found.code))
        shares = jax.lax.stop_gradient(jax.nn.softmax(log_weights, axis=0))
        return -bounded(log_weights) + jnp.sum(shares * found.apart, axis=0)


def _weighted(z: Float[Array, "rows size"], slot: Float[Array, "draws batch"], beta: Float[Array, ""]) -> Any:
    """z and slot as they are; backwards z's gradient is multiplied by 1 - beta + beta v_k.

    What reaches the slot of an example is g v_k, and the v_k sum to 1: its share of the sum is v_k, whatever g is.
    """
    import jax
    import jax.numpy as jnp

    def forward(z: Any, slot: Any, beta: Any) -> Any:
        return (z, slot), beta

    def backward(beta: Any, slopes: Any) -> Any:
        of_z, of_slot = slopes
        total = jnp.sum(of_slot, axis=0)
        shares = of_slot / jnp.where(total == 0, 1, total)  # 0 of a row that only fills the batch
        factors = 1 - beta + beta * shares.reshape(-1, 1)
        return of_z * factors, jnp.zeros_like(of_slot), jnp.zeros_like(beta)

    weighted = jax.custom_vjp(lambda z, slot, beta: (z, slot))
    weighted.defvjp(forward, backward)
    return weighted(z, slot, beta)
