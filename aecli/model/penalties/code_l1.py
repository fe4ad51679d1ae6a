"""L1 on the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aecli.model.penalties.penalty import Penalty

if TYPE_CHECKING:
    from aecli.model.penalties.penalty import Omega


class CodeL1(Penalty):
    """The sum of absolute values over the units of the code that the decoder sees."""

    kind: Literal["code_l1"] = "code_l1"
    formula: ClassVar[str] = "Omega = sum_j |z_j|"
    source: ClassVar[str] = "Ng 2011; Olshausen & Field 1996"

    def build(self, model: Any) -> Omega:
        """A value per example."""
        import jax.numpy as jnp

        return lambda forward, parameters, numbers: jnp.sum(jnp.abs(forward.code.value), axis=-1)
