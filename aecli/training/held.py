"""Held-out rows, and the objective's terms on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Array, Float

from aecli.model.forward import Weights
from aecli.training.feed import BYTES
from aecli.training.program import Program


class Held:
    """Validation rows: on the device at once, or a window at a time; the sums are the same, bit for bit."""

    def __init__(self, program: Program, rows: Any, put: Any, resident: bool):
        self.program, self.rows, self.put = program, rows, put
        count = -(-len(rows) // program.batch)
        each = program.batch * int(np.prod(rows.shape[1:])) * 4
        self.count = count if resident else max(1, min(count, BYTES // each))
        self.kept = self._window(0) if resident else None

    def validate(self, weights: Weights, seed: Any) -> dict[str, Float[Array, ""]]:
        """Each term's mean over all rows."""
        like = np.zeros((1, *self.rows.shape[1:]), np.float32)
        sums, rows = self.program.zeros(weights, self.put(like), seed), np.int32(len(self.rows))
        for first in range(0, -(-len(self.rows) // self.program.batch), self.count):
            window = self._window(first) if self.kept is None else self.kept
            sums = self.program.validate(weights, window, np.int32(first), rows, seed, sums)
        return sums

    def _window(self, first: int) -> Float[Array, " count batch *features"]:
        size = self.program.batch
        part = self.rows[first * size : (first + self.count) * size]
        padded = np.zeros((self.count * size, *part.shape[1:]), np.float32)
        padded[: len(part)] = part
        return self.put(padded.reshape(self.count, size, *part.shape[1:]))
