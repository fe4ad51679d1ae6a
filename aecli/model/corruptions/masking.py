"""Masking noise: features set to zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from aecli.config.numbers import Number, Swept
from aecli.model.corruptions.corruption import Noise

if TYPE_CHECKING:
    from aecli.model.corruptions.corruption import Draw


class Masking(Noise):
    """Each feature is set to zero with probability `rate`, independently."""

    kind: Literal["masking"] = "masking"
    rate: Annotated[Number, Swept(ge=0, le=1)] = Field(default=0.25, description="probability that a feature is hidden")
    replaces: ClassVar[bool] = True
    formula: ClassVar[str] = "x~_j = x_j * m_j, m_j ~ Bernoulli(1 - rate)"
    source: ClassVar[str] = "Vincent et al. 2008"

    def build(self) -> Draw:
        """The masked features are the touched ones."""
        import jax
        import jax.numpy as jnp

        def draw(x, key, numbers):
            hidden = jax.random.uniform(key, x.shape) < numbers["rate"]
            return jnp.where(hidden, 0, x), hidden

        return draw
