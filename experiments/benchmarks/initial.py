"""The start that all contenders share: kernels drawn as aecli draws them, biases zero, and the order of the rows.

After some hundred updates a convolutional network's loss still depends on its draw by 10 % and more: only from one
start are losses of equal trainings equal. He's variance before a relu, Glorot's before what is linear; a place of a
transposed layer's output sees one in STRIDE^2 of the taps, and its variance is as much larger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from workloads import KERNEL, STRIDE, Workload


@dataclass(frozen=True)
class Kernels:
    """[inputs, outputs] of linear layers; [height, width, inputs, outputs] of convolutions.

    A transposed convolution's are those of the convolution that it transposes: [height, width, outputs, inputs].
    Between an image and a linear layer lies the image as [height, width, channels], flattened.
    """

    encoder: list[np.ndarray]
    head: np.ndarray
    decoder: list[np.ndarray]


def kernels(work: Workload, seed: int) -> Kernels:
    """A function of the workload and the seed."""
    rng = np.random.default_rng(seed)
    if work.kind == "mlp":
        widths = (*work.shape, *work.layers)
        down, up = (list(pairwise(sizes)) for sizes in (widths, (work.code, *widths[:0:-1])))
        encoder, decoder = [he(rng, shape) for shape in down], [he(rng, shape) for shape in up]
        last = glorot(rng, widths[1::-1])
        return Kernels(encoder, glorot(rng, (widths[-1], work.outputs)), [*decoder, last])
    sizes = list(pairwise((work.shape[-1], *work.layers)))
    flat = math.prod(smallest(work))
    encoder = [he(rng, (KERNEL, KERNEL, *size)) for size in sizes]
    back = [transposed(rng, size, last=size is sizes[0]) for size in sizes[::-1]]
    return Kernels(encoder, glorot(rng, (flat, work.outputs)), [he(rng, (work.code, flat)), *back])


def smallest(work: Workload) -> tuple[int, int, int]:
    """Height, width and channels of a convolutional encoder's last image."""
    height, width, _ = work.shape
    for _ in work.layers:
        height, width = -(-height // STRIDE), -(-width // STRIDE)
    return height, width, work.layers[-1]


def he(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Variance 2 / (values that an output sees)."""
    return rng.normal(0, math.sqrt(2 / math.prod(shape[:-1])), shape).astype(np.float32)


def glorot(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Variance 2 / (values that an output sees + values that an input is seen by)."""
    *taps, inputs, outputs = shape
    bound = math.sqrt(6 / (math.prod(taps) * (inputs + outputs)))
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def transposed(rng: np.random.Generator, size: tuple[int, int], *, last: bool) -> np.ndarray:
    """Of a layer from size[1] to size[0] channels."""
    drawn = (glorot if last else he)(rng, (KERNEL, KERNEL, *size[::-1]))
    return STRIDE * drawn.swapaxes(2, 3)


def order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The rows of an epoch."""
    return np.random.default_rng((seed, epoch)).permutation(count)
