"""Additive isotropic Gaussian noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from aecli.config.numbers import Number, Swept
from aecli.model.corruptions.corruption import Noise

if TYPE_CHECKING:
    from aecli.model.corruptions.corruption import Draw


class Gaussian(Noise):
    """Noise of standard deviation `scale`, in the model's units, on every feature."""

    kind: Literal["gaussian"] = "gaussian"
    scale: Annotated[Number, Swept(ge=0)] = Field(default=0.1, description="standard deviation of the noise")
    level: ClassVar[str] = "scale"
    formula: ClassVar[str] = "x~ = x + scale * eps, eps ~ N(0, I)"
    source: ClassVar[str] = "Vincent et al. 2010"

    def build(self) -> Draw:
        """Every feature is touched."""
        import jax
        import jax.numpy as jnp

        def draw(x, key, numbers):
            return x + numbers["scale"] * jax.random.normal(key, x.shape, x.dtype), jnp.ones(x.shape, bool)

        return draw
