"""What the gates of a gated code would reconstruct alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from aecli.config.numbers import Number, Swept
from aecli.model.penalties.gate_l1 import needs_gates
from aecli.model.penalties.penalty import Penalty

if TYPE_CHECKING:
    from aecli.model.penalties.penalty import Omega


class GateReconstruction(Penalty):
    """The reconstruction's loss with the open gates as code, the decoder held: it trains the gates, and them alone."""

    kind: Literal["gate_reconstruction"] = "gate_reconstruction"
    weight: Annotated[Number, Swept(ge=0)] = Field(default=1.0, description="lambda; 1 in the paper")
    formula: ClassVar[str] = (
        "Omega = L(x, g_held(relu(h))), h the gates, g_held the decoder without a gradient of its own"
    )
    source: ClassVar[str] = "Rajamanoharan et al. 2024 (Gated Sparse Autoencoders)"

    holds: ClassVar[tuple[str, ...]] = ("decoder", "reconstruction")

    def build(self, model: Any) -> Omega:
        """A value per example."""
        import jax

        from aecli.model.sums import per_example

        def omega(forward, parameters, numbers):
            return per_example(forward.loss(forward.x, forward.held(jax.nn.relu(forward.h))))

        return omega

    def fits(self, model: Any) -> str | None:
        """There must be gates."""
        return needs_gates(self.kind, model)
