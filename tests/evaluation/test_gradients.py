"""The variances against numpy of gradients drawn one by one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aecli.evaluation import gradients as module
from aecli.evaluation.gradients import Gradients, noises
from aecli.evaluation.noise import GRADIENTS, key_of
from aecli.model.autoencoder import BOTTLENECK

VAE = {"encoder": {"widths": [5]}, "bottleneck": {"kind": "gaussian", "size": 2}}
OBJECTIVE = {"reconstruction": {"kind": "gaussian", "variance": 0.3}, "corruption": "masking", "rate": {"weight": 3.0}}
X = np.random.default_rng(0).random((20, 6)).astype(np.float32)


def by_hand(trained, x, repeat):
    """d/d(encoder, head) of the elbo's mean, the draw written out."""
    autoencoder, weights = trained.autoencoder, trained.weights
    key = jax.random.fold_in(key_of(jnp.uint32(0), GRADIENTS, jnp.int32(repeat)), BOTTLENECK)
    eps = jax.random.normal(key, (len(x), 2))

    def loss(encoder, head):
        changed = weights._replace(parameters={**weights.parameters, "encoder": encoder, "head": head})
        q = autoencoder.encode(changed, x).posterior
        log_x = autoencoder.decode(changed, q.at(eps)).log_prob(x)
        return (q.kl_to_standard().sum(-1) - log_x.sum(-1)).mean()

    slopes = jax.grad(loss, argnums=(0, 1))(weights.parameters["encoder"], weights.parameters["head"])
    return np.concatenate([np.asarray(leaf, np.float64).reshape(-1) for leaf in jax.tree.leaves(slopes)])


def test_mean_and_variance_are_numpy_s(make, monkeypatch):
    """Of the elbo at weight 1, clean rows, whatever the run was trained on."""
    monkeypatch.setattr(module, "REPEATS", 12)
    trained = make.build((6,), VAE, OBJECTIVE)
    found = noises(trained, X)["reparameterised"]
    expected = np.stack([by_hand(trained, jnp.asarray(X), repeat) for repeat in range(12)])
    np.testing.assert_allclose(found.mean, expected.mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.variance, expected.var(0, ddof=1), rtol=1e-3, atol=1e-8)


def test_the_ways_agree_in_the_mean_and_the_trick_has_least_noise(make):
    trained = make.build((6,), VAE, OBJECTIVE)
    found = noises(trained, X)
    trick = found["reparameterised"]
    for way in ("score_function", "baseline"):
        error = np.sqrt((found[way].variance + trick.variance) / module.REPEATS)
        z = (found[way].mean - trick.mean) / np.where(error == 0, 1, error)
        assert np.sqrt(np.mean(z[error > 0] ** 2)) < 1.6
    assert found["score_function"].variance.mean() > 10 * trick.variance.mean()
    metrics = make.metrics(Gradients(trained), X)
    assert metrics["gradient_variance_baseline"].value < metrics["gradient_variance_score_function"].value
    assert metrics["gradient_snr_dreg"].value > metrics["gradient_snr_iwae"].value > 0
    ratio = found["baseline"].variance.mean() / trick.variance.mean()
    assert metrics["gradient_variance_ratio_baseline"].value == pytest.approx(ratio)


def test_a_code_that_is_not_drawn_has_none(make):
    found = make.measured(Gradients(make.build((6,), {"bottleneck": {"kind": "dense", "size": 2}}, {})), X)
    assert found.metrics == {}
    assert "draws nothing" in found.notes[0]
