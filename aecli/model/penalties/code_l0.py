"""The number of units that speak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aecli.model.penalties.penalty import Penalty

if TYPE_CHECKING:
    from aecli.model.penalties.penalty import Omega


class CodeL0(Penalty):
    """How many units speak of an example; it moves the thresholds of jump_relu, and nothing else."""

    kind: Literal["code_l0"] = "code_l0"
    formula: ClassVar[str] = "Omega = sum_j [h_j > theta_j]"
    source: ClassVar[str] = "Rajamanoharan et al. 2024 (Jumping Ahead)"

    def build(self, model: Any) -> Omega:
        """A value per example."""
        import jax.numpy as jnp

        def omega(forward, parameters, numbers):
            return jnp.sum(jnp.asarray(forward.code.active), axis=-1)

        return omega

    def fits(self, model: Any) -> str | None:
        """The count must have a gradient."""
        if model.bottleneck.kind == "jump_relu":
            return None
        return "code_l0 has a gradient for thresholds alone: set model.bottleneck to jump_relu, or use code_l1"
