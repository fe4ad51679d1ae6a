"""The importance-weighted bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from aecli.model.estimators.estimator import Draws, Estimator, bounded, log_ratio

if TYPE_CHECKING:
    from jaxtyping import Array, Float


class IWAE(Estimator):
    """The importance-weighted bound, tighter with each draw: K is `samples`, and K = 1 is the elbo at one draw."""

    kind: Literal["iwae"] = "iwae"
    formula: ClassVar[str] = "-log 1/K sum_k w_k,  log w_k = -L(x, g(z_k)) - weight * [log q(z_k|x) - log p(z_k)]"
    source: ClassVar[str] = "Burda et al. 2016"
    bound: ClassVar[bool] = False

    def loss(self, found: Draws) -> Float[Array, " batch"]:
        """Minus the bound."""
        return -bounded(-found.losses - found.weight * log_ratio(found, found.code))
