"""A sparse code: the largest units of a whole batch, not so many of each row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from aecli.config.numbers import Number, Schedule, Swept
from aecli.model.bottlenecks.bottleneck import Bottleneck, Given

if TYPE_CHECKING:
    from jaxtyping import Array, Bool, Float

    from aecli.model.bottlenecks.code import Code
    from aecli.model.networks.keys import Keys

STEP = 0.1  # of the threshold's running mean, as of batch norm's


class BatchTopK(Bottleneck):
    """A batch of n rows keeps its k n largest units: a row that is hard to describe has more of them than k.

    Where a code is applied, and in validation, a unit is kept if it reaches a threshold: the running mean of the
    smallest that the batches of training kept, so that a row's code does not depend on its neighbours. A batch moves
    it by 0.1 times its share of real rows; from the first batch on it is a mean of what was seen. k is one number: as
    it fell, an early checkpoint would have the threshold, and with it the validation loss, of a larger k.
    """

    kind: Literal["batch_top_k"] = "batch_top_k"
    k: Annotated[Number, Swept(ge=1)] = Field(
        default=2.0, description="units that are kept, on average over a batch; it does not change"
    )
    formula: ClassVar[str] = (
        "z_ij = relu(h_ij) where among the k n largest of n rows (applied: where >= a threshold), else 0;  rate = 0"
    )
    source: ClassVar[str] = "Bussmann, Leask & Nanda 2024"
    elementwise: ClassVar[bool] = False

    @model_validator(mode="after")
    def _within(self) -> BatchTopK:
        k = self.k.last if isinstance(self.k, Schedule) else self.k
        if isinstance(self.k, Schedule) and self.k.kind != "constant":
            raise ValueError("k of batch_top_k is one number: an annealed k belongs to top_k")
        if k > self.size:
            raise ValueError(f"k is {k:g}, but the code has {self.size} units")
        return self

    def own(self, inputs: tuple[int, ...], rngs: Keys) -> dict[str, Any]:
        """The threshold, which before any training keeps what is positive, and the weight of what it is a mean of."""
        import jax.numpy as jnp
        from flax import nnx

        return {"threshold": nnx.BatchStat(jnp.zeros(())), "weight": nnx.BatchStat(jnp.zeros(()))}

    def code(self, h: Float[Array, "batch outputs"], given: Given) -> Code:
        """`value` keeps the largest of the batch in training, and what reaches the threshold else, as `mean` does."""
        import jax
        import jax.numpy as jnp

        from aecli.model.bottlenecks.code import Code

        z = jax.nn.relu(h)
        threshold, weight = given.own["threshold"][...], given.own["weight"][...]
        mean = jnp.where(z >= threshold, z, 0)
        if not given.mode.train:
            return Code(mean, mean)
        real = jnp.ones(h.shape[0], bool) if given.mode.mask is None else given.mode.mask
        kept = _kept(jax.lax.stop_gradient(z), real, given.numbers["k"])
        smallest = jnp.min(jnp.where(kept, z, jnp.inf))
        step = jnp.where(jnp.any(kept), STEP * jnp.mean(real), 0)
        weight = weight + step * (1 - weight)
        share = step / jnp.where(weight > 0, weight, 1)
        given.own["threshold"].set_value(
            threshold + share * (jnp.where(jnp.any(kept), smallest, threshold) - threshold)
        )
        given.own["weight"].set_value(weight)
        return Code(jnp.where(kept, z, 0), mean)


def _kept(z: Float[Array, "batch size"], real: Bool[Array, " batch"], k: Float[Array, ""]) -> Bool[Array, "batch size"]:
    """The k n largest units of n real rows; those alone that are positive."""
    import jax.numpy as jnp

    from aecli.model.bottlenecks.largest import largest

    speaks = real[:, None] & (z > 0)
    count = jnp.round(k * jnp.sum(real)).astype(jnp.int32)
    flat = jnp.where(speaks, z, 0).reshape(1, -1)
    return largest(flat, count).reshape(z.shape) & speaks
