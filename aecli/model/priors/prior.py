"""What a prior is: a density over codes that can be drawn from, and the rate it asks of a posterior."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aecli.config.part import Part

if TYPE_CHECKING:
    from aecli.model.densities import Density
    from aecli.model.networks.keys import Keys

    Posterior = Callable[[Any], Any]


class Prior(Part):
    """p(z)."""

    def own(self, size: int, inputs: tuple[int, ...], rngs: Keys) -> dict[str, Any]:
        """What it learns, as NNX variables by name, for codes of `size` units and encoder inputs of this shape."""
        return {}

    @abstractmethod
    def density(self, size: int, own: Mapping[str, Any], posterior: Posterior) -> Density:
        """p(z), by what `own` made; `posterior` gives q(z|u) of encoder inputs u."""
