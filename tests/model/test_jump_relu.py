"""The jump and its straight-through gradients, against the formulas of Rajamanoharan et al. 2024 in numpy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from aecli.model.bottlenecks.jump import jump, step
from aecli.model.objective import mean_terms, terms
from aecli.model.spec import conflicts
from tests.helpers import built, experiment, images

WIDE = 0.5
MODEL = {
    "encoder": {"widths": []},
    "bottleneck": {"kind": "jump_relu", "size": 40, "threshold": 0.3, "bandwidth": WIDE},
}


def numbers(seed=0):
    """h, theta and what is asked of each output."""
    draw = np.random.default_rng(seed)
    h, theta = draw.normal(size=(50, 7)), np.exp(draw.normal(size=7) - 1)
    return h.astype(np.float32), theta.astype(np.float32), draw.normal(size=(50, 7)).astype(np.float32)


def test_values():
    h, theta, _ = numbers()
    np.testing.assert_array_equal(jump(h, theta, WIDE), h * (h > theta))
    np.testing.assert_array_equal(step(h, theta, WIDE), (h > theta).astype(np.float32))


def test_gradients_are_the_papers():
    h, theta, g = numbers()
    near = (np.abs(h - theta) < WIDE / 2).astype(np.float64)
    assert 0.05 < near.mean() < 0.95
    for function, of_h, of_theta in (
        (jump, g * (h > theta), (-(theta / WIDE) * near * g).sum(0)),
        (step, 0 * g, (-near / WIDE * g).sum(0)),
    ):
        found = jax.grad(lambda h, t, f=function: jnp.sum(f(h, t, WIDE) * g), argnums=(0, 1))(h, theta)
        np.testing.assert_allclose(found[0], of_h, rtol=1e-6)
        np.testing.assert_allclose(found[1], of_theta, rtol=2e-5, atol=1e-6)


def test_log_threshold_has_the_gradient_of_the_whole_objective():
    """d/d log theta = theta d/d theta: of squared error through z, and of the charge."""
    config = experiment(model=MODEL, objective={"penalties": [{"kind": "code_l0", "weight": 0.1}]})
    autoencoder, weights = built(config)
    x, mask = images(9), jnp.arange(9) < 8

    def loss(parameters):
        found = terms(autoencoder, weights._replace(parameters=parameters), x, jax.random.key(0), train=True, mask=mask)
        return mean_terms(found[0], mask)["loss"]

    found = jax.grad(loss)(weights.parameters)["bottleneck"]["log_threshold"]
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), weights.parameters)
    flat = np.asarray(x, np.float64).reshape(9, -1)[:8]
    h = flat @ p["head"]["kernel"] + p["head"]["bias"]
    theta = np.exp(p["bottleneck"]["log_threshold"])
    near, z = np.abs(h - theta) < WIDE / 2, h * (h > theta)
    out = p["decoder"]["last"]
    back = 2 * (z @ out["kernel"] + out["bias"] - flat) @ out["kernel"].T
    expected = (theta * (-(theta / WIDE) * near * back - 0.1 * near / WIDE)).mean(0)
    assert np.count_nonzero(expected) > 10
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_charge_is_the_l0_of_the_code_and_moves_thresholds_alone():
    config = experiment(model=MODEL, objective={"penalties": [{"kind": "code_l0"}]})
    autoencoder, weights = built(config)
    x, mask = images(9), jnp.ones(9, bool)

    def charge(parameters):
        held = weights._replace(parameters=parameters)
        return terms(autoencoder, held, x, jax.random.key(0), train=True, mask=mask)[0]["penalties.0.code_l0"]

    np.testing.assert_array_equal(
        charge(weights.parameters), np.count_nonzero(autoencoder.encode(weights, x).mean, axis=1)
    )
    slopes = jax.grad(lambda p: jnp.sum(charge(p)))(weights.parameters)
    assert np.any(slopes.pop("bottleneck")["log_threshold"])
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(slopes))


def test_a_charge_without_thresholds_is_refused():
    config = experiment(objective={"penalties": [{"kind": "code_l0"}]})
    ((where, why),) = conflicts(config.model, config.objective)
    assert where == ("objective", "penalties", 0)
    assert "set model.bottleneck to jump_relu" in why


def test_the_contractive_penalty_goes_through_the_jump():
    config = experiment(model=MODEL, objective={"penalties": [{"kind": "contractive", "probes": 400}]})
    autoencoder, weights = built(config)
    x, mask = images(3), jnp.ones(3, bool)
    found = terms(autoencoder, weights, x, jax.random.key(0), train=True, mask=mask)[0]["penalties.0.contractive"]
    each = jax.vmap(jax.jacfwd(lambda row: autoencoder.mean_code(weights, row[None])[0]))(x)
    np.testing.assert_allclose(found, np.square(each).sum((1, 2, 3, 4)), rtol=0.2)
