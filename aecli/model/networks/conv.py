"""The convolutional network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from aecli.config.part import LIST
from aecli.model.networks.activations import Activation
from aecli.model.networks.network import Network, Precision, needs_image

if TYPE_CHECKING:
    from aecli.model.networks.keys import Keys

Norm = Literal["none", "batch", "layer"]
Small = Annotated[int, Field(ge=1, le=64)]


class Conv(Network):
    """Convolutions, each followed by norm and activation; as a decoder a dense layer, then their transposes.

    Images of any height and width: the decoder's layers give back the very sizes that the encoder's came from.
    """

    kind: Literal["conv"] = "conv"
    channels: Annotated[tuple[PositiveInt, ...], LIST] = Field(
        default=(32, 64), min_length=1, max_length=32, description="channels per layer"
    )
    kernel: Small = Field(default=4, description="height and width of each kernel")
    stride: Small = Field(default=2, description="step of each kernel: by how much a layer shrinks the image")
    padding: Literal["same", "valid"] = Field(
        default="same", description="zeros around the image so that it shrinks by the stride alone, or none"
    )
    norm: Norm = Field(default="none", description="before each activation: of each channel, or of each example")
    activation: Activation = Field(default="relu", description="after each layer")
    upsample: Literal["transposed", "resize"] = Field(
        default="transposed", description="a decoder's layers: transposed convolutions, or repetition and convolution"
    )
    formula: ClassVar[str] = "h_i = activation(norm(W_i * h_{i-1} + b_i)), h_0 = x ('*': correlation with a stride)"
    source: ClassVar[str] = "LeCun et al. 1989; transposed: Zeiler et al. 2010; resize: Odena et al. 2016"

    @model_validator(mode="after")
    def _resized(self) -> Conv:
        if self.upsample == "resize" and self.padding == "valid":
            raise ValueError("upsample: resize repeats each place `stride` times, which undoes padding: same alone")
        return self

    def refuses(self, shape: tuple[int, ...]) -> str | None:
        """It needs images at least as large as its kernels."""
        from aecli.model.networks.geometry import forms

        if (why := needs_image(self.kind, shape)) is not None:
            return why
        smallest = min(n for form in forms(self, shape, self.channels, "float32") for n in form.output)
        if smallest >= 1:
            return None
        return f"{len(self.channels)} layers with kernel {self.kernel} leave nothing of {shape[0]} x {shape[1]} pixels"

    def encoder(self, shape: tuple[int, ...], precision: Precision, rngs: Keys) -> Any:
        """Its width is the number of values after the last layer."""
        from aecli.model.networks.convolutions import ConvEncoder

        return ConvEncoder(self, shape, precision, rngs)

    def decoder(self, size: int, shape: tuple[int, ...], precision: Precision, rngs: Keys) -> Any:
        """A dense layer to the smallest image of `channels[0]`, then up; the last layer is linear."""
        from aecli.model.networks.convolutions import ConvDecoder

        return ConvDecoder(self, size, shape, precision, rngs)

    def mirrored(self) -> Conv:
        """Channels in reverse order."""
        return self.model_copy(update={"channels": self.channels[::-1]})
