"""L2 on the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from aecli.model.penalties.penalty import Penalty

if TYPE_CHECKING:
    from aecli.model.penalties.penalty import Omega


class CodeL2(Penalty):
    """The sum of squares over the units of the code that the decoder sees."""

    kind: Literal["code_l2"] = "code_l2"
    formula: ClassVar[str] = "Omega = sum_j z_j^2"
    source: ClassVar[str] = "RAE: Ghosh et al. 2020"

    def build(self, model: Any) -> Omega:
        """A value per example."""
        import jax.numpy as jnp

        return lambda forward, parameters, numbers: jnp.sum(jnp.square(forward.code.value), axis=-1)
