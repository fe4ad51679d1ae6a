"""Salt-and-pepper noise: features set to the lowest or highest value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from aecli.config.numbers import Number, Swept
from aecli.model.corruptions.corruption import Noise

if TYPE_CHECKING:
    from aecli.model.corruptions.corruption import Draw


class SaltAndPepper(Noise):
    """Each feature becomes 0 or 1, by a fair coin, with probability `rate`: for data in [0, 1]."""

    kind: Literal["salt_and_pepper"] = "salt_and_pepper"
    rate: Annotated[Number, Swept(ge=0, le=1)] = Field(
        default=0.25, description="probability that a feature is replaced"
    )
    replaces: ClassVar[bool] = True
    formula: ClassVar[str] = "x~_j = s_j with probability rate, else x_j; s_j ~ Bernoulli(1/2)"
    source: ClassVar[str] = "Vincent et al. 2010"

    def build(self) -> Draw:
        """The replaced features are the touched ones."""
        import jax
        import jax.numpy as jnp

        def draw(x, key, numbers):
            u = jax.random.uniform(key, x.shape)  # below rate: touched; its lower half: pepper
            touched = u < numbers["rate"]
            salt = u >= 0.5 * numbers["rate"]
            return jnp.where(touched, salt.astype(x.dtype), x), touched

        return draw
