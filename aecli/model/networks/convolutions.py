"""Convolutional layers and the networks made of them, as Flax NNX modules."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from aecli.model.networks.activations import Activation, activation, kernel_initializer
from aecli.model.networks.geometry import forms, unstrided
from aecli.model.networks.keys import Keys
from aecli.model.networks.layers import Linear, Mode, norm_of, normalized, size_of
from aecli.model.networks.network import Precision
from aecli.model.products.correlation import Correlation
from aecli.model.products.offset import Offset


class Convolution(nnx.Module):
    """W * x + b, or with `up` its transpose from the form's outputs to its inputs."""

    def __init__(self, form: Correlation, before: Activation, rngs: Keys, *, up: bool = False):
        self.form, self.up = form, up
        self.offset = Offset(form.size, form.inputs) if up else Offset(form.output, form.outputs)
        self.kernel = nnx.Param(_kernel(form, before, rngs, up))
        self.bias = nnx.Param(jnp.zeros((form.inputs if up else form.outputs,), jnp.float32))

    def __call__(self, x: Float[Array, "batch height width channels"]) -> Float[Array, "batch height width channels"]:
        """The layer applied."""
        apply = self.form.transposed if self.up else self.form
        return self.offset.added(apply(x, self.kernel[...]), self.bias[...])


class Resized(nnx.Module):
    """Each place repeated `stride` times, then a convolution of stride 1: the same sizes as a transposed one gives."""

    def __init__(self, form: Correlation, before: Activation, rngs: Keys):
        self.form = form
        self.convolution = Convolution(unstrided(form), before, rngs)

    def __call__(self, x: Float[Array, "batch height width channels"]) -> Float[Array, "batch height width channels"]:
        """The layer applied."""
        (height, width), (down, across) = self.form.size, self.form.stride
        large = jnp.repeat(jnp.repeat(x, down, axis=1), across, axis=2)
        return self.convolution(large[:, :height, :width])


class ConvBlock(nnx.Module):
    """A layer, norm, activation."""

    def __init__(self, spec: Any, layer: nnx.Module, width: int, rngs: Keys):
        self.layer, self.activation = layer, spec.activation
        self.norm = norm_of(spec.norm, width, rngs)

    def __call__(self, x: Float[Array, "batch height width channels"], mode: Mode) -> Any:
        """The block applied."""
        return activation(self.activation)(normalized(self.norm, self.layer(x), mode))  # pyright: ignore[reportCallIssue]


class ConvEncoder(nnx.Module):
    """Blocks that shrink the image; what is left is flattened."""

    turned = True

    def __init__(self, spec: Any, shape: tuple[int, ...], precision: Precision, rngs: Keys):
        made = forms(spec, shape, spec.channels, precision)
        blocks = [ConvBlock(spec, Convolution(form, spec.activation, rngs), form.outputs, rngs) for form in made]
        self.blocks = nnx.List(blocks)
        self.width = size_of((*made[-1].output, made[-1].outputs))

    def __call__(self, x: Float[Array, "batch height width channels"], mode: Mode) -> Float[Array, "batch width"]:
        """The blocks applied."""
        for block in self.blocks:
            x = block(x, mode)
        return x.reshape(x.shape[0], -1)


class ConvDecoder(nnx.Module):
    """A dense block to the smallest image, then layers that enlarge it; the last has neither norm nor activation."""

    def __init__(self, spec: Any, size: int, shape: tuple[int, ...], precision: Precision, rngs: Keys):
        made = forms(spec, shape, spec.channels[::-1], precision)[::-1]
        self.smallest = (*made[0].output, made[0].outputs)
        self.first = Linear(size, size_of(self.smallest), spec.activation, precision, rngs, turned=True)
        self.norm, self.activation = norm_of(spec.norm, made[0].outputs, rngs), spec.activation
        self.blocks = nnx.List([
            ConvBlock(spec, enlarging(spec, form, spec.activation, rngs), form.inputs, rngs) for form in made[:-1]
        ])  # fmt: skip
        self.last = enlarging(spec, made[-1], "linear", rngs)

    def __call__(self, z: Float[Array, "batch size"], mode: Mode, kernels: None = None) -> Any:
        """[batch, size] -> [batch, *shape]; it is never tied."""
        h = self.first(z).reshape(z.shape[0], *self.smallest)
        h = activation(self.activation)(normalized(self.norm, h, mode))
        for block in self.blocks:
            h = block(h, mode)
        return self.last(h)


def enlarging(spec: Any, form: Correlation, before: Activation, rngs: Keys) -> Any:
    """The layer of a decoder that goes from the form's outputs to its inputs."""
    if spec.upsample == "resize":
        return Resized(form, before, rngs)
    return Convolution(form, before, rngs, up=True)


def _kernel(form: Correlation, before: Activation, rngs: Keys, up: bool) -> Float[Array, "height width i o"]:
    """He's or Glorot's variance. A place of a transposed layer's output sees one in stride^2 of the taps."""
    draw = kernel_initializer(before)
    if not up:
        return draw(rngs.params(), (*form.kernel, form.inputs, form.outputs), jnp.float32)
    drawn = draw(rngs.params(), (*form.kernel, form.outputs, form.inputs), jnp.float32)
    return jnp.swapaxes(drawn, 2, 3) * jnp.sqrt(float(form.stride[0] * form.stride[1]))
