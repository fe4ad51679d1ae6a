"""A sparse code: of all units the k largest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from aecli.config.numbers import Number, Schedule, Swept
from aecli.model.bottlenecks.bottleneck import Bottleneck, Given
from aecli.model.networks.activations import Activation, activation

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from aecli.model.bottlenecks.code import Code


class TopK(Bottleneck):
    """Each example keeps its k largest units, and k alpha of them where a code is applied: the others are zero.

    A schedule anneals k (Makhzani & Frey begin with many: else units that are never among the largest stay unused).
    """

    kind: Literal["top_k"] = "top_k"
    k: Annotated[Number, Swept(ge=1)] = Field(
        default=2.0, description="units that are kept; a schedule anneals it, rounded"
    )
    alpha: Annotated[Number, Swept(ge=1)] = Field(default=1.0, description="times k are kept by embed, eval and others")
    activation: Activation = Field(default="linear", description="applied to the units that are kept")
    formula: ClassVar[str] = (
        "z_j = activation(h_j) where h_j is among the k largest of h = W f(x) + b, else 0;  rate = 0"
    )
    source: ClassVar[str] = "Makhzani & Frey 2014"
    elementwise: ClassVar[bool] = False

    @model_validator(mode="after")
    def _within(self) -> TopK:
        for k in (self.k.start, self.k.last) if isinstance(self.k, Schedule) else (self.k,):
            if round(k) > self.size:
                raise ValueError(f"k is {k:g}, but the code has {self.size} units")
        if not isinstance(self.k, Schedule) and self.k != round(self.k):
            raise ValueError(f"k is {self.k:g}, and units are whole: only a schedule's k is rounded on its way")
        return self

    def code(self, h: Float[Array, "batch outputs"], given: Given) -> Code:
        """`value` keeps k units, `mean` k alpha of them; nothing is charged."""
        import jax.numpy as jnp

        from aecli.model.bottlenecks.code import Code
        from aecli.model.bottlenecks.largest import largest

        z = activation(self.activation)(h)
        value, mean = (
            jnp.where(largest(h, jnp.round(count).astype(jnp.int32)), z, 0.0)
            for count in (given.numbers["k"], given.numbers["k"] * given.numbers["alpha"])
        )
        return Code(value, mean)
