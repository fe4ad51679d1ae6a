"""The contractive penalty: the squared Frobenius norm of the encoder's Jacobian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from aecli.model.networks.activations import Activation, activation, slope
from aecli.model.penalties.penalty import Penalty

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from aecli.model.forward import Pass
    from aecli.model.penalties.penalty import Omega


class Contractive(Penalty):
    """||d z / d x||_F^2 of the mean code at the clean input, network in evaluation mode.

    Exact in closed form for an mlp encoder of at most one hidden layer without norm or gates; elsewhere an unbiased
    estimate from random directions v, E_v ||J v||^2 with v of independent signs (Hutchinson 1990).
    """

    kind: Literal["contractive"] = "contractive"
    method: Literal["auto", "exact", "probes"] = Field(default="auto", description="auto: exact where it can be")
    probes: int = Field(default=1, ge=1, le=1024, description="random directions per example, where not exact")
    formula: ClassVar[str] = "Omega = ||d z / d x||_F^2 = sum_jk (d z_j / d x_k)^2"
    source: ClassVar[str] = "Rifai et al. 2011"

    def build(self, model: Any) -> Omega:
        """A value per example."""
        if self.method == "probes" or not _closed_form(model):
            return self._probed
        return lambda forward, parameters, numbers: _exact(model, forward.inputs, parameters)

    def fits(self, model: Any) -> str | None:
        """The exact form must exist where it is asked for."""
        if self.method != "exact" or _closed_form(model):
            return None
        return (
            "contractive with `method: exact` needs an mlp encoder of at most one width, without norm or gates: "
            "use `method: probes`, or shorten model.encoder.widths"
        )

    def _probed(self, forward: Pass, parameters: dict, numbers: dict) -> Float[Array, " batch"]:
        import jax
        import jax.numpy as jnp

        def squared(key):
            v = jax.random.rademacher(key, forward.inputs.shape, forward.inputs.dtype)
            return jnp.sum(jnp.square(jax.jvp(forward.encode, (forward.inputs,), (v,))[1]), axis=-1)

        return jnp.mean(jax.vmap(squared)(jax.random.split(forward.key, self.probes)), axis=0)


def _closed_form(model: Any) -> bool:
    encoder = model.encoder
    return encoder.kind == "mlp" and len(encoder.widths) <= 1 and encoder.norm == "none" and not encoder.gated


def _exact(model: Any, x: Float[Array, " batch *features"], parameters: dict) -> Float[Array, " batch"]:
    """Without a hidden layer z = c(W'x + b), so ||J||^2 = sum_j c'_j^2 ||w_j||^2.

    With one, J = diag(c') W2' diag(s') W1'; for a linear code ||J||^2 = s'' [(W2 W2') o (W1' W1)] s'.
    """
    import jax.numpy as jnp

    x = x.reshape(x.shape[0], -1)
    size = model.bottleneck.size
    code_activation: Activation = getattr(model.bottleneck, "activation", "linear")
    head = {name: leaf[..., :size] for name, leaf in parameters["head"].items()}  # the mean's part of it
    if not model.encoder.widths:
        c = slope(code_activation, x @ head["kernel"] + head["bias"])
        return jnp.square(c) @ jnp.sum(jnp.square(head["kernel"]), axis=0)
    hidden = parameters["encoder"]["layers"][0]["linear"]
    before = x @ hidden["kernel"] + hidden["bias"]
    s = slope(model.encoder.activation, before)
    gram = hidden["kernel"].T @ hidden["kernel"]
    if code_activation == "linear":
        return jnp.sum((s @ (gram * (head["kernel"] @ head["kernel"].T))) * s, axis=-1)
    c = slope(code_activation, activation(model.encoder.activation)(before) @ head["kernel"] + head["bias"])
    rows = s[:, :, None] * head["kernel"]  # diag(s') W2, [batch, hidden, size]
    return jnp.einsum("bj,bhj,hi,bij->b", jnp.square(c), rows, gram, rows)
