"""Densities and divergences against scipy and Monte Carlo."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aecli.model.densities import StandardNormal
from aecli.model.distributions import Bernoulli, Normal

finite = st.floats(-5, 5, width=32)


@given(mean=finite, log_variance=finite, x=finite)
@settings(max_examples=60, deadline=None)
def test_normal_log_prob(mean, log_variance, x):
    ours = Normal(jnp.float32(mean), jnp.float32(log_variance)).log_prob(jnp.float32(x))
    assert float(ours) == pytest.approx(stats.norm.logpdf(x, mean, np.exp(log_variance / 2)), rel=2e-5, abs=2e-5)


@given(mean=finite, log_variance=finite)
@settings(max_examples=60, deadline=None)
def test_kl_to_standard(mean, log_variance):
    variance = np.exp(np.float64(log_variance))
    exact = 0.5 * (np.float64(mean) ** 2 + variance - 1 - log_variance)
    posterior = Normal(jnp.float32(mean), jnp.float32(log_variance))
    ours = StandardNormal(1).rate(posterior, posterior.mean)
    assert float(ours) == pytest.approx(exact, rel=1e-5, abs=1e-6)
    assert float(ours) >= 0


def test_kl_is_the_mean_log_ratio():
    q = Normal(jnp.full((200_000,), 0.7), jnp.full((200_000,), -0.5))
    z = q.sample(jax.random.key(0))
    monte_carlo = float(jnp.mean(q.log_prob(z) - StandardNormal(1).log_prob(z)))
    assert monte_carlo == pytest.approx(float(q.kl_to_standard()[0]), abs=0.01)


@given(logit=st.floats(-30, 30, width=32), x=st.sampled_from([0.0, 1.0]))
@settings(max_examples=60, deadline=None)
def test_bernoulli_log_prob(logit, x):
    ours = float(Bernoulli(jnp.float32(logit)).log_prob(jnp.float32(x)))
    exact = -np.logaddexp(0, -np.float64(logit)) if x else -np.logaddexp(0, np.float64(logit))
    assert ours == pytest.approx(exact, rel=1e-5, abs=1e-6)


def test_draws_have_the_moments_of_their_distribution():
    normal = Normal(jnp.full((100_000,), 2.0), jnp.full((100_000,), float(np.log(0.25))))
    z = np.asarray(normal.sample(jax.random.key(1)))
    assert z.mean() == pytest.approx(2.0, abs=0.01)
    assert z.var() == pytest.approx(0.25, rel=0.02)
    coin = np.asarray(Bernoulli(jnp.full((100_000,), 0.4)).sample(jax.random.key(2)))
    assert set(np.unique(coin)) == {0.0, 1.0}
    assert coin.mean() == pytest.approx(1 / (1 + np.exp(-0.4)), abs=0.01)
