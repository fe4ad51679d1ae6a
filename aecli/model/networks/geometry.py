"""The sizes of a convolutional network's layers, as the forms of their products."""

from __future__ import annotations

from typing import Any

from aecli.model.products.correlation import Correlation, Pair
from aecli.model.products.precision import Precision


def forms(spec: Any, shape: tuple[int, ...], channels: tuple[int, ...], precision: Precision) -> list[Correlation]:
    """One a layer, from images of `shape` [height, width, channels] through `channels`; a decoder runs them back."""
    found: list[Correlation] = []
    size, inputs = (shape[0], shape[1]), shape[2]
    for outputs in channels:
        padding = (same(size[0], spec.kernel, spec.stride), same(size[1], spec.kernel, spec.stride))
        if spec.padding == "valid":
            padding = ((0, 0), (0, 0))
        kernel, stride = (spec.kernel, spec.kernel), (spec.stride, spec.stride)
        found.append(Correlation(size, inputs, outputs, kernel, stride, padding, precision=precision))
        size, inputs = found[-1].output, outputs
    return found


def same(size: int, kernel: int, stride: int) -> Pair:
    """Zeros before and after an axis, so that ceil(size / stride) places come out; an odd one comes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def unstrided(form: Correlation) -> Correlation:
    """The convolution that follows a repetition to `form.size`: from its outputs to its inputs, stride 1."""
    height, width = form.size
    padding = (same(height, form.kernel[0], 1), same(width, form.kernel[1], 1))
    return Correlation(form.size, form.outputs, form.inputs, form.kernel, (1, 1), padding, precision=form.precision)
