"""Arrays that begin where a device on the host can take them as they are."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

ALIGNMENT = 64  # bytes, of a buffer that XLA's CPU backend does not copy


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """`numpy.empty` at an address that is a multiple of 64: on a CPU, training holds no second copy of such rows."""
    size = prod(shape) * np.dtype(dtype).itemsize
    found = np.empty(size + ALIGNMENT, np.uint8)
    begin = -found.ctypes.data % ALIGNMENT
    return found[begin : begin + size].view(dtype).reshape(shape)
