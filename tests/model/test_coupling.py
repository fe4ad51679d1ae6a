"""A flow's density against its Jacobian and its integral."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy import stats

from aecli.model.coupling import RealNVP


def moved(size, seed=0):
    """A flow away from the identity it begins as, but not so far that float32 loses the way back."""
    flow = RealNVP(size, jax.random.key(seed))
    for i, layer in enumerate(flow.layers):
        kernel = layer.last.kernel[...]
        layer.last.kernel = nnx.Param(0.03 * jax.random.normal(jax.random.key(i + 9), kernel.shape))
    return flow


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_density_is_that_of_the_change_of_variables(size):
    """log N(u) + log |det du/dz|, by jax.jacfwd of the inverse and numpy's determinant."""
    flow, u = moved(size), jax.random.normal(jax.random.key(1), (6, size))
    z = flow.of(u)
    jacobians = jax.vmap(jax.jacfwd(lambda one: flow.of(one[None])[0]))(u)
    expected = stats.norm.logpdf(u).sum(1) - np.linalg.slogdet(np.asarray(jacobians, np.float64))[1]
    np.testing.assert_allclose(flow.log_prob(z), expected, rtol=1e-3, atol=1e-3)


def test_it_begins_as_the_standard_normal():
    z = jax.random.normal(jax.random.key(0), (7, 4))
    flow = RealNVP(4, jax.random.key(0))
    np.testing.assert_allclose(flow.log_prob(z), stats.norm.logpdf(z).sum(1), rtol=1e-5)
    np.testing.assert_allclose(flow.of(z), z, rtol=1e-6)


def test_a_density_in_the_plane_has_the_integral_1():
    flow, side = moved(2), jnp.linspace(-12, 12, 601)
    grid = jnp.stack(jnp.meshgrid(side, side), axis=-1).reshape(-1, 2)
    assert float(jnp.exp(flow.log_prob(grid)).sum() * (24 / 600) ** 2) == pytest.approx(1, abs=0.01)
