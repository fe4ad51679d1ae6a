"""Functions of rows in blocks of one size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

ROWS, VALUES = 1024, 2**17  # of a block, at most


def in_blocks(
    function: Callable[[np.ndarray], np.ndarray], rows: Float[np.ndarray, " rows ..."]
) -> Float32[np.ndarray, " rows"]:
    """function(float64 [block, d]) -> [block] over flattened rows: a row's value never depends on its company.

    A block has always as many rows, padded: a matrix product's last bits depend on how many rows it has.
    """
    flat = rows.reshape(len(rows), -1)
    found, size = np.empty(len(flat), np.float32), max(1, min(ROWS, VALUES // max(1, flat.shape[1])))
    block = np.zeros((size, flat.shape[1]))
    for start in range(0, len(flat), size):
        part = flat[start : start + size]
        block[: len(part)] = part
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is judged by its reader
            found[start : start + size] = function(block)[: len(part)]
    return found
