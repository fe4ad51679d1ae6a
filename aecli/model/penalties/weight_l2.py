"""L2 on the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from aecli.model.penalties.penalty import Penalty, weights

if TYPE_CHECKING:
    from aecli.model.penalties.penalty import Omega


class WeightL2(Penalty):
    """The sum of squares of the parameters; a textbook's lambda / (2m) is `weight / (2m)` here."""

    kind: Literal["weight_l2"] = "weight_l2"
    on: Literal["kernel", "bias", "both"] = Field(default="kernel", description="which parameters")
    formula: ClassVar[str] = "Omega = sum_w w^2  (a textbook's lambda / (2m) is weight / (2m) here)"
    unit: ClassVar[str] = "sum over parameters"

    def build(self, model: Any) -> Omega:
        """One number for the weights."""
        import jax.numpy as jnp

        def omega(forward, parameters, numbers):
            return sum((jnp.sum(jnp.square(w)) for w in weights(parameters, self.on)), start=jnp.zeros(()))

        return omega
