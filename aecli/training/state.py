"""The state of a training: one pytree of plain mappings."""

from __future__ import annotations

from typing import Any, NamedTuple

from jaxtyping import Array, Float, Int


class State(NamedTuple):
    """What a step changes: parameters, other variables, optimiser, average, step, the epoch's sums, first bad step."""

    parameters: dict[str, Any]
    variables: dict[str, Any]
    optimizer: dict[str, Any]
    average: dict[str, Any]
    step: Int[Array, ""]
    sums: dict[str, Float[Array, ""]]
    bad: Int[Array, ""]
