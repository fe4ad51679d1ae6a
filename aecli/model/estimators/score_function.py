"""The bound with the score-function gradient: what there is without the reparameterisation trick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aecli.model.estimators.estimator import Draws, Estimator, averaged

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from aecli.model.bottlenecks.code import Code


class ScoreFunction(Estimator):
    """REINFORCE, for comparison: no gradient goes through a draw, each is pushed by how good it was.

    What it was worth is f_k = L(x, g(z_k)), with log q(z_k|x) - log p(z_k) where the rate is no closed form; its
    baseline b_k is the mean of the other draws' f, and 0 where there is one alone.
    """

    kind: Literal["score_function"] = "score_function"
    formula: ClassVar[str] = "the elbo, with gradient 1/K sum_k (f_k - b_k) dlog q(z_k|x)/dphi to the encoder"
    source: ClassVar[str] = "Williams 1992; Paisley et al. 2012; baseline: Kool et al. 2019"
    estimated: ClassVar[bool] = True

    def entering(self, code: Code, draws: int, weight: Float[Array, ""]) -> tuple[Code, Any]:
        """Codes that no gradient goes through."""
        from dataclasses import replace

        import jax

        return replace(code, value=jax.lax.stop_gradient(code.value)), None

    def loss(self, found: Draws) -> Float[Array, " batch"]:
        """The bound and, of value 0, what gives the encoder its gradient."""
        import jax
        import jax.numpy as jnp

        worth, shape = found.losses, found.losses.shape
        posterior, z = found.code.posterior, found.code.value
        log_q = jnp.sum(posterior.log_prob(z), axis=-1).reshape(shape)
        if not found.prior.closed:
            worth = worth + found.weight * (log_q - jnp.sum(found.prior.log_prob(z), axis=-1).reshape(shape))
        others = max(shape[0] - 1, 1)
        baseline = (worth.sum(axis=0) - worth) / others
        push = jax.lax.stop_gradient(worth - baseline) * (log_q - jax.lax.stop_gradient(log_q))
        return averaged(found.losses) + found.charge + averaged(push)
