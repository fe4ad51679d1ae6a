"""Bernoulli pixels: binary cross entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aecli.model.reconstructions.reconstruction import Reconstruction

if TYPE_CHECKING:
    from jaxtyping import Array, Float


class Bernoulli(Reconstruction):
    """Cross entropy for x in [0, 1]; a likelihood only where x is binary (see `data.binarize`)."""

    kind: Literal["bernoulli"] = "bernoulli"
    formula: ClassVar[str] = "L = -sum_j [x_j log p_j + (1 - x_j) log(1 - p_j)], p = sigmoid(g(z))"
    binary: ClassVar[bool] = True

    def distribution(self, raw: Float[Array, " batch *features"], own: dict[str, Any], numbers: dict[str, Any]) -> Any:
        """Bernoulli with logits `raw`."""
        from aecli.model.distributions import Bernoulli as Distribution

        return Distribution(raw)
