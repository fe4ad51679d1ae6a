"""The code z of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
from jaxtyping import Array, Float


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Code:
    """What a bottleneck makes of the encoder's output.

    `value` is what the decoder sees, `mean` what `embed` writes, `posterior` q(z|x) where the bottleneck is stochastic;
    `active` 1 for each unit that speaks and 0 for the others, where that has a gradient.
    """

    value: Float[Array, "batch size"]
    mean: Float[Array, "batch size"]
    posterior: Any = None
    active: Float[Array, "batch size"] | None = None
