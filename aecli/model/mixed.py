"""A distribution over the columns of a table: numbers by the reconstruction, each category column by a softmax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from aecli.layout import UNKNOWN, Layout


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Columns:
    """p(row) = p(numbers) prod_j Categorical(logits_j), independent over columns; holes have probability 1.

    Category k has the probability exp(layout.known[j]) softmax(logits_j)_k, and one that is unknown
    exp(-layout.unseen[j]), as a count of the training rows has it.
    """

    numbers: Any
    logits: tuple[Float[Array, "batch categories"], ...]
    layout: Layout = field(metadata={"static": True})

    @property
    def mean(self) -> Float[Array, "batch columns"]:
        """The mean of the numbers, and the code of the likeliest category."""
        codes = [jnp.argmax(logits, axis=-1) + 1 for logits in self.logits]
        return self._gathered(self.numbers.mean, codes)

    def sample(self, key: Key[Array, ""]) -> Float[Array, "batch columns"]:
        """A draw of each column; of categories, of a known one."""
        keys = jax.random.split(key, len(self.logits) + 1)
        codes = [jax.random.categorical(k, logits) + 1 for k, logits in zip(keys[1:], self.logits, strict=True)]
        return self._gathered(self.numbers.sample(keys[0]), codes)

    def log_prob(self, x: Float[Array, "batch columns"]) -> Float[Array, "batch columns"]:
        """log p of each column in nats; 0 for a hole, so that the sum is log p of what is known."""
        return self.charged(x, self.numbers.log_prob, 1.0)

    def charged(
        self, x: Float[Array, "batch columns"], numbers: Callable[[Any], Any], sign: float
    ) -> Float[Array, "batch columns"]:
        """`numbers` of the numeric columns, `sign` times log p of the others; 0 for a hole."""
        known = ~jnp.isnan(x)
        u = jnp.where(known, x, 0)
        if not self.logits:
            return jnp.where(known, numbers(u), 0)
        codes = [u[:, j] for j in self.layout.categorical]
        log_p = [
            sign * _log_categorical(code, logits, self.layout.unseen[j], self.layout.known[j])
            for code, logits, j in zip(codes, self.logits, self.layout.categorical, strict=True)
        ]
        return jnp.where(known, self._gathered(numbers(u[:, self.layout.numeric]), log_p), 0)

    def _gathered(self, numbers: Float[Array, "batch numeric"], others: list[Any]) -> Float[Array, "batch columns"]:
        """Numeric and other columns in the order of the row."""
        if not self.logits:
            return numbers
        together = jnp.concatenate([numbers, jnp.stack(others, axis=1).astype(numbers.dtype)], axis=1)
        order = np.argsort(np.concatenate([self.layout.numeric, self.layout.categorical]))
        return together[:, order]


def _log_categorical(
    code: Float[Array, " batch"], logits: Float[Array, "batch categories"], unseen: float, log_known: float
) -> Float[Array, " batch"]:
    """log p of the category with this code."""
    index = code.astype(jnp.int32)
    log_p = jax.nn.log_softmax(logits, axis=-1)
    picked = jnp.take_along_axis(log_p, jnp.maximum(index - 1, 0)[:, None], axis=1)[:, 0]
    return jnp.where(index == UNKNOWN, -unseen, picked + log_known)
