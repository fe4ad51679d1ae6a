"""A sparse code of which one number says whether a unit speaks, and another how loudly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aecli.model.bottlenecks.bottleneck import Bottleneck, Given

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from aecli.model.bottlenecks.code import Code
    from aecli.model.networks.keys import Keys


class Gated(Bottleneck):
    """A unit speaks where its encoder output, the gate, is positive, as loudly as a rescaled copy of it says.

    A gate that is open or shut has no gradient: penalty gate_l1 charges how far gates are open, and
    gate_reconstruction what the gates alone would reconstruct, so that the charge does not make the code smaller.
    The paper's gate W (x - b_dec) + b_gate is h = W x + c here: c holds the decoder's part; the loudness has c, too,
    and its own b.
    """

    kind: Literal["gated"] = "gated"
    formula: ClassVar[str] = "z_j = [h_j > 0] relu(exp(r_j) h_j + b_j), h = W f(x) + c;  rate = 0"
    source: ClassVar[str] = "Rajamanoharan et al. 2024 (Improving Dictionary Learning with Gated Sparse Autoencoders)"
    elementwise: ClassVar[bool] = False

    def own(self, inputs: tuple[int, ...], rngs: Keys) -> dict[str, Any]:
        """r and b of each unit: 0, with which z = relu(h)."""
        import jax.numpy as jnp
        from flax import nnx

        return {"log_scale": nnx.Param(jnp.zeros((self.size,))), "bias": nnx.Param(jnp.zeros((self.size,)))}

    def code(self, h: Float[Array, "batch outputs"], given: Given) -> Code:
        """A point: value and mean agree."""
        import jax
        import jax.numpy as jnp

        from aecli.model.bottlenecks.code import Code

        loud = jax.nn.relu(jnp.exp(given.own["log_scale"][...]) * h + given.own["bias"][...])
        z = jnp.where(h > 0, loud, 0)
        return Code(z, z)
