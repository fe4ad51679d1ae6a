"""Priors that are learned: their densities against scipy, their rate against the closed form."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import log_softmax, logsumexp

from aecli.model.densities import Mixed, StandardNormal
from aecli.model.distributions import Normal
from aecli.model.multivariate import full
from aecli.model.objective import terms
from tests.helpers import built, experiment, images

DRAW = np.random.default_rng(0)
LOGITS, MEANS, LOGS = DRAW.normal(size=4), DRAW.normal(size=(4, 3)), DRAW.normal(size=(4, 3))


def mixed(factored=False):
    """A mixture of four in three units."""
    normal = Normal(jnp.asarray(MEANS, jnp.float32), jnp.asarray(LOGS, jnp.float32))
    return Mixed(jnp.asarray(LOGITS, jnp.float32), full(normal) if factored else normal)


def gaussian(prior, **bottleneck):
    return experiment(model={"bottleneck": {"kind": "gaussian", "size": 3, "prior": prior, **bottleneck}})


@pytest.mark.parametrize("factored", [False, True])
def test_the_mixture_s_density(factored):
    z = np.random.default_rng(1).normal(size=(2, 5, 3))
    each = stats.norm.logpdf(z[..., None, :], MEANS, np.exp(LOGS / 2)).sum(-1)
    found = mixed(factored).log_prob(jnp.asarray(z, jnp.float32))
    np.testing.assert_allclose(found[..., 0], logsumexp(each + log_softmax(LOGITS), axis=-1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("density", [mixed(), mixed(factored=True), StandardNormal(3)], ids=["mixed", "full", "normal"])
def test_draws_have_the_moments_that_the_density_says(density):
    z = np.asarray(density.sample(jax.random.key(0), 200_000), np.float64)
    mean, variance = density.moments()
    np.testing.assert_allclose(z.mean(0), mean, atol=0.02)
    np.testing.assert_allclose(z.var(0), variance, rtol=0.02)


def test_the_estimated_rate_has_the_closed_form_for_its_mean():
    """A mixture of one N(0, I), against the standard prior."""
    posterior = Normal(jnp.asarray([0.3, -1.0, 0.0]), jnp.asarray([-1.0, 0.2, -3.0]))
    alone = Mixed(jnp.zeros(1), Normal(jnp.zeros((1, 3)), jnp.zeros((1, 3))))
    z = jax.vmap(posterior.sample)(jax.random.split(jax.random.key(0), 100_000))
    rates = np.asarray(alone.rate(posterior, z), np.float64)
    exact = float(StandardNormal(3).rate(posterior, z).sum())
    assert rates.mean() == pytest.approx(exact, abs=5 * rates.std() / np.sqrt(len(z)))


def test_a_mixture_begins_with_equal_weights_and_learns_all_of_it():
    autoencoder, weights = built(gaussian({"kind": "mixture", "components": 4}))
    own = weights.parameters["bottleneck"]["prior"]
    assert {name: a.shape for name, a in own.items()} == {"logits": (4,), "means": (4, 3), "log_variances": (4, 3)}
    x, mask = images(6), jnp.ones(6, bool)

    def loss(parameters):
        changed = weights._replace(parameters=parameters)
        return terms(autoencoder, changed, x, jax.random.key(0), train=True, mask=mask)[0]["loss"].mean()

    slopes = jax.grad(loss)(weights.parameters)["bottleneck"]["prior"]
    assert all(bool(jnp.any(slope != 0)) for slope in slopes.values())


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_vamp_is_the_mixture_of_the_posteriors_of_its_pseudo_inputs(covariance):
    autoencoder, weights = built(gaussian({"kind": "vamp", "components": 5}, covariance=covariance))
    pseudo = weights.parameters["bottleneck"]["prior"]["pseudo_inputs"]
    assert pseudo.shape == (5, 3, 4, 1)
    posteriors = autoencoder.encode(weights, pseudo).posterior
    z = jnp.asarray(np.random.default_rng(2).normal(size=(7, 3)), jnp.float32)
    each = np.stack([posteriors.log_prob(row).sum(-1) for row in z]).astype(np.float64)
    found = autoencoder.prior(weights).log_prob(z)[:, 0]
    np.testing.assert_allclose(found, logsumexp(each, axis=1) - np.log(5), rtol=1e-5, atol=1e-5)


def test_vamp_s_gradient_reaches_the_pseudo_inputs_and_through_them_the_encoder():
    autoencoder, weights = built(gaussian({"kind": "vamp", "components": 5}))

    def log_p(parameters):
        return autoencoder.prior(weights._replace(parameters=parameters)).log_prob(jnp.ones((2, 3))).sum()

    slopes = jax.grad(log_p)(weights.parameters)
    assert bool(jnp.any(slopes["bottleneck"]["prior"]["pseudo_inputs"] != 0))
    assert bool(jnp.any(slopes["head"]["kernel"] != 0))


def test_free_bits_of_a_rate_that_is_one_number_are_those_of_all_units():
    config = experiment(
        model={"bottleneck": {"kind": "gaussian", "size": 3, "prior": "mixture"}},
        objective={"rate": {"free_bits": 0.5}},
    )
    autoencoder, weights = built(config)
    found, _ = terms(autoencoder, weights, images(6), jax.random.key(0), train=True, mask=jnp.ones(6, bool))
    without = weights._replace(numbers={"objective": {"rate": {"weight": jnp.float32(1)}}})
    plain, _ = terms(autoencoder, without, images(6), jax.random.key(0), train=True, mask=jnp.ones(6, bool))
    np.testing.assert_allclose(found["rate"], np.maximum(plain["rate"], 1.5), rtol=1e-6)
    assert bool(jnp.any(found["rate"] == 1.5))


def test_capacity_by_hand():
    config = experiment(
        model={"bottleneck": {"kind": "gaussian", "size": 3}}, objective={"rate": {"weight": 4.0, "capacity": 1.2}}
    )
    autoencoder, weights = built(config)
    found, _ = terms(autoencoder, weights, images(6), jax.random.key(0), train=True, mask=jnp.ones(6, bool))
    expected = found["reconstruction"] + 4.0 * np.abs(np.asarray(found["rate"]) - 1.2)
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-6)


def test_log_variances_are_kept_within_their_bounds():
    autoencoder, weights = built(gaussian("standard", log_variance=(-0.01, 0.02)))
    found = autoencoder.encode(weights, images(6)).posterior.log_variance
    assert float(found.min()) == pytest.approx(-0.01)
    assert float(found.max()) == pytest.approx(0.02)
