"""The contractive penalty: the squared Frobenius norm of the encoder's Jacobian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from aecli.model.penalties.jacobian import NEEDS, closed_form, rows, slopes, squared
from aecli.model.penalties.penalty import Penalty

if TYPE_CHECKING:
    from jaxtyping import Array, Float

    from aecli.model.forward import Pass
    from aecli.model.penalties.penalty import Omega


class Contractive(Penalty):
    """||d z / d x||_F^2 of the mean code at the clean input, network in evaluation mode.

    Exact for an mlp encoder without norm or gates, and a code of which no unit depends on another; elsewhere an
    unbiased estimate from random directions v, E_v ||J v||^2 with v of independent signs (Hutchinson 1990).
    """

    kind: Literal["contractive"] = "contractive"
    method: Literal["auto", "exact", "probes"] = Field(default="auto", description="auto: exact where it can be")
    probes: int = Field(default=1, ge=1, le=1024, description="random directions per example, where not exact")
    formula: ClassVar[str] = "Omega = ||d z / d x||_F^2 = sum_jk (d z_j / d x_k)^2"
    source: ClassVar[str] = "Rifai et al. 2011"

    def build(self, model: Any) -> Omega:
        """A value per example."""
        if self.method == "probes" or not closed_form(model):
            return self._probed
        return lambda forward, parameters, numbers: _exact(model, forward.inputs, parameters)

    def fits(self, model: Any) -> str | None:
        """The exact form must exist where it is asked for."""
        if self.method != "exact" or closed_form(model):
            return None
        return f"contractive with `method: exact` {NEEDS}: use `method: probes`"

    def _probed(self, forward: Pass, parameters: dict, numbers: dict) -> Float[Array, " batch"]:
        import jax
        import jax.numpy as jnp

        def estimate(key):
            v = jax.random.rademacher(key, forward.inputs.shape, forward.inputs.dtype)
            return jnp.sum(jnp.square(jax.jvp(forward.encode, (forward.inputs,), (v,))[1]), axis=-1)

        return jnp.mean(jax.vmap(estimate)(jax.random.split(forward.key, self.probes)), axis=0)


def _exact(model: Any, x: Float[Array, " batch *features"], parameters: dict) -> Float[Array, " batch"]:
    """||J||_F^2 of each example.

    Without a hidden layer it is sum_j c_j^2 ||w_j||^2; with one and a linear code s' [(W_2 W_2') o (W_1' W_1)] s; else
    that of the code's rows, propagated down.
    """
    import jax.numpy as jnp

    at = slopes(model, x, parameters)
    if not at.kernels:
        norms = jnp.sum(jnp.square(at.head), axis=0)
        return jnp.broadcast_to(jnp.sum(norms), x.shape[:1]) if at.code is None else jnp.square(at.code) @ norms
    first, s = at.kernels[0], at.slopes[0]
    if len(at.kernels) == 1 and at.code is None:
        return jnp.sum((s @ ((first.T @ first) * (at.head @ at.head.T))) * s, axis=-1)
    return squared(rows(at), first)
