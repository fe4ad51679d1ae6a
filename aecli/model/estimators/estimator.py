"""What an estimator is: what the decoder sees of the draws, and the loss that is made of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from aecli.config.part import Part

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from aecli.model.bottlenecks.code import Code


class Draws(NamedTuple):
    """K draws of each example: L(x, g(z)) of each, the code's rows in the same order (all examples of a draw, then the
    next), the density p(z), beta, the charge beta * rate with free bits and capacity, and what `entering` set apart.
    """

    losses: Float[Array, "draws batch"]
    code: Code
    prior: Any
    weight: Float[Array, ""]
    charge: Float[Array, " batch"]
    apart: Any


class Estimator(Part):
    """An estimate of the loss from K draws z_k ~ q(z|x), whose gradient is an estimate too."""

    estimated: ClassVar[bool] = False  # whether its gradient is another than the derivative of its value
    bound: ClassVar[bool] = True  # whether the loss is the weighted sum of its terms: minus the elbo at weight 1

    def entering(self, code: Code, draws: int, weight: Float[Array, ""]) -> tuple[Code, Any]:
        """What the decoder and the densities see, and what is set apart for `loss`; `weight` is beta."""
        return code, None

    @abstractmethod
    def loss(self, found: Draws) -> Float[Array, " batch"]:
        """Reconstruction and rate of each example, weighted."""


def averaged(values: Float[Array, " draws *rest"]) -> Float[Array, " *rest"]:
    """The mean over draws."""
    return values[0] if len(values) == 1 else values.mean(axis=0)


def log_ratio(found: Draws, code: Code) -> Float[Array, "draws batch"]:
    """log q(z|x) - log p(z) at each draw, nats."""
    import jax.numpy as jnp

    log_q = jnp.sum(code.posterior.log_prob(code.value), axis=-1)
    return (log_q - jnp.sum(found.prior.log_prob(code.value), axis=-1)).reshape(found.losses.shape)


def held(code: Code) -> Code:
    """The same code, whose posterior no gradient reaches but through its draws."""
    from dataclasses import replace

    import jax

    return replace(code, posterior=jax.lax.stop_gradient(code.posterior))


def bounded(log_weights: Float[Array, "draws batch"]) -> Float[Array, " batch"]:
    """log 1/K sum_k w_k."""
    import jax
    import jax.numpy as jnp

    return jax.nn.logsumexp(log_weights, axis=0) - jnp.log(log_weights.shape[0])
