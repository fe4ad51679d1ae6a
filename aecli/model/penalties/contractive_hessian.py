"""The higher-order contractive penalty: how much the encoder's Jacobian changes around a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from aecli.config.numbers import Number, Swept
from aecli.model.penalties.jacobian import NEEDS, closed_form, rows, slopes, squared
from aecli.model.penalties.penalty import Penalty

if TYPE_CHECKING:
    from jaxtyping import Array, Float, Key

    from aecli.model.forward import Pass
    from aecli.model.penalties.penalty import Omega


class ContractiveHessian(Penalty):
    """E_e ||J(x) - J(x + e)||_F^2, e ~ N(0, sigma^2 I), J = d z / d x of the mean code, network in evaluation mode.

    It is sigma^2 times the squared Frobenius norm of the Hessian, up to terms in sigma^4: beside `contractive`, which
    flattens the code, it keeps it from bending. Averaged over `samples` draws of e; each is exact for an mlp encoder
    without norm or gates and a code of which no unit depends on another, elsewhere an unbiased estimate from random
    directions, the same ones for both Jacobians.
    """

    kind: Literal["contractive_hessian"] = "contractive_hessian"
    sigma: Annotated[Number, Swept(gt=0)] = Field(default=0.1, description="standard deviation of the neighbours")
    samples: int = Field(default=2, ge=1, le=1024, description="neighbours drawn per example")
    method: Literal["auto", "exact", "probes"] = Field(default="auto", description="auto: exact where it can be")
    probes: int = Field(default=1, ge=1, le=1024, description="random directions per neighbour, where not exact")
    formula: ClassVar[str] = "Omega = E_e ||J(x) - J(x + e)||_F^2, e ~ N(0, sigma^2 I)"
    source: ClassVar[str] = "Rifai et al. 2011 (higher order contractive)"

    def build(self, model: Any) -> Omega:
        """A value per example."""
        import jax
        import jax.numpy as jnp

        exact = self.method != "probes" and closed_form(model)

        def omega(forward: Pass, parameters: dict, numbers: dict) -> Float[Array, " batch"]:
            x = forward.inputs

            def one(key: Key[Array, ""]) -> Float[Array, " batch"]:
                drawn, directions = jax.random.split(key)
                y = x + numbers["sigma"] * jax.random.normal(drawn, x.shape, x.dtype)
                if exact:
                    return _exact(model, x, y, parameters)
                return _probed(forward, y, jax.random.split(directions, self.probes))

            keys = jax.random.split(jax.random.fold_in(forward.key, 1), self.samples)  # not those of `contractive`
            return jnp.mean(jax.vmap(one)(keys), axis=0)

        return omega

    def fits(self, model: Any) -> str | None:
        """The exact form must exist where it is asked for."""
        if self.method != "exact" or closed_form(model):
            return None
        return f"contractive_hessian with `method: exact` {NEEDS}: use `method: probes`"


def _exact(
    model: Any, x: Float[Array, " batch *features"], y: Float[Array, " batch *features"], parameters: dict
) -> Float[Array, " batch"]:
    """||J(x) - J(y)||_F^2; without a hidden layer sum_j (c_j(x) - c_j(y))^2 ||w_j||^2."""
    import jax.numpy as jnp

    at, there = slopes(model, x, parameters), slopes(model, y, parameters)
    if at.kernels:
        return squared(rows(at) - rows(there), at.kernels[0])
    if at.code is None:
        return jnp.zeros(x.shape[0], x.dtype)
    return jnp.square(at.code - there.code) @ jnp.sum(jnp.square(at.head), axis=0)


def _probed(forward: Pass, y: Float[Array, " batch *features"], keys: Key[Array, " probes"]) -> Float[Array, " batch"]:
    """||(J(x) - J(y)) v||^2 of independent signs v, the mean over as many as there are keys."""
    import jax
    import jax.numpy as jnp

    def estimate(key: Key[Array, ""]) -> Float[Array, " batch"]:
        v = jax.random.rademacher(key, y.shape, y.dtype)
        here, there = (jax.jvp(forward.encode, (at,), (v,))[1] for at in (forward.inputs, y))
        return jnp.sum(jnp.square(here - there), axis=-1)

    return jnp.mean(jax.vmap(estimate)(keys), axis=0)
