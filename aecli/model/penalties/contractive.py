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

    Exact for an mlp encoder without norm or gates, and a code of which no unit depends on another; elsewhere an
    unbiased estimate from random directions v, E_v ||J v||^2 with v of independent signs (Hutchinson 1990).
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
        needs = "needs an mlp encoder without norm or gates, and a bottleneck unit by unit (dense, gaussian)"
        return f"contractive with `method: exact` {needs}: use `method: probes`"

    def _probed(self, forward: Pass, parameters: dict, numbers: dict) -> Float[Array, " batch"]:
        import jax
        import jax.numpy as jnp

        def squared(key):
            v = jax.random.rademacher(key, forward.inputs.shape, forward.inputs.dtype)
            return jnp.sum(jnp.square(jax.jvp(forward.encode, (forward.inputs,), (v,))[1]), axis=-1)

        return jnp.mean(jax.vmap(squared)(jax.random.split(forward.key, self.probes)), axis=0)


def _closed_form(model: Any) -> bool:
    encoder = model.encoder
    plain = encoder.kind == "mlp" and encoder.norm == "none" and not encoder.gated
    return plain and model.bottleneck.elementwise


def _exact(model: Any, x: Float[Array, " batch *features"], parameters: dict) -> Float[Array, " batch"]:
    """||C W_n' S_{n-1} ... W_2' S_1 W_1'||_F^2, C and S the diagonals of the layers' slopes at x.

    Without a hidden layer it is sum_j c_j^2 ||w_j||^2; with one and a linear code s' [(W_2 W_2') o (W_1' W_1)] s; else
    the code's rows are propagated down, and the last product is one with W_1' W_1 where that is the smaller.
    """
    import jax.numpy as jnp

    size = model.bottleneck.size
    code: Activation = getattr(model.bottleneck, "activation", "linear")
    head = {name: leaf[..., :size] for name, leaf in parameters["head"].items()}  # the mean's part of it
    layers = [layer["linear"] for layer in _in_order(parameters.get("encoder", {}).get("layers", {}))]
    slopes, h = _slopes(model.encoder.activation, layers, x.reshape(x.shape[0], -1))
    c = None if code == "linear" else slope(code, h @ head["kernel"] + head["bias"])
    if not layers:
        squared = jnp.sum(jnp.square(head["kernel"]), axis=0)
        return jnp.broadcast_to(jnp.sum(squared), x.shape[:1]) if c is None else jnp.square(c) @ squared
    first, s = layers[0]["kernel"], slopes[0]
    gram = first.T @ first
    if len(layers) == 1 and c is None:
        return jnp.sum((s @ (gram * (head["kernel"] @ head["kernel"].T))) * s, axis=-1)
    rows = head["kernel"].T[None] if c is None else c[:, :, None] * head["kernel"].T
    for layer, above in zip(layers[:0:-1], slopes[:0:-1], strict=True):
        rows = (rows * above[:, None, :]) @ layer["kernel"].T
    rows = rows * s[:, None, :]
    if first.shape[1] <= first.shape[0]:
        return jnp.sum((rows @ gram) * rows, axis=(1, 2))
    return jnp.sum(jnp.square(rows @ first.T), axis=(1, 2))


def _slopes(
    name: Activation, layers: list[dict[str, Any]], h: Float[Array, "batch inputs"]
) -> tuple[list[Float[Array, "batch width"]], Float[Array, "batch width"]]:
    """Each layer's s'(W'h + b), first layer first, and the last layer's output."""
    found = []
    for layer in layers:
        before = h @ layer["kernel"] + layer["bias"]
        found.append(slope(name, before))
        h = activation(name)(before)
    return found, h


def _in_order(layers: dict[Any, Any]) -> list[Any]:
    return [layers[i] for i in sorted(layers, key=int)]
