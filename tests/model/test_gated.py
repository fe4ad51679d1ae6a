"""The gated code and its two penalties, against Rajamanoharan et al. 2024 in numpy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aecli.model.objective import mean_terms, terms
from aecli.model.spec import conflicts
from tests.helpers import built, experiment, images

MODEL = {"encoder": {"widths": []}, "bottleneck": {"kind": "gated", "size": 20}}
OBJECTIVE = {"penalties": [{"kind": "gate_l1", "weight": 0.1}, {"kind": "gate_reconstruction"}]}


def weighted():
    """An autoencoder whose scales and biases are not what they begin with."""
    autoencoder, weights = built(experiment(model=MODEL, objective=OBJECTIVE))
    draw = np.random.default_rng(0)
    own = {name: jnp.asarray(draw.normal(size=20) * 0.3, jnp.float32) for name in ("log_scale", "bias")}
    return autoencoder, weights._replace(parameters=weights.parameters | {"bottleneck": own})


def plainly(weights, x):
    """h, z and the reconstructions from z and from the gates, in float64."""
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), weights.parameters)
    h = np.asarray(x, np.float64).reshape(len(x), -1) @ p["head"]["kernel"] + p["head"]["bias"]
    z = (h > 0) * np.maximum(np.exp(p["bottleneck"]["log_scale"]) * h + p["bottleneck"]["bias"], 0)
    kernel, bias = p["decoder"]["last"]["kernel"], p["decoder"]["last"]["bias"]
    return h, z, z @ kernel + bias, np.maximum(h, 0) @ kernel + bias


def found(autoencoder, weights, parameters, x):
    """Each term's mean."""
    mask, held = jnp.ones(len(x), bool), weights._replace(parameters=parameters)
    return mean_terms(terms(autoencoder, held, x, jax.random.key(0), train=True, mask=mask)[0], mask)


def test_code_and_terms_are_the_papers():
    (autoencoder, weights), x = weighted(), images(9)
    h, z, x_hat, of_gates = plainly(weights, x)
    np.testing.assert_allclose(autoencoder.encode(weights, x).mean, z, rtol=1e-5, atol=1e-6)
    flat, means = np.asarray(x, np.float64).reshape(9, -1), found(autoencoder, weights, weights.parameters, x)
    assert float(means["penalties.0.gate_l1"]) == pytest.approx(np.maximum(h, 0).sum(1).mean(), rel=1e-5)
    assert float(means["penalties.1.gate_reconstruction"]) == pytest.approx(
        np.square(flat - of_gates).sum(1).mean(), rel=1e-5
    )
    assert float(means["reconstruction"]) == pytest.approx(np.square(flat - x_hat).sum(1).mean(), rel=1e-5)


@pytest.mark.parametrize("tied", [False, True])
def test_what_gates_reconstruct_trains_the_gates_alone(tied):
    model = MODEL | {"encoder": {"widths": [], "tied": tied}}
    autoencoder, weights = built(experiment(model=model, objective=OBJECTIVE))
    x = images(9)

    def auxiliary(parameters):
        return found(autoencoder, weights, parameters, x)["penalties.1.gate_reconstruction"]

    slopes = jax.grad(auxiliary)(weights.parameters)
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), weights.parameters)
    flat = np.asarray(x, np.float64).reshape(9, -1)
    h = flat @ p["head"]["kernel"] + p["head"]["bias"]
    kernel = p["head"]["kernel"].T if tied else p["decoder"]["last"]["kernel"]
    back = 2 * (np.maximum(h, 0) @ kernel + p["decoder"]["last"]["bias"] - flat) @ kernel.T * (h > 0) / 9
    np.testing.assert_allclose(slopes["head"]["kernel"], flat.T @ back, rtol=1e-3, atol=1e-5)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves((slopes["decoder"], slopes["bottleneck"])))


@pytest.mark.parametrize("kind", ["gate_l1", "gate_reconstruction"])
def test_gates_are_needed(kind):
    config = experiment(objective={"penalties": [{"kind": kind}]})
    ((where, why),) = conflicts(config.model, config.objective)
    assert where == ("objective", "penalties", 0)
    assert "set model.bottleneck to gated" in why
