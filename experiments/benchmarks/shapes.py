"""The matrix products of a training step as its formulas have them, before any program rearranges them.

A linear layer is three products of batch, inputs and outputs; a convolution three of positions (places times batch),
taps times inputs, and outputs. Which is turned does not matter: every form is tried. The first layer's inputs need no
gradient. aecli's convolutions multiply less where they go by Toom and Cook's scheme, and a direct convolution moves
less memory: their share of these products' speed may pass 100 %.
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
    """Of y = x w [m, k] [k, n], and the gradients w' = x^T y' and x' = y' w^T."""
    m, k, n = layer
    found = [(m, k, n), (k, m, n), (m, n, k)]
    return found[:2] if first else found


def dense(work: Workload) -> list[Product]:
    """The layers of the MLP, in order."""
    down = (*work.shape, *work.layers, work.outputs)
    up = (work.code, *work.layers[::-1], *work.shape)
    return [(work.batch, a, b) for widths in (down, up) for a, b in pairwise(widths)]


def convolutional(work: Workload) -> list[Product]:
    """Convolutions, the linear layers around the code, and the way back, transposed."""
    height, width, channels = work.shape
    down = []
    for inputs, outputs in pairwise((channels, *work.layers)):
        height, width = -(-height // STRIDE), -(-width // STRIDE)
        down.append((height * width * work.batch, KERNEL**2 * inputs, outputs))
    flat = height * width * work.layers[-1]
    inner = [(work.batch, flat, work.outputs), (work.batch, work.code, flat)]
    return [*down, *inner, *((m, n, k) for m, k, n in down[::-1])]


def operations(work: Workload) -> int:
    """Floating-point operations of them all."""
    return sum(2 * m * k * n for m, k, n in products(work))
