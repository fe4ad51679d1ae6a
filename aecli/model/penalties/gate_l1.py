"""L1 on the gates of a gated code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aecli.model.penalties.penalty import Penalty

if TYPE_CHECKING:
    from aecli.model.penalties.penalty import Omega


class GateL1(Penalty):
    """How far the gates of an example are open; what its units say is not charged."""

    kind: Literal["gate_l1"] = "gate_l1"
    formula: ClassVar[str] = "Omega = sum_j relu(h_j), h the gates"
    source: ClassVar[str] = "Rajamanoharan et al. 2024 (Gated Sparse Autoencoders)"

    def build(self, model: Any) -> Omega:
        """A value per example."""
        import jax
        import jax.numpy as jnp

        return lambda forward, parameters, numbers: jnp.sum(jax.nn.relu(forward.h), axis=-1)

    def fits(self, model: Any) -> str | None:
        """There must be gates."""
        return needs_gates(self.kind, model)


def needs_gates(kind: str, model: Any) -> str | None:
    """What a penalty of gates says of a model that has none."""
    if model.bottleneck.kind == "gated":
        return None
    return f"{kind} is of a gated code: set model.bottleneck to gated, or use code_l1"
