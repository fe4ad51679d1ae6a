"""The multilayer perceptron."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from aecli.config.numbers import Number, Swept
from aecli.config.part import LIST
from aecli.model.networks.activations import Activation
from aecli.model.networks.network import Network, Precision

if TYPE_CHECKING:
    from aecli.model.networks.keys import Keys

Norm = Literal["none", "batch", "layer"]


class MLP(Network):
    """Fully connected layers: product, norm, activation, dropout. Any input is flattened."""

    kind: Literal["mlp"] = "mlp"
    widths: Annotated[tuple[PositiveInt, ...], LIST] = Field(
        default=(256, 128), max_length=64, description="units per layer; may be empty"
    )
    activation: Activation = Field(default="relu", description="after each layer")
    norm: Norm = Field(default="none", description="before each activation")
    dropout: Annotated[Number, Swept(ge=0, lt=1, off=0.0, applied=False)] = Field(
        default=0.0, description="probability that a unit is dropped"
    )
    gated: bool = Field(default=False, description="each layer is s(Wx + b) * sigmoid(Vx + c)")
    tied: bool = Field(default=False, description="the mirrored decoder's kernels are the encoder's, transposed")
    formula: ClassVar[str] = "h_i = dropout(activation(norm(W_i h_{i-1} + b_i))), h_0 = x"
    source: ClassVar[str] = "gated: Dauphin et al. 2017; tied: Vincent et al. 2010"

    def encoder(self, shape: tuple[int, ...], precision: Precision, rngs: Keys) -> Any:
        """Features flattened, through the layers; its width is the last layer's."""
        from aecli.model.networks.layers import Perceptron, blocks, size_of

        layers = blocks(self, size_of(shape), precision, rngs)
        return Perceptron(layers, None, (self.widths or (size_of(shape),))[-1:])

    def decoder(self, size: int, shape: tuple[int, ...], precision: Precision, rngs: Keys) -> Any:
        """The layers, then one linear layer to the features."""
        from aecli.model.networks.layers import Linear, Perceptron, blocks, size_of

        layers = blocks(self, size, precision, rngs, tied=self.tied)
        width = (self.widths or (size,))[-1]
        last = Linear(width, size_of(shape), "linear", precision, rngs, tied=self.tied)
        return Perceptron(layers, last, shape)

    def mirrored(self) -> MLP:
        """Widths in reverse order."""
        return self.model_copy(update={"widths": self.widths[::-1]})
