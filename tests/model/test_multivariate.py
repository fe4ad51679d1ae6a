"""Gaussians with full covariance against scipy, numpy in float64 and Monte Carlo."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from aecli.model.distributions import Normal
from aecli.model.multivariate import MultivariateNormal, full, kl_gaussians, lower, solved
from aecli.model.objective import mean_terms, terms
from tests.helpers import built, experiment, images


def covariance(draw, size, condition):
    """A random one of at most this condition number."""
    turned, _ = np.linalg.qr(draw.normal(size=(size, size)))
    return turned @ np.diag(condition ** draw.uniform(0, 1, size) * draw.uniform(0.1, 10)) @ turned.T


def pairs(count=100, sizes=(1, 2, 5, 16, 40)):
    """(m, S) of p and of q: covariances whose condition is 1 to 1e4."""
    draw = np.random.default_rng(0)
    for i in range(count):
        size = sizes[i % len(sizes)]
        condition = 10 ** draw.uniform(0, 4)
        yield [(draw.normal(size=size), covariance(draw, size, condition)) for _ in "pq"]


def gaussian(mean, cov):
    """In float32, by the factor of the covariance."""
    return MultivariateNormal(jnp.asarray(mean, jnp.float32), jnp.asarray(np.linalg.cholesky(cov), jnp.float32))


def exact(p, q):
    """The formula of the textbook, in float64."""
    (m0, s0), (m1, s1) = p, q
    inverse, way = np.linalg.inv(s1), m1 - m0
    logs = np.linalg.slogdet(s1)[1] - np.linalg.slogdet(s0)[1]
    return 0.5 * (np.trace(inverse @ s0) + way @ inverse @ way - len(m0) + logs)


def test_kl_of_a_hundred_pairs_against_float64():
    for p, q in pairs():
        found = float(kl_gaussians(gaussian(*p), gaussian(*q)))
        assert found == pytest.approx(exact(p, q), rel=1e-5)


def test_kl_against_monte_carlo():
    draw = np.random.default_rng(1)
    for p, q in list(pairs(10, sizes=(2, 5, 16))):
        z = draw.multivariate_normal(*p, size=40_000)
        ratio = stats.multivariate_normal(*p).logpdf(z) - stats.multivariate_normal(*q).logpdf(z)
        error = ratio.std() / 200
        assert float(kl_gaussians(gaussian(*p), gaussian(*q))) == pytest.approx(ratio.mean(), abs=5 * error)


def test_kl_of_a_batch_of_itself_is_nothing():
    draw = np.random.default_rng(2)
    factors = jnp.asarray(np.linalg.cholesky([covariance(draw, 4, 50.0) for _ in range(6)]), jnp.float32)
    p = MultivariateNormal(jnp.asarray(draw.normal(size=(6, 4)), jnp.float32), factors)
    np.testing.assert_allclose(kl_gaussians(p, p), np.zeros(6), atol=2e-5)


def test_the_density_against_scipy_and_its_rate_against_the_general_one():
    draw = np.random.default_rng(3)
    for p, _ in list(pairs(20)):
        ours, z = gaussian(*p), draw.multivariate_normal(*p, size=7)
        found = ours.log_prob(jnp.asarray(z, jnp.float32))
        assert found.shape == (7, 1)
        expected = stats.multivariate_normal(*p).logpdf(z).reshape(7, 1)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
        standard = full(Normal(jnp.zeros(ours.size), jnp.zeros(ours.size)))
        np.testing.assert_allclose(ours.kl_to_standard()[0], kl_gaussians(ours, standard), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(ours.variance, np.diag(p[1]), rtol=1e-5)


def test_independent_units_written_with_a_factor():
    draw = np.random.default_rng(4)
    mean, log_variance, z = (jnp.asarray(draw.normal(size=(5, 3)), jnp.float32) for _ in range(3))
    diagonal, factored = Normal(mean, log_variance), full(Normal(mean, log_variance))
    np.testing.assert_allclose(factored.log_prob(z)[:, 0], diagonal.log_prob(z).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(factored.kl_to_standard()[:, 0], diagonal.kl_to_standard().sum(-1), rtol=1e-5)
    key = jax.random.key(0)
    np.testing.assert_allclose(factored.sample(key), diagonal.sample(key), rtol=1e-5)


def test_draws_have_the_covariance():
    cov = covariance(np.random.default_rng(5), 3, 20.0)
    p = gaussian(np.arange(3.0), cov)
    z = np.asarray(jax.vmap(p.sample)(jax.random.split(jax.random.key(0), 100_000)))
    np.testing.assert_allclose(np.cov(z.T), cov, atol=0.02 * np.trace(cov))
    np.testing.assert_allclose(z.mean(0), np.arange(3.0), atol=0.02 * np.sqrt(np.trace(cov)))


def test_the_lower_triangle_is_filled_row_by_row():
    found = lower(jnp.asarray([1.0, 2.0, 3.0]), jnp.asarray([4.0, 5.0, 6.0]))
    np.testing.assert_array_equal(found, [[1, 0, 0], [4, 2, 0], [5, 6, 3]])


@pytest.mark.parametrize("prior", ["standard", {"kind": "vamp", "components": 4}])
def test_the_loss_of_a_full_covariance_has_the_gradient_of_finite_differences(prior):
    bottleneck = {"kind": "gaussian", "size": 3, "covariance": "full", "prior": prior}
    model = {"encoder": {"widths": [8], "activation": "tanh"}, "bottleneck": bottleneck}
    autoencoder, weights = built(experiment(model=model))
    assert autoencoder.model.bottleneck.outputs == 9
    x, mask = images(6), jnp.ones(6, bool)

    @jax.jit
    def loss(head):
        changed = weights._replace(parameters=weights.parameters | {"head": head})
        found = terms(autoencoder, changed, x, jax.random.key(1), train=True, mask=mask)[0]
        return mean_terms(found, mask)["loss"]

    head = weights.parameters["head"]
    way = jax.tree.map(lambda a: jnp.asarray(np.random.default_rng(1).normal(size=a.shape), jnp.float32), head)
    slope = sum(jnp.vdot(g, w) for g, w in zip(*map(jax.tree.leaves, (jax.grad(loss)(head), way)), strict=True))
    moved = [loss(jax.tree.map(lambda p, w, s=s: p + s * 1e-2 * w, head, way)) for s in (1, -1)]
    assert float(slope) == pytest.approx(float((moved[0] - moved[1]) / 2e-2), rel=2e-2, abs=2e-3)


def test_forward_substitution_against_numpy_and_its_gradient():
    draw = np.random.default_rng(7)
    factor = np.tril(draw.normal(size=(3, 5, 5))) + 3 * np.eye(5)
    right = draw.normal(size=(3, 5, 2))
    found = solved(jnp.asarray(factor, jnp.float32), jnp.asarray(right, jnp.float32))
    np.testing.assert_allclose(found, np.linalg.solve(factor, right), rtol=1e-4, atol=1e-5)
    ours = jax.grad(lambda f: jnp.sum(jnp.sin(solved(f, jnp.asarray(right, jnp.float32)))))
    theirs = jax.grad(lambda f: jnp.sum(jnp.sin(jnp.linalg.solve(f, jnp.asarray(right, jnp.float32)))))
    at = jnp.asarray(factor, jnp.float32)
    np.testing.assert_allclose(jnp.tril(ours(at)), jnp.tril(theirs(at)), rtol=1e-3, atol=1e-5)


def test_no_program_of_a_full_covariance_calls_lapack():
    """A program that is kept may not (see `aecli.training.executables`)."""
    bottleneck = {"kind": "gaussian", "size": 3, "covariance": "full", "prior": {"kind": "vamp", "components": 4}}
    autoencoder, weights = built(experiment(model={"bottleneck": bottleneck}, objective={"estimator": "iwae"}))

    def loss(parameters):
        changed = weights._replace(parameters=parameters)
        mask = jnp.ones(6, bool)
        return terms(autoencoder, changed, images(6), jax.random.key(0), train=True, mask=mask)[0]["loss"].mean()

    assert "lapack" not in jax.jit(jax.grad(loss)).lower(weights.parameters).as_text()
