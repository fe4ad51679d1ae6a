"""The matrix products of a training step as its formulas have them, before any program rearranges them.

A linear layer is three products of batch, inputs and outputs; a convolution three of outputs, its kernel's values
(taps times inputs) and positions (places times batch). The first layer's inputs need no gradient. aecli's convolutions
multiply less where they go by Toom and Cook's scheme: their share of these products' time may pass 100 %.
"""

from __future__ import annotations

from itertools import pairwise

from workloads import KERNEL, STRIDE, Workload

Product = tuple[int, int, int]  # [m, k] times [k, n]


def products(work: Workload) -> list[Product]:
    """Of forward, weights' gradients and inputs' gradients, all layers."""
    layers = dense(work) if work.kind == "mlp" else convolutional(work)
    return [product for number, layer in enumerate(layers) for product in three(layer, first=number == 0)]


def three(layer: Product, *, first: bool) -> list[Product]:
    """y = x w, w' = x' y', x' = y' w."""
    m, k, n = layer
    found = [(m, k, n), (k, m, n), (m, n, k)]
    return found[:2] if first else found


def dense(work: Workload) -> list[Product]:
    """The layers of the MLP, in order."""
    down = (*work.shape, *work.layers, work.outputs)
    up = (work.code, *work.layers[::-1], *work.shape)
    return [(work.batch, a, b) for widths in (down, up) for a, b in pairwise(widths)]


def convolutional(work: Workload) -> list[Product]:
    """Convolutions, the linear layers around the code, transposed convolutions: each of these its convolution's."""
    height, width, channels = work.shape
    down = []
    for inputs, outputs in pairwise((channels, *work.layers)):
        height, width = -(-height // STRIDE), -(-width // STRIDE)
        down.append((outputs, KERNEL**2 * inputs, height * width * work.batch))
    flat = height * width * work.layers[-1]
    inner = [(work.batch, flat, work.outputs), (work.batch, work.code, flat)]
    return [*down, *inner, *((k, m, n) for m, k, n in down[::-1])]


def operations(work: Workload) -> int:
    """Floating-point operations of them all."""
    return sum(2 * m * k * n for m, k, n in products(work))
