"""What a reconstruction is: how the decoder's numbers become a distribution over x, and the loss it charges."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from aecli.config.part import Part

if TYPE_CHECKING:
    from jaxtyping import Array, Float


class Reconstruction(Part):
    """Turns raw decoder outputs into a distribution (`mean`, `sample`, `log_prob`) and charges a loss per feature."""

    outputs_per_feature: ClassVar[int] = 1
    binary: ClassVar[bool] = False  # a density only for x in {0, 1}

    def initial(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Parameters of its own, by name, at their initial values."""
        return {}

    @abstractmethod
    def distribution(self, raw: Float[Array, " batch *features"], own: dict[str, Any], numbers: dict[str, Any]) -> Any:
        """p(x | z) for raw decoder outputs, its own parameters and its swept numbers."""

    def loss(self, x: Float[Array, " batch *features"], output: Any) -> Float[Array, " batch *features"]:
        """The loss of each feature; by default the negative log-density in nats."""
        return -output.log_prob(x)
