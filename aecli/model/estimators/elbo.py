"""The evidence lower bound, reparameterised."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from aecli.model.estimators.estimator import Draws, Estimator, averaged

if TYPE_CHECKING:
    from jaxtyping import Array, Float


class Elbo(Estimator):
    """The mean over draws, which the gradient reaches through z = mu + sigma * eps."""

    kind: Literal["elbo"] = "elbo"
    formula: ClassVar[str] = "1/K sum_k L(x, g(z_k)) + weight * KL(q(z|x) || p(z))"
    source: ClassVar[str] = "Kingma & Welling 2014"

    def loss(self, found: Draws) -> Float[Array, " batch"]:
        """The mean loss and the charge."""
        return averaged(found.losses) + found.charge
