"""The workloads: data, architecture, batch, optimiser. Pure numpy, so that every contender can import it."""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

FASHION = Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")
BLOBS = 8192
KERNEL, STRIDE = 4, 2  # of every convolution


@dataclass(frozen=True)
class Workload:
    """A training: `updates` of `batch` rows a round, Adam at `rate`; widths or channels of the encoder, mirrored."""

    kind: str  # mlp or conv
    shape: tuple[int, ...]  # of a row: [features], or [height, width, channels]
    layers: tuple[int, ...]
    code: int
    variational: bool
    updates: int
    batch: int = 128
    rate: float = 1e-3
    narrow: bool = False  # aecli's products in bfloat16; the peers' contenders say it in their names
    contractive: float = 0.0
    rows: int | None = None  # the first of them alone

    @property
    def outputs(self) -> int:
        """Numbers that the encoder gives to the bottleneck."""
        return 2 * self.code if self.variational else self.code


WORKLOADS = {
    "mlp_vae": Workload("mlp", (784,), (512, 256), 32, True, 468),
    "mlp_vae_bf16": Workload("mlp", (784,), (512, 256), 32, True, 468, narrow=True),
    "conv_ae": Workload("conv", (28, 28, 1), (32, 64), 32, False, 100),
    "conv_vae": Workload("conv", (64, 64, 3), (32, 64, 128, 256), 32, True, 8),
    "contractive": Workload("mlp", (784,), (512,), 32, False, 60, contractive=0.01),
    "plain": Workload("mlp", (784,), (512,), 32, False, 60),
}


def named(text: str) -> Workload:
    """A workload by name, or a variation of it: `mlp_vae,batch=256,width=2,rows=10000`, width times its layers.

    A round of a variation costs about what a round of the workload does, or `longer` times as much.
    """
    name, *changes = text.split(",")
    work = WORKLOADS[name]
    for change in changes:
        what, _, value = change.partition("=")
        number = int(value)
        if what == "width":
            layers = tuple(number * width for width in work.layers)
            work = replace(work, layers=layers, updates=max(1, work.updates // number))
        elif what == "batch":
            work = replace(work, batch=number, updates=max(1, work.updates * work.batch // number))
        elif what == "longer":
            work = replace(work, updates=work.updates * number)
        elif what == "rows":
            work = replace(work, rows=number)
        else:
            raise ValueError(f"{text}: '{what}' is none of width, batch, longer, rows")
    return work


def rows(work: Workload) -> np.ndarray:
    """Float32 rows in [0, 1]: Fashion-MNIST where Debian's package put it, else smooth random images of its size."""
    if work.shape in ((784,), (28, 28, 1)) and FASHION.exists():
        with gzip.open(FASHION) as file:
            pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, *work.shape)[: work.rows]
        return np.divide(pixels, np.float32(255), out=aligned(pixels.shape))
    size = (28, 28, 1) if len(work.shape) == 1 else work.shape
    return blobs(work.rows or BLOBS, size).reshape(-1, *work.shape)


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Empty float32, at a multiple of 64 bytes: what holds aecli's rows too, and what JAX need not copy."""
    found = np.empty(4 * math.prod(shape) + 64, np.uint8)
    begin = -found.ctypes.data % 64
    return found[begin : begin + 4 * math.prod(shape)].view(np.float32).reshape(shape)


def blobs(count: int, size: tuple[int, ...]) -> np.ndarray:
    """An ellipse of light each: place, radius, flattening, angle and colour at random."""
    rng = np.random.default_rng(0)
    height, width, channels = size
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    found = np.empty((count, *size), np.float32)
    for image in found:
        angle, (dx, dy), radius, flat = (
            rng.uniform(0, np.pi),
            rng.normal(0, 0.1, 2),
            rng.uniform(0.1, 0.4),
            rng.uniform(0.3, 1),
        )
        u = np.cos(angle) * (x - dx) + np.sin(angle) * (y - dy)
        v = (np.cos(angle) * (y - dy) - np.sin(angle) * (x - dx)) / flat
        image[:] = np.exp(-np.sqrt(u**2 + v**2) / radius)[..., None] * rng.uniform(0.4, 1, channels)
        image += rng.normal(0, 0.02, size)
    return np.clip(found, 0, 1)
