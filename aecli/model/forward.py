"""One forward pass, and what it is applied to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from jaxtyping import Array, Bool, Float, Key

from aecli.model.bottlenecks.code import Code


class Weights(NamedTuple):
    """All that an autoencoder is applied with: parameters, other variables (running means), values of its numbers."""

    parameters: dict[str, Any]
    variables: dict[str, Any]
    numbers: dict[str, Any]


class Drawn(NamedTuple):
    """What the estimator looks at: code and outputs of every draw, as the decoder saw them (all examples of a draw,
    then the next), the density p(z), None where nothing is drawn, and what the estimator set apart.
    """

    code: Code
    outputs: Any
    prior: Any
    apart: Any


@dataclass(frozen=True)
class Pass:
    """All that a penalty may look at. `code` and `output` are those of the first draw, where there are more.

    `inputs` is what the encoder sees of the clean x: x itself, but for a table's holes and categories
    (`aecli.layout`). `h` is what the encoder gave the bottleneck, `loss` the reconstruction's of each feature. `encode`
    (inputs -> mean code) and `decode` (z -> distribution) are functions of arrays, in evaluation mode, that can be
    differentiated; `held` is `decode` with every parameter held, so that a gradient reaches z alone. `mask` says which
    rows are real.
    """

    x: Float[Array, " batch *features"]
    inputs: Float[Array, " batch *inputs"]
    corrupted: Float[Array, " batch *features"]
    touched: Bool[Array, " batch *features"]
    h: Float[Array, "batch outputs"]
    code: Code
    output: Any
    drawn: Drawn
    key: Key[Array, ""]
    mask: Bool[Array, " batch"]
    encode: Callable[[Float[Array, " batch *inputs"]], Float[Array, "batch size"]]
    decode: Callable[[Float[Array, "batch size"]], Any]
    held: Callable[[Float[Array, "batch size"]], Any]
    loss: Callable[[Float[Array, " batch *features"], Any], Float[Array, " batch *features"]]
