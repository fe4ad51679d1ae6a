"""No corruption: x~ = x."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from aecli.model.corruptions.corruption import Corruption

if TYPE_CHECKING:
    from aecli.model.corruptions.corruption import Draw


class NoCorruption(Corruption):
    """The input as it is."""

    kind: Literal["none"] = "none"
    formula: ClassVar[str] = "x~ = x"
    draws: ClassVar[bool] = False

    def build(self) -> Draw:
        """The identity, nothing touched."""
        import jax.numpy as jnp

        return lambda x, key, numbers: (x, jnp.zeros(x.shape, bool))
