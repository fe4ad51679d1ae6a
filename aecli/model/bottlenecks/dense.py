"""The deterministic code."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from aecli.model.bottlenecks.bottleneck import Bottleneck, Given
from aecli.model.networks.activations import Activation, activation

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from aecli.model.bottlenecks.code import Code


class Dense(Bottleneck):
    """z = s(h): linear by default, which with linear networks spans PCA's subspace (Baldi & Hornik 1989)."""

    kind: Literal["dense"] = "dense"
    activation: Activation = Field(default="linear", description="applied to the code")
    formula: ClassVar[str] = "z = activation(W f(x) + b);  rate = 0"
    source: ClassVar[str] = "Hinton & Salakhutdinov 2006"

    def code(self, h: Float[Array, "batch outputs"], given: Given) -> Code:
        """A point: value and mean agree."""

        from aecli.model.bottlenecks.code import Code

        z = activation(self.activation)(h)
        return Code(z, z)
