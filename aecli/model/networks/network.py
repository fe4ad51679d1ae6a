"""What a network is: an encoder from features to a width, or a decoder back. It knows no bottleneck and no loss."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from aecli.config.part import Part
from aecli.model.products.precision import Precision

if TYPE_CHECKING:
    from aecli.model.networks.keys import Keys


class Network(Part):
    """Builds Flax NNX modules, each called as `module(x, mode)`."""

    @abstractmethod
    def encoder(self, shape: tuple[int, ...], precision: Precision, rngs: Keys) -> Any:
        """The module [batch, *shape] -> [batch, width], with its `width` and `turned`: the batch is innermost."""

    @abstractmethod
    def decoder(self, size: int, shape: tuple[int, ...], precision: Precision, rngs: Keys) -> Any:
        """The module [batch, size] -> [batch, *shape]; where tied, it holds no kernels and is given them."""

    def refuses(self, shape: tuple[int, ...]) -> str | None:
        """Why it cannot encode, or decode to, features of this shape, or None."""
        return None

    def kept(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The decoder's parameters after an update, put back where they must lie."""
        return parameters

    @abstractmethod
    def mirrored(self) -> Network:
        """The same network in reverse, for `decoder: mirror`."""


def needs_image(kind: str, shape: tuple[int, ...]) -> str | None:
    """What a network of images says of features that are none."""
    if len(shape) == 3:
        return None
    return f"{kind} needs images [height, width, channels], and these rows have the shape {list(shape)}: use mlp"
