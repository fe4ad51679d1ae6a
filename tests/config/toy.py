"""A small grammar that uses everything the real one does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from aecli.config.numbers import Number, Swept
from aecli.config.part import LIST, Part, Spec
from aecli.config.problems import Problem, UserError
from aecli.config.registry import Registry


def attempt(call: Callable[..., Any], *arguments: Any) -> tuple[Any, tuple[Problem, ...]]:
    """What `call` returns, or None and the problems that it refuses with: all else it raises is a bug."""
    try:
        return call(*arguments), ()
    except UserError as error:
        return None, error.problems


class Dense(Part):
    """Fully connected."""

    formula = "W x + b"
    kind: Literal["dense"] = "dense"
    widths: Annotated[tuple[int, ...], LIST] = (8, 4)
    activation: Literal["relu", "tanh", "linear"] = "relu"


class Gaussian(Part):
    """A Gaussian code."""

    formula = "z ~ N(mu, sigma^2)"
    kind: Literal["gaussian"] = "gaussian"
    size: int = Field(gt=0, le=1000)
    scale: Annotated[Number, Swept(ge=0)] = 1.0


class Mirror(Part):
    """The encoder, backwards."""

    kind: Literal["mirror"] = "mirror"


class Penalty(Part):
    """A penalty with a weight."""

    formula = "weight |w|"
    kind: Literal["l1"] = "l1"
    weight: Annotated[Number, Swept(ge=0, off=0.0)] = 0.0
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
    penalties: Annotated[tuple[Annotated[Part, PENALTIES], ...], LIST] = ()
    stop: Literal["none"] | Stop = "none"
    tags: Annotated[tuple[int | str, ...], LIST] = ()
