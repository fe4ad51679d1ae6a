"""Held-out rows, and the objective's terms on them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from aecli.model.forward import Weights
from aecli.model.objective import terms
from aecli.training.feed import BYTES
from aecli.training.keys import VALIDATION, stream_key
from aecli.training.step import Program


class Held:
    """Validation rows: on the device at once, or a window at a time; the sums are the same, bit for bit."""

    def __init__(self, program: Program, rows: Any, put: Any, resident: bool):
        self.program, self.rows, self.put = program, rows, put
        count = -(-len(rows) // program.batch)
        each = program.batch * int(np.prod(rows.shape[1:])) * 4
        self.count = count if resident else max(1, min(count, BYTES // each))
        self.kept = self._window(0) if resident else None
        self._types: dict[str, Any] | None = None  # of the terms

    def validate(self, weights: Weights, seed: Any) -> dict[str, Float[Array, ""]]:
        """Each term's mean over all rows."""
        sums, rows = self._zeros(weights, seed), jnp.int32(len(self.rows))
        for first in range(0, -(-len(self.rows) // self.program.batch), self.count):
            window = self._window(first) if self.kept is None else self.kept
            sums = self.program.validate(weights, window, jnp.int32(first), rows, seed, sums)
        return sums

    def _window(self, first: int) -> Float[Array, " count batch *features"]:
        size = self.program.batch
        part = self.rows[first * size : (first + self.count) * size]
        padded = np.zeros((self.count * size, *part.shape[1:]), np.float32)
        padded[: len(part)] = part
        return self.put(padded.reshape(self.count, size, *part.shape[1:]))

    def _zeros(self, weights: Weights, seed: Any) -> dict[str, Float[Array, ""]]:
        if self._types is None:
            x = jnp.zeros((1, *self.rows.shape[1:]), jnp.float32)
            key, mask = stream_key(seed, VALIDATION), jnp.ones(1, bool)
            made = self.program.autoencoder
            found = jax.eval_shape(lambda: terms(made, weights, x, key, train=False, mask=mask)[0])
            self._types = {name: value.dtype for name, value in found.items()}
        return {name: self.put(np.zeros((), dtype)) for name, dtype in self._types.items()}
