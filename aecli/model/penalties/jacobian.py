"""The encoder's Jacobian in closed form: J = C W_n' S_{n-1} ... W_2' S_1 W_1', C and S diagonals of slopes at x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from aecli.model.networks.activations import Activation, activation, slope

if TYPE_CHECKING:
    from jaxtyping import Array, Float

NEEDS = "needs an mlp encoder without norm or gates, and a bottleneck unit by unit (dense, gaussian)"


class Slopes(NamedTuple):
    """The layers' kernels and slopes at x, lowest first; the kernel of the mean code, and its slopes (None: linear)."""

    kernels: list[Any]
    slopes: list[Any]
    head: Any
    code: Any


def closed_form(model: Any) -> bool:
    """Whether a model's encoder has one here."""
    encoder = model.encoder
    plain = encoder.kind == "mlp" and encoder.norm == "none" and not encoder.gated
    return plain and model.bottleneck.elementwise


def slopes(model: Any, x: Float[Array, " batch *features"], parameters: dict) -> Slopes:
    """What the Jacobian of the mean code at x is made of."""
    size, name = model.bottleneck.size, model.encoder.activation
    code: Activation = getattr(model.bottleneck, "activation", "linear")
    head = {key: leaf[..., :size] for key, leaf in parameters["head"].items()}  # the mean's part of it
    layers = parameters.get("encoder", {}).get("layers", {})
    kernels, found, h = [], [], x.reshape(x.shape[0], -1)
    for i in sorted(layers, key=int):
        layer = layers[i]["linear"]
        before = h @ layer["kernel"] + layer["bias"]
        kernels.append(layer["kernel"])
        found.append(slope(name, before))
        h = activation(name)(before)
    c = None if code == "linear" else slope(code, h @ head["kernel"] + head["bias"])
    return Slopes(kernels, found, head["kernel"], c)


def rows(at: Slopes) -> Float[Array, "batch size width"]:
    """R of J = R W_1', for at least one hidden layer: the code's rows propagated down to the first."""
    found = at.head.T[None] if at.code is None else at.code[:, :, None] * at.head.T
    for kernel, above in zip(at.kernels[:0:-1], at.slopes[:0:-1], strict=True):
        found = (found * above[:, None, :]) @ kernel.T
    return found * at.slopes[0][:, None, :]


def squared(found: Float[Array, "batch size width"], first: Float[Array, "features width"]) -> Float[Array, " batch"]:
    """||R W_1'||_F^2 of each example, by W_1' W_1 where that is the smaller."""
    import jax.numpy as jnp

    if first.shape[1] <= first.shape[0]:
        return jnp.sum((found @ (first.T @ first)) * found, axis=(1, 2))
    return jnp.sum(jnp.square(found @ first.T), axis=(1, 2))
