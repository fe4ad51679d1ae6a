from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from scipy import stats
from scipy.special import expit, logsumexp

from aecli.evaluation import importance as module
from aecli.evaluation.bound import Bound
from aecli.evaluation.likelihood import Likelihood
from aecli.evaluation.noise import LIKELIHOOD, numbered, row_keys

X_SIZE, Z_SIZE, VARIANCE = 6, 3, 0.4


def importance_sampled(trained, x, draws):
    """nll and effective sample size of each row."""
    found = module.weighed(trained, x, draws)
    return found.nll, found.effective


@pytest.fixture(scope="module")
def linear(make):
    """The maker of a linear-Gaussian model (once a kind), its exact -log p, and rows drawn from it."""
    _, w, b = make.linear(X_SIZE, Z_SIZE, VARIANCE)
    exact = stats.multivariate_normal(b, w @ w.T + VARIANCE * np.eye(X_SIZE))
    x = exact.rvs(300, random_state=5).astype(np.float32)
    maker = cache(lambda **wrong: make.linear(X_SIZE, Z_SIZE, VARIANCE, **wrong)[0])
    return maker, -exact.logpdf(x), x


@pytest.mark.parametrize("draws", [1, 2, 49, 50, 51, 130])
def test_the_exact_posterior_needs_no_samples(linear, draws):
    maker, exact, x = linear
    nll, effective = importance_sampled(maker(), x, draws)
    np.testing.assert_allclose(nll, exact, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(effective, draws, rtol=1e-3)


def test_a_wrong_posterior_converges_from_above(linear, make):
    maker, exact, x = linear
    trained = maker(shift=0.7, widen=1.3)
    found = [importance_sampled(trained, x, draws) for draws in (1, 5, 50, 3000)]
    errors = [nll.mean() - exact.mean() for nll, _ in found]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.5
    assert abs(errors[-1]) < 0.01
    assert np.abs(found[-1][0] - exact).max() < 0.2
    assert -make.metrics(Bound(trained), x)["elbo"].value > found[1][0].mean()
    for draws, (_, effective) in zip((1, 5, 50, 3000), found, strict=True):
        assert effective.min() >= 1 - 1e-3
        assert effective.max() <= draws * (1 + 1e-3)
        assert draws == 1 or effective.mean() < 0.9 * draws


def test_the_streaming_sum_against_scipy(linear):
    maker, _, x = linear
    trained, x, draws = maker(shift=1.0, widen=0.8), x[:20], 117
    seeds, rows = map(jnp.asarray, numbered(0, 20))
    keys = row_keys(seeds, LIKELIHOOD, rows)
    posterior = trained.autoencoder.encode(trained.weights, jnp.asarray(x)).posterior
    prior = trained.autoencoder.prior(trained.weights)
    arguments = (trained.autoencoder, trained.weights, jnp.asarray(x), posterior, prior, keys, jnp.arange(draws))
    log_w = np.asarray(module.log_weights(*arguments), np.float64)
    nll, effective = importance_sampled(trained, x, draws)
    np.testing.assert_allclose(nll, np.log(draws) - logsumexp(log_w, axis=1), rtol=1e-5, atol=1e-5)
    w = np.exp(log_w - log_w.max(axis=1, keepdims=True))
    np.testing.assert_allclose(effective, w.sum(axis=1) ** 2 / (w**2).sum(axis=1), rtol=1e-3)


def test_importance_weights_against_scipy(linear):
    maker, _, x = linear
    trained, x = maker(shift=1.0, widen=0.8), jnp.asarray(x[:4])
    keys = jax.random.split(jax.random.key(3), 4)
    q = trained.autoencoder.encode(trained.weights, x).posterior
    prior = trained.autoencoder.prior(trained.weights)
    found = module.log_weights(trained.autoencoder, trained.weights, x, q, prior, keys, jnp.arange(3))
    decoder = trained.weights.parameters["decoder"]["last"]
    for i in range(4):
        for k in range(3):
            sd = np.exp(0.5 * q.log_variance[i])
            z = q.mean[i] + sd * jax.random.normal(jax.random.fold_in(keys[i], k), (Z_SIZE,))
            p = stats.norm.logpdf(x[i], z @ decoder["kernel"] + decoder["bias"], np.sqrt(VARIANCE)).sum()
            p += stats.norm.logpdf(z).sum() - stats.norm.logpdf(z, q.mean[i], sd).sum()
            assert found[i, k] == pytest.approx(p, rel=1e-4)


def test_a_bernoulli_model_against_quadrature(make):
    trained = make.build(
        (5,),
        {"encoder": {"widths": []}, "bottleneck": {"kind": "gaussian", "size": 1}},
        {"reconstruction": "bernoulli"},
    )
    draw = np.random.default_rng(6)
    w, b = draw.normal(size=(1, 5)), draw.normal(size=5)
    make.set_weights(trained, head={"kernel": np.zeros((5, 2)), "bias": np.zeros(2)}, decoder={"kernel": w, "bias": b})
    x = draw.integers(0, 2, (60, 5)).astype(np.float32)
    z, weight = hermegauss(80)
    p = expit(z[:, None] @ w + b)
    joint = np.prod(np.where(x[:, None] == 1, p, 1 - p), axis=-1) @ (weight / np.sqrt(2 * np.pi))
    found = make.measured(Likelihood(trained, 4000), x).metrics
    assert found["nll"].value == pytest.approx(-np.log(joint).mean(), abs=0.01)
    assert "4000 importance samples" in found["nll"].unit


def test_effective_samples_are_reported_by_mean_and_low_quantile(linear, make):
    maker, _, x = linear
    trained = maker(shift=1.0)
    found, (_, effective) = make.measured(Likelihood(trained, 40), x).metrics, importance_sampled(trained, x, 40)
    assert found["nll_effective_samples"].value == pytest.approx(effective.mean())
    assert found["nll_effective_samples_low"].value == pytest.approx(np.quantile(effective, 0.05))


def test_a_row_depends_on_its_number_alone(linear):
    maker, _, x = linear
    trained = maker(shift=1.0)
    whole = importance_sampled(trained, x, 60)
    for count in (1, 64, 65, 200):
        some = importance_sampled(trained, x[:count], 60)
        assert np.array_equal(whole[0][:count], some[0])
        assert np.array_equal(whole[1][:count], some[1])
    same_row = importance_sampled(trained, np.repeat(x[:1], 2, axis=0), 60)[0]
    assert same_row[0] != same_row[1]  # errors of rows are independent


def test_the_number_of_draws_and_the_seed_compile_nothing_anew(linear, make, monkeypatch):
    x, traced = linear[2], []
    trained = make.linear(X_SIZE, Z_SIZE, VARIANCE, shift=1.0)[0]
    encode = trained.autoencoder.encode
    monkeypatch.setattr(trained.autoencoder, "encode", lambda *args: traced.append(1) or encode(*args))
    first = importance_sampled(trained, x, 60)[0]
    importance_sampled(trained, x, 7)
    trained.experiment = trained.experiment.model_copy(update={"seed": 1})
    assert not np.array_equal(importance_sampled(trained, x, 60)[0], first)
    assert len(traced) == 1


def test_large_examples_are_drawn_in_smaller_blocks(linear, make, monkeypatch):
    monkeypatch.setattr(module, "VALUES", 1)
    _, exact, x = linear
    trained = make.linear(X_SIZE, Z_SIZE, VARIANCE)[0]
    np.testing.assert_allclose(importance_sampled(trained, x, 9)[0], exact, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("bottleneck", "reconstruction", "low", "note"),
    [
        ("gaussian", "bernoulli", 0.5, "grey pixels is no likelihood"),
        ("dense", "bernoulli", 1.0, "dense bottleneck is deterministic"),
        ("dense", "squared_error", 0.5, "dense bottleneck is deterministic"),
        ("gaussian", "bernoulli", 1.0, None),
        ("gaussian", "squared_error", 0.5, None),
    ],
)
def test_where_there_is_no_likelihood_a_note_says_why(make, bottleneck, reconstruction, low, note):
    model = {"encoder": {"widths": []}, "bottleneck": {"kind": bottleneck, "size": 2}}
    trained = make.build((2, 2, 1), model, {"reconstruction": reconstruction})
    found = make.measured(Likelihood(trained, 3), np.array([0, low, 1, 0], np.float32).reshape(1, 2, 2, 1))
    assert ("nll" in found.metrics) == (note is None)
    assert [note in text for text in found.notes] == ([True] if note else [])
