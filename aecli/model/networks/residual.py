"""Residual blocks and the networks made of them, as Flax NNX modules."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from aecli.model.networks.activations import activation
from aecli.model.networks.convolutions import Convolution, enlarging
from aecli.model.networks.geometry import forms, unstrided
from aecli.model.networks.keys import Keys
from aecli.model.networks.layers import Linear, Mode, norm_of, normalized, size_of
from aecli.model.networks.network import Precision
from aecli.model.products.correlation import Correlation, Pair


class Before(nnx.Module):
    """Norm and activation, which come before a layer here."""

    def __init__(self, spec: Any, width: int, rngs: Keys):
        self.norm, self.activation = norm_of(spec.norm, width, rngs), spec.activation

    def __call__(self, h: Float[Array, " batch *places width"], mode: Mode) -> Float[Array, " batch *places width"]:
        """Both applied."""
        return activation(self.activation)(normalized(self.norm, h, mode))


class Residual(nnx.Module):
    """h + V * s(norm(U * s(norm(h)))); V starts at zero, so that a block starts as the identity (Goyal et al. 2017)."""

    def __init__(self, spec: Any, size: Pair, width: int, precision: Precision, rngs: Keys):
        kernel = (spec.kernel, spec.kernel)
        form = unstrided(Correlation(size, width, width, kernel, precision=precision))
        self.before = nnx.List([Before(spec, width, rngs) for _ in range(2)])
        self.layers = nnx.List([Convolution(form, spec.activation, rngs) for _ in range(2)])
        # Not kernel[...] = zeros: of traced values flax asks what costs JAX more, the more has been traced before.
        self.layers[1].kernel.set_value(jnp.zeros_like(self.layers[1].kernel[...]))

    def __call__(self, h: Float[Array, "batch height width channels"], mode: Mode) -> Any:
        """The block applied."""
        change = h
        for before, layer in zip(self.before, self.layers, strict=True):
            change = layer(before(change, mode))
        return h + change


class Unfolded(nnx.Module):
    """A dense layer whose outputs are an image."""

    def __init__(self, linear: Linear, shape: tuple[int, ...]):
        self.linear, self.shape = linear, shape

    def __call__(self, z: Float[Array, "batch size"]) -> Float[Array, "batch height width channels"]:
        """The layer applied."""
        return self.linear(z).reshape(z.shape[0], *self.shape)


class Stage(nnx.Module):
    """A layer that changes the image's size, and residual blocks after it."""

    def __init__(self, spec: Any, layer: nnx.Module, size: Pair, width: int, precision: Precision, rngs: Keys):
        self.layer = layer
        self.blocks = nnx.List([Residual(spec, size, width, precision, rngs) for _ in range(spec.blocks)])

    def __call__(self, h: Float[Array, "batch height width channels"], mode: Mode) -> Any:
        """The stage applied."""
        h = self.layer(h)  # pyright: ignore[reportCallIssue]
        for block in self.blocks:
            h = block(h, mode)
        return h


class ResidualEncoder(nnx.Module):
    """Stages that shrink the image, then norm and activation; what is left is flattened."""

    turned = True

    def __init__(self, spec: Any, shape: tuple[int, ...], precision: Precision, rngs: Keys):
        made = forms(spec, shape, spec.channels, precision)
        self.stages = nnx.List([
            Stage(spec, Convolution(form, "linear", rngs), form.output, form.outputs, precision, rngs) for form in made
        ])  # fmt: skip
        self.after = Before(spec, made[-1].outputs, rngs)
        self.width = size_of((*made[-1].output, made[-1].outputs))

    def __call__(self, x: Float[Array, "batch height width channels"], mode: Mode) -> Float[Array, "batch width"]:
        """The stages applied."""
        for stage in self.stages:
            x = stage(x, mode)
        return self.after(x, mode).reshape(x.shape[0], -1)


class ResidualDecoder(nnx.Module):
    """A dense layer to the smallest image and blocks on it, then stages that enlarge it; the last layer is linear."""

    def __init__(self, spec: Any, size: int, shape: tuple[int, ...], precision: Precision, rngs: Keys):
        made = forms(spec, shape, spec.channels[::-1], precision)[::-1]
        smallest = (*made[0].output, made[0].outputs)
        first = Unfolded(Linear(size, size_of(smallest), "linear", precision, rngs, turned=True), smallest)
        self.stages = nnx.List([Stage(spec, first, made[0].output, made[0].outputs, precision, rngs), *(
            Stage(spec, enlarging(spec, form, "linear", rngs), form.size, form.inputs, precision, rngs)
            for form in made[:-1]
        )])  # fmt: skip
        self.after = Before(spec, made[-1].outputs, rngs)
        self.last = enlarging(spec, made[-1], "linear", rngs)

    def __call__(self, z: Float[Array, "batch size"], mode: Mode, kernels: None = None) -> Any:
        """[batch, size] -> [batch, *shape]; it is never tied."""
        h: Any = z
        for stage in self.stages:
            h = stage(h, mode)
        return self.last(self.after(h, mode))
