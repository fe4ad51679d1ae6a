"""Held-out rows, and the objective's terms on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from aecli.model.forward import Weights
from aecli.training.program import Program

BYTES = 2**22  # of a window: a signal is noticed between two


class Held:
    """Validation rows, window by window, kept on the device or read each time: the sums are the same, bit for bit."""

    def __init__(self, program: Program, rows: Any, put: Any, resident: bool):
        self.program, self.rows, self.put = program, rows, put
        count = -(-len(rows) // program.batch)
        each = program.batch * int(np.prod(rows.shape[1:])) * 4
        self.count = max(1, min(count, BYTES // each))
        self.firsts = range(0, count, self.count)
        self.kept = {first: self._window(first) for first in self.firsts} if resident else {}

    def validate(
        self, weights: Weights, seed: Any, between: Callable[[], None] = lambda: None, made: Program | None = None
    ) -> dict[str, Float[Array, ""]]:
        """Each term's mean over all rows; `between` is called before each window, and may raise.

        `made`: the program of the stage whose terms they are, where it is not the autoencoder.
        """
        made = made or self.program
        like = np.zeros((1, *self.rows.shape[1:]), np.float32)
        sums, rows = made.zeros(weights, self.put(like), seed), np.int32(len(self.rows))
        for first in self.firsts:
            between()
            window = self.kept[first] if self.kept else self._window(first)
            sums = made.validate(weights, window, np.int32(first), rows, seed, sums)
            jax.block_until_ready(sums)
        return sums

    def _window(self, first: int) -> Float[Array, " count batch *features"]:
        size = self.program.batch
        part = self.rows[first * size : (first + self.count) * size]
        padded = np.zeros((self.count * size, *part.shape[1:]), np.float32)
        padded[: len(part)] = part
        return self.put(padded.reshape(self.count, size, *part.shape[1:]))
