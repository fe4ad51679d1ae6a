"""The residual network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from aecli.model.networks.conv import Conv, Norm, Small
from aecli.model.networks.network import Precision

if TYPE_CHECKING:
    from aecli.model.networks.keys import Keys


class ResNet(Conv):
    """Stages of a convolution that shrinks the image and of residual blocks; as a decoder, their mirror image."""

    kind: Literal["resnet"] = "resnet"  # pyright: ignore[reportIncompatibleVariableOverride]
    kernel: Small = Field(default=3, description="height and width of each kernel")
    norm: Norm = Field(default="layer", description="before each activation: of each channel, or of each example")
    blocks: int = Field(default=1, ge=1, le=64, description="residual blocks per stage")
    formula: ClassVar[str] = "h_i = r(...r(W_i * h_{i-1})), r(h) = h + V * s(norm(U * s(norm(h)))), s: activation"
    source: ClassVar[str] = "He et al. 2016 (pre-activation)"

    def encoder(self, shape: tuple[int, ...], precision: Precision, rngs: Keys) -> Any:
        """Its width is the number of values after the last stage."""
        from aecli.model.networks.residual import ResidualEncoder

        return ResidualEncoder(self, shape, precision, rngs)

    def decoder(self, size: int, shape: tuple[int, ...], precision: Precision, rngs: Keys) -> Any:
        """A dense layer to the smallest image of `channels[0]`, then up; the last layer is linear."""
        from aecli.model.networks.residual import ResidualDecoder

        return ResidualDecoder(self, size, shape, precision, rngs)
