"""What a bottleneck is: a map from the encoder's output to a code."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pydantic import Field

from aecli.config.part import Part

if TYPE_CHECKING:
    from jaxtyping import Array, Float, Key

    from aecli.model.bottlenecks.code import Code
    from aecli.model.networks.keys import Keys
    from aecli.model.networks.layers import Mode


class Given(NamedTuple):
    """What a bottleneck is given beside h: its swept numbers, what `own()` made, how it is applied, and for draws a
    key; without one a code's value is its mean.
    """

    numbers: Mapping[str, Any]
    own: Mapping[str, Any]
    mode: Mode
    key: Key[Array, ""] | None = None


class Bottleneck(Part):
    """Takes `outputs` numbers per example from the encoder and makes a code of `size` units."""

    stochastic: ClassVar[bool] = False
    elementwise: ClassVar[bool] = True  # whether a unit of the mean code is its encoder output, or its `activation`
    straight_through: ClassVar[tuple[str, ...]] = ()  # of its own parameters those whose gradient is an estimate
    size: int = Field(default=16, ge=1, le=1_000_000, description="units of the code")

    @property
    def outputs(self) -> int:
        """How many encoder outputs it needs."""
        return self.size

    def own(self, inputs: tuple[int, ...], rngs: Keys) -> dict[str, Any]:
        """What it holds itself, as NNX variables by name: `Param` is trained, `BatchStat` moves as batches pass.

        `inputs` is the shape of what the encoder sees.
        """
        return {}

    @abstractmethod
    def code(self, h: Float[Array, "batch outputs"], given: Given) -> Code:
        """The code of encoder outputs `h`."""
