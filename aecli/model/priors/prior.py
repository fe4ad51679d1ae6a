"""What a prior is: a density over codes that can be drawn from, and the rate it asks of a posterior."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from aecli.config.part import Part

if TYPE_CHECKING:
    from jaxtyping import Array, Float, Key


class Prior(Part):
    """p(z)."""

    @abstractmethod
    def sample(self, key: Key[Array, ""], count: int, size: int) -> Float[Array, "count size"]:
        """Independent draws."""

    @abstractmethod
    def log_prob(self, z: Float[Array, " *batch size"]) -> Float[Array, " *batch size"]:
        """log p(z) per unit, nats."""

    @abstractmethod
    def rate(self, posterior: Any) -> Float[Array, "batch size"]:
        """KL(q(z|x) || p(z)) per unit, nats."""
