"""The decoder that reverses the encoder."""

from __future__ import annotations

from typing import ClassVar, Literal

from aecli.config.part import Part


class Mirror(Part):
    """The encoder's own network with its layers in reverse order; the encoder says what that means."""

    kind: Literal["mirror"] = "mirror"
    formula: ClassVar[str] = "g has the layers of f in reverse (W_i' where tied)"
