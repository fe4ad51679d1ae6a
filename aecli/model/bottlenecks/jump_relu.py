"""A sparse code of units that speak above a threshold of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from aecli.config.numbers import Number, Swept
from aecli.model.bottlenecks.bottleneck import Bottleneck, Given

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from aecli.model.bottlenecks.code import Code
    from aecli.model.networks.keys import Keys


class JumpReLU(Bottleneck):
    """A unit is its encoder output above its threshold, undiminished, and 0 below; thresholds are learned.

    A jump has no gradient for its threshold: an estimate from the outputs within `bandwidth` of it stands in
    (straight through, a rectangle as kernel). Penalty code_l0 charges how many units speak; without it no threshold
    has a reason to rise.
    """

    kind: Literal["jump_relu"] = "jump_relu"
    threshold: float = Field(default=0.1, gt=0, le=1e6, description="theta of each unit before training")
    bandwidth: Annotated[Number, Swept(gt=0, applied=False)] = Field(
        default=0.1, description="epsilon, the width about theta whose outputs move it"
    )
    formula: ClassVar[str] = "z_j = h_j [h_j > theta_j], theta_j = exp(log_threshold_j) learned;  rate = 0"
    source: ClassVar[str] = "Rajamanoharan et al. 2024 (Jumping Ahead); Erichson et al. 2019"
    elementwise: ClassVar[bool] = False
    straight_through: ClassVar[tuple[str, ...]] = ("log_threshold",)

    def own(self, inputs: tuple[int, ...], rngs: Keys) -> dict[str, Any]:
        """log theta of each unit."""
        import jax.numpy as jnp
        from flax import nnx

        return {"log_threshold": nnx.Param(jnp.full((self.size,), jnp.log(self.threshold)))}

    def code(self, h: Float[Array, "batch outputs"], given: Given) -> Code:
        """A point, and which units are active."""
        import jax.numpy as jnp

        from aecli.model.bottlenecks.code import Code
        from aecli.model.bottlenecks.jump import jump, step

        theta, bandwidth = jnp.exp(given.own["log_threshold"][...]), given.numbers["bandwidth"]
        z = jump(h, theta, bandwidth)
        return Code(z, z, active=step(h, theta, bandwidth))
