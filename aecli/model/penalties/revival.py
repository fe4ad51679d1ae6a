"""What units that never speak could say of the error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from aecli.model.penalties.penalty import Penalty

if TYPE_CHECKING:
    from jaxtyping import Array, Bool, Float

    from aecli.model.forward import Pass
    from aecli.model.penalties.penalty import Omega


class Revival(Penalty):
    """The error of the reconstruction, itself reconstructed from dead units: its gradient reaches these alone.

    Dead is a unit that is zero for every row of the batch. Of each row the `units` dead ones of the largest encoder
    outputs, where these are positive, are passed through their own rows of the decoder's kernel, without its bias.
    Where none is dead there is nothing to bring back: Omega is 0. Encoder and decoder must be one linear layer each:
    units that speak would share what lies between. Categories of a table and holes have no error here.
    """

    kind: Literal["revival"] = "revival"
    units: int = Field(default=64, ge=1, le=1_000_000, description="k_aux, dead units that try, at most")
    formula: ClassVar[str] = "Omega = ||e - W' topk(relu(h_dead))||^2, e = x - x_hat without a gradient"
    source: ClassVar[str] = "Gao et al. 2024 (Scaling and evaluating sparse autoencoders), AuxK"
    holds: ClassVar[tuple[str, ...]] = ("encoder", "head", "bottleneck", "decoder", "reconstruction")

    def build(self, model: Any) -> Omega:
        """A value per example."""
        import jax
        import jax.numpy as jnp

        from aecli.model.bottlenecks.largest import largest
        from aecli.model.sums import per_example

        def omega(forward, parameters, numbers):
            spoke = jnp.any((forward.code.value != 0) & forward.mask[:, None], axis=0)
            h = jnp.where(spoke, 0, jax.nn.relu(forward.h))
            tried = jnp.where(largest(jax.lax.stop_gradient(h), jnp.int32(self.units)), h, 0)
            kernel = parameters["head"]["kernel"].T if model.tied else parameters["decoder"]["last"]["kernel"]
            error, known = _error(forward)
            left = jax.lax.stop_gradient(error) - tried @ kernel[:, : error.shape[1]]
            return jnp.where(jnp.all(spoke), 0, per_example(jnp.square(jnp.where(known, left, 0))))

        return omega

    def fits(self, model: Any) -> str | None:
        """One linear layer before the code, and one after it; and a code of one output a unit."""
        parts = (model.encoder, model.decoding)
        plain = all(part.kind in ("mlp", "unit_norm") and not part.widths for part in parts)
        if not plain:
            return "revival needs an encoder and a decoder of one linear layer each: {kind: mlp, widths: []}"
        if model.bottleneck.stochastic:
            return f"revival needs a code that is sparse: a {model.bottleneck.kind} one has no dead units"
        return None


def _error(forward: Pass) -> tuple[Float[Array, "batch numbers"], Bool[Array, "batch numbers"]]:
    """x - x_hat of the rows' numbers, flat, and which of them are no holes."""
    import jax.numpy as jnp

    x, x_hat = (a.reshape(a.shape[0], -1) for a in (forward.x, forward.output.mean))
    if layout := getattr(forward.output, "layout", None):
        x, x_hat = x[:, layout.numeric], x_hat[:, layout.numeric]
    known = ~jnp.isnan(x)
    return jnp.where(known, x, 0) - x_hat, known
