"""Functions of rows in blocks of one size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

BLOCK = 256  # rows; always as many, padded: a matrix product's last bits depend on how many rows it has


def in_blocks(
    function: Callable[[np.ndarray], np.ndarray], rows: Float[np.ndarray, " rows ..."]
) -> Float32[np.ndarray, " rows"]:
    """function(float64 [256, d]) -> [256] over flattened rows: a row's value never depends on its company."""
    flat = rows.reshape(len(rows), -1)
    found = np.empty(len(flat), np.float32)
    block = np.zeros((BLOCK, flat.shape[1]))
    for start in range(0, len(flat), BLOCK):
        part = flat[start : start + BLOCK]
        block[: len(part)] = part
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is judged by its reader
            found[start : start + BLOCK] = function(block)[: len(part)]
    return found
