"""The layers networks are made of, as Flax NNX modules."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Key

from aecli.model.networks.activations import Activation, activation, kernel_initializer
from aecli.model.networks.keys import Keys
from aecli.model.networks.network import Precision
from aecli.model.products.matrix import Product


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Mode:
    """How a network is applied: training or not, the key and rate of its dropout, the rows that are real."""

    train: bool = field(default=False, metadata={"static": True})
    key: Key[Array, ""] | None = None
    numbers: dict[str, Any] = field(default_factory=dict)
    mask: Bool[Array, " batch"] | None = None


def size_of(shape: tuple[int, ...]) -> int:
    """The number of features of an example of this shape."""
    return math.prod(shape)


class Linear(nnx.Module):
    """x W + b. In bfloat16 the operands are rounded, the sum and the parameters stay float32.

    `turned`: x or what comes out is a layer's that keeps the batch innermost on a CPU (`Product`).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        before: Activation,
        precision: Precision,
        rngs: Keys,
        *,
        tied: bool = False,
        turned: bool = False,
    ):
        if not tied:
            self.kernel = nnx.Param(kernel_initializer(before)(rngs.params(), (inputs, outputs), jnp.float32))
        self.bias = nnx.Param(jnp.zeros((outputs,), jnp.float32))
        self.form = Product(inputs, outputs, precision, turned)

    def __call__(self, x: Float[Array, "batch inputs"], kernel: Float[Array, "inputs outputs"] | None = None):
        """The layer applied, with a kernel of another module where it is tied."""
        return self.form(x, self.kernel[...] if kernel is None else kernel) + self.bias[...]


class BatchNorm(nnx.Module):
    """(h - mean) / sqrt(variance + 1e-5) * scale + bias, by the batch in training and by running means else.

    Rows under the mask count for nothing. The running variance is unbiased, n / (n - 1), and a batch moves the
    running means by 0.1 times its share of real rows, so that a short last batch does not stand for a full one
    (Ioffe & Szegedy 2015).
    """

    def __init__(self, width: int):
        self.scale, self.bias = nnx.Param(jnp.ones((width,))), nnx.Param(jnp.zeros((width,)))
        self.mean, self.variance = nnx.BatchStat(jnp.zeros((width,))), nnx.BatchStat(jnp.ones((width,)))

    def __call__(self, h: Float[Array, " batch *places width"], mode: Mode) -> Float[Array, " batch *places width"]:
        """The layer applied, of each channel over rows and places; in training the running means move."""
        mean, variance = self.mean[...], self.variance[...]
        if mode.train:
            real = jnp.ones(h.shape[0], bool) if mode.mask is None else mode.mask
            places, axes = math.prod(h.shape[1:-1]), tuple(range(h.ndim - 1))
            shown = real.reshape(-1, *(1,) * (h.ndim - 1))
            count = jnp.maximum(jnp.sum(real), 1) * places
            mean = jnp.sum(jnp.where(shown, h, 0), axis=axes) / count
            variance = jnp.sum(jnp.where(shown, jnp.square(h - mean), 0), axis=axes) / count
            step = 0.1 * count / (h.shape[0] * places)
            unbiased = variance * count / jnp.maximum(count - 1, 1)
            self.mean.set_value((1 - step) * self.mean[...] + step * mean)
            self.variance.set_value((1 - step) * self.variance[...] + step * unbiased)
        return (h - mean) * jax.lax.rsqrt(variance + 1e-5) * self.scale[...] + self.bias[...]


class LayerNorm(nnx.Module):
    """(h - mean) / sqrt(variance + 1e-6) * scale + bias, over all units of an example (Ba et al. 2016)."""

    def __init__(self, width: int):
        self.scale, self.bias = nnx.Param(jnp.ones((width,))), nnx.Param(jnp.zeros((width,)))

    def __call__(self, h: Float[Array, " batch *places width"], mode: Mode) -> Float[Array, " batch *places width"]:
        """The layer applied; it has no mode."""
        axes = tuple(range(1, h.ndim))
        centred = h - jnp.mean(h, axis=axes, keepdims=True)
        variance = jnp.mean(jnp.square(centred), axis=axes, keepdims=True)
        return centred * jax.lax.rsqrt(variance + 1e-6) * self.scale[...] + self.bias[...]


class Block(nnx.Module):
    """Linear, norm, activation (times a gate), dropout."""

    def __init__(self, spec: Any, inputs: int, outputs: int, precision: Precision, rngs: Keys, *, tied: bool):
        self.linear = Linear(inputs, outputs, spec.activation, precision, rngs, tied=tied)
        self.gate = Linear(inputs, outputs, "sigmoid", precision, rngs) if spec.gated else None
        self.norm = norm_of(spec.norm, outputs, rngs)
        self.activation = spec.activation

    def __call__(self, x: Float[Array, "batch inputs"], mode: Mode, key: Key[Array, ""] | None, kernel: Any = None):
        """The block applied."""
        h = activation(self.activation)(normalized(self.norm, self.linear(x, kernel), mode))
        if self.gate is not None:
            h = h * jax.nn.sigmoid(self.gate(x))
        return h if key is None else _dropout(h, mode.numbers["dropout"], key)


class Perceptron(nnx.Module):
    """Blocks, then an optional last linear layer; the result is given `shape`."""

    turned = False

    def __init__(self, layers: list[Block], last: Linear | None, shape: tuple[int, ...]):
        self.layers = nnx.List(layers)
        self.last = last
        self.shape = tuple(shape)

    @property
    def width(self) -> int:
        """The number of outputs of an example."""
        return size_of(self.shape)

    def kernels(self) -> list[Float[Array, "inputs outputs"]]:
        """The kernels of the blocks, first layer first."""
        return [layer.linear.kernel[...] for layer in self.layers]

    def __call__(self, x: Float[Array, " batch *features"], mode: Mode, kernels: list[Any] | None = None):
        """[batch, ...] -> [batch, *shape]; `kernels` are those of another module where this one is tied."""
        h = x.reshape(x.shape[0], -1)
        drops = mode.train and mode.key is not None and "dropout" in mode.numbers
        for i, layer in enumerate(self.layers):
            key = jax.random.fold_in(mode.key, i) if drops and mode.key is not None else None
            h = layer(h, mode, key, kernels[i] if kernels else None)
        if self.last is not None:
            h = self.last(h, kernels[-1] if kernels else None)
        return h.reshape(x.shape[0], *self.shape)


def blocks(spec: Any, inputs: int, precision: Precision, rngs: Keys, *, tied: bool = False) -> list[Block]:
    """The blocks of an mlp specification, one a width."""
    widths = (inputs, *spec.widths)
    return [Block(spec, a, b, precision, rngs, tied=tied) for a, b in pairwise(widths)]


def norm_of(kind: str, width: int, rngs: Keys) -> nnx.Module | None:
    """The norm of this kind for `width` units or channels; `layer` is of an example's units, places included."""
    if kind == "batch":
        return BatchNorm(width)
    return LayerNorm(width) if kind == "layer" else None


def normalized(norm: Any, h: Float[Array, " batch *places width"], mode: Mode) -> Float[Array, " batch *places width"]:
    """h under a norm of `norm_of`."""
    return h if norm is None else norm(h, mode)


def _dropout(
    h: Float[Array, "batch width"], rate: Float[Array, ""], key: Key[Array, ""]
) -> Float[Array, "batch width"]:
    """Inverted dropout (Srivastava et al. 2014): kept units are scaled by 1 / (1 - rate)."""
    kept = jax.random.uniform(key, h.shape) >= rate
    return jnp.where(kept, h / (1 - rate), 0)
