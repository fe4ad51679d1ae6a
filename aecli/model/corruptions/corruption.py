"""What a corruption is: a draw of x~ given x, and which features it touched."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from aecli.config.numbers import Number, Swept
from aecli.config.part import Part

if TYPE_CHECKING:
    from jaxtyping import Array, Bool, Float, Key

    Draw = Callable[
        [Float[Array, " batch *features"], Key[Array, ""], dict[str, Any]],
        tuple[Float[Array, " batch *features"], Bool[Array, " batch *features"]],
    ]


class Corruption(Part):
    """Draws x~ from x."""

    draws: ClassVar[bool] = True  # whether x~ differs from x at all
    level: ClassVar[str] = ""  # its number that says how much
    replaces: ClassVar[bool] = False  # whether a touched value is lost, or only added to

    @abstractmethod
    def build(self) -> Draw:
        """The pure function (x, key, numbers) -> (x~, touched)."""


class Noise(Corruption):
    """A corruption that touches features; `emphasis` e weighs the loss of the others by 1 - e.

    Source: Vincent et al. 2010, with alpha = 1 and beta = 1 - e.
    """

    level: ClassVar[str] = "rate"
    emphasis: Annotated[Number, Swept(ge=0, le=1, off=0.0)] = Field(
        default=0.0, description="weight of untouched features in the loss is 1 - emphasis"
    )
