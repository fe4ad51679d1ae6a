"""A small grammar that uses everything the real one does."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from aecli.config.numbers import number
from aecli.config.part import Part, Spec, listed
from aecli.config.registry import Registry


class Dense(Part):
    """Fully connected."""

    formula = "W x + b"
    kind: Literal["dense"] = "dense"
    widths: listed(int) = (8, 4)
    activation: Literal["relu", "tanh", "linear"] = "relu"


class Gaussian(Part):
    """A Gaussian code."""

    formula = "z ~ N(mu, sigma^2)"
    kind: Literal["gaussian"] = "gaussian"
    size: int = Field(gt=0, le=1000)
    scale: number(ge=0) = 1.0


class Mirror(Part):
    """The encoder, backwards."""

    kind: Literal["mirror"] = "mirror"


class Penalty(Part):
    """A penalty with a weight."""

    formula = "weight |w|"
    kind: Literal["l1"] = "l1"
    weight: number(ge=0, off=0.0) = 0.0
    on: Literal["kernel", "bias"] = "kernel"


NETWORKS = Registry("network", Dense, default="dense")
DECODERS = Registry("decoder", Mirror, Dense)
BOTTLENECKS = Registry("bottleneck", Dense, Gaussian, default="dense")
PENALTIES = Registry("penalty", Penalty)


class Data(Spec):
    """Where the rows are."""

    source: str = Field(min_length=1)
    label: str | int | None = None
    test: Literal["given"] | float = "given"

    @field_validator("source")
    @classmethod
    def _no_gap(cls, value: str) -> str:
        if " " in value:
            raise ValueError("must not hold a space")
        return value


class Stop(Spec):
    """When to stop."""

    patience: int = 3


class Toy(Spec):
    """A whole toy config."""

    name: str = "run"
    seed: int = Field(default=0, ge=0)
    rate: float = Field(default=0.5, ge=0, lt=1)
    fast: bool = False
    data: Data
    encoder: Annotated[Part, NETWORKS] = Dense()
    bottleneck: Annotated[Part, BOTTLENECKS] = Dense()
    decoder: Annotated[Part, DECODERS] = Mirror()
    penalties: listed(Annotated[Part, PENALTIES]) = ()
    stop: Literal["none"] | Stop = "none"
    tags: listed(int | str) = ()
