"""The higher-order contractive penalty against jax.jacfwd at the same neighbours, and against the Hessian."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aecli.config.problems import UserError
from aecli.experiment import load
from aecli.model.autoencoder import PENALTY
from tests.helpers import experiment, images
from tests.model.test_penalties import value_of

FORMS = [
    ({"widths": []}, {"kind": "dense", "size": 5, "activation": "sigmoid"}),
    ({"widths": []}, {"kind": "dense", "size": 5}),
    ({"widths": [], "tied": True}, {"kind": "dense", "size": 20, "activation": "tanh"}),
    ({"widths": [8], "activation": "tanh"}, {"kind": "dense", "size": 3}),
    ({"widths": [20], "activation": "sigmoid"}, {"kind": "dense", "size": 3, "activation": "sigmoid"}),
    ({"widths": [8, 6, 5], "activation": "softplus"}, {"kind": "gaussian", "size": 3}),
]


def config(encoder, bottleneck, **penalty):
    penalties = [{"kind": "contractive_hessian", "weight": 1.0, **penalty}]
    return experiment(model={"encoder": encoder, "bottleneck": bottleneck}, objective={"penalties": penalties})


def neighbours(x, samples, sigma, seed=1):
    """The draws of the penalty in `value_of`."""
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), PENALTY), 1)
    for one in jax.random.split(key, samples):
        drawn, _ = jax.random.split(one)
        yield x + sigma * jax.random.normal(drawn, x.shape, x.dtype)


@pytest.mark.parametrize(("encoder", "bottleneck"), FORMS)
def test_the_closed_form_is_the_difference_of_two_jacobians(encoder, bottleneck):
    x = images(4)
    autoencoder, weights, value = value_of(config(encoder, bottleneck, sigma=0.5, samples=3, method="exact"), x)
    jacobian = jax.jit(jax.vmap(jax.jacfwd(lambda row: autoencoder.encode(weights, row[None]).mean[0])))
    here, each = np.asarray(jacobian(x), np.float64), []
    for y in neighbours(x, 3, 0.5):
        change = here - np.asarray(jacobian(y), np.float64)
        each.append(np.square(change).reshape(len(x), -1).sum(1))
    np.testing.assert_allclose(value, np.mean(each, axis=0), rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize(
    "encoder",
    [{"widths": [8], "activation": "tanh"}, {"widths": [8], "norm": "layer"}, {"kind": "conv", "channels": [4]}],
)
def test_probes_are_unbiased(encoder):
    """1024 directions of one neighbour: within five standard errors, which are at most sqrt(2 / 1024) of the value."""
    x, bottleneck = images(4), {"kind": "dense", "size": 3, "activation": "tanh"}
    told = config(encoder, bottleneck, sigma=0.5, samples=1, probes=1024, method="probes")
    autoencoder, weights, value = value_of(told, x)
    jacobian = jax.jit(jax.vmap(jax.jacfwd(lambda row: autoencoder.encode(weights, row[None]).mean[0])))
    (y,) = neighbours(x, 1, 0.5)
    change = np.asarray(jacobian(x), np.float64) - np.asarray(jacobian(y), np.float64)
    wanted = np.square(change).reshape(len(x), -1).sum(1)
    np.testing.assert_allclose(value, wanted, rtol=5 * np.sqrt(2 / 1024))


def test_it_is_the_hessians_norm_where_neighbours_are_near():
    """sigma^2 ||H||_F^2, the sum over units of their Hessians' squared norms, in float64."""
    x = images(3)
    encoder, bottleneck = {"widths": [6], "activation": "tanh"}, {"kind": "dense", "size": 2}
    sigma, samples = 0.02, 1024
    autoencoder, weights, value = value_of(config(encoder, bottleneck, sigma=sigma, samples=samples), x)
    del autoencoder
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), weights.parameters)
    (layer,) = p["encoder"]["layers"].values()
    w, b, head = layer["linear"]["kernel"], layer["linear"]["bias"], p["head"]["kernel"]
    t = np.tanh(np.asarray(x, np.float64).reshape(len(x), -1) @ w + b)
    bend = -2 * t * (1 - t**2)  # tanh''
    hessians = np.einsum("nk,ik,jk,ko->noij", bend, w, w, head)
    wanted = sigma**2 * np.square(hessians).sum((1, 2, 3))
    np.testing.assert_allclose(value, wanted, rtol=0.1)


def test_a_closed_form_that_does_not_exist_is_refused():
    model = {"encoder": {"widths": [8], "norm": "batch"}}
    penalties = [{"kind": "contractive_hessian", "method": "exact"}]
    with pytest.raises(UserError, match="contractive_hessian with `method: exact` needs an mlp encoder"):
        load({"data": {"source": "digits"}, "model": model, "objective": {"penalties": penalties}})


def test_the_gradient_is_that_of_finite_differences():
    x, told = images(3), config(*FORMS[4], sigma=0.3, samples=2)
    from aecli.model.objective import terms
    from tests.helpers import built

    autoencoder, weights = built(told)

    def total(scale):
        moved = jax.tree.map(lambda leaf: leaf * scale, weights.parameters)
        found, _ = terms(
            autoencoder, weights._replace(parameters=moved), x, jax.random.key(1), train=True, mask=jnp.ones(3, bool)
        )
        return found["penalties.0.contractive_hessian"].sum()

    step = 1e-2
    slope = (total(1 + step) - total(1 - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(total)(1.0), slope, rtol=5e-3)
