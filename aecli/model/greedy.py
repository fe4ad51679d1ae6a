"""One layer of an autoencoder as an autoencoder of its own: what greedy pretraining minimises."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from aecli.model.autoencoder import Autoencoder, Modules
from aecli.model.corruptions.corruption import Corruption
from aecli.model.forward import Weights
from aecli.model.networks.layers import Mode
from aecli.model.sums import per_example

LOW, SHORT = 1e-30, 1e-7  # probability whose logarithm is taken, and its distance from 1, at least


def layer_loss(
    autoencoder: Autoencoder,
    weights: Weights,
    x: Float[Array, " batch *features"],
    key: Key[Array, ""],
    layer: int,
    corruption: Corruption,
    numbers: dict[str, Any],
    mask: Bool[Array, " batch"],
) -> Float[Array, " batch"]:
    """L(h, g_i(f_i(C(h)))) of layer i, h = f_{i-1}(... f_1(x)) what the layers below it make of the clean row.

    Layer 0 is reconstructed in the objective's own terms. Above it h is a mean: of sigmoid units the cross-entropy,
    sum_j -h_j log h^_j - (1 - h_j) log(1 - h^_j), in nats; of others the squared error, summed over units. No gradient
    reaches the layers below. Norms and dropout are as in evaluation. Source: Bengio et al. 2007; Vincent et al. 2010.
    """
    modules, corrupt = autoencoder.merged(weights), corruption.build()
    h = autoencoder.layout.inputs(x, jnp).reshape(x.shape[0], -1)
    for block in list(modules.encoder.layers)[:layer]:
        h = block(h, Mode(), None)
    h = jax.lax.stop_gradient(h)
    code = _coded(autoencoder, modules, corrupt(h, key, numbers)[0], weights, layer, mask)
    raw = _decoded(autoencoder, modules, code, layer)
    if layer == 0:
        return per_example(autoencoder.loss(x, autoencoder.output(weights, raw)))
    if autoencoder.model.encoder.activation == "sigmoid":  # pyright: ignore[reportAttributeAccessIssue]
        on, off = jnp.log(jnp.maximum(raw, LOW)), jnp.log1p(-jnp.minimum(raw, 1 - SHORT))
        return per_example(-h * on - (1 - h) * off)
    return per_example(jnp.square(raw - h))


def trains(layer: int, layers: int, path: tuple[str, ...]) -> bool:
    """Whether the parameter of this path is one of the layer's, of so many: its own or its mirror image's."""
    if path[0] == "bottleneck":
        return layer == layers - 1
    mine = ("head",) if layer == layers - 1 else ("encoder", "layers", str(layer))
    mirrored = ("decoder", "last") if layer == 0 else ("decoder", "layers", str(layers - 1 - layer))
    own = layer == 0 and path[0] == "reconstruction"
    return own or path[: len(mine)] == mine or path[: len(mirrored)] == mirrored


def _coded(
    autoencoder: Autoencoder,
    modules: Modules,
    h: Float[Array, "batch inputs"],
    weights: Weights,
    layer: int,
    mask: Bool[Array, " batch"],
) -> Float[Array, "batch outputs"]:
    """The layer applied; the highest is the bottleneck."""
    if layer < len(modules.encoder.layers):
        return modules.encoder.layers[layer](h, Mode(), None)
    return autoencoder.bottleneck(modules, weights, modules.head(h), None, Mode(train=True, mask=mask)).value


def _decoded(
    autoencoder: Autoencoder, modules: Modules, z: Float[Array, "batch outputs"], layer: int
) -> Float[Array, "batch inputs"]:
    """The layer's mirror image applied, with the kernel of the layer itself where they are tied."""
    kernels = autoencoder.tied_kernels(modules)
    kernel = None if kernels is None else kernels[len(kernels) - 1 - layer]
    if layer == 0:
        return modules.decoder.last(z, kernel).reshape(z.shape[0], *modules.decoder.shape)
    layers = modules.decoder.layers
    return layers[len(layers) - layer](z, Mode(), None, kernel)
