"""Annealed importance sampling against exact likelihoods; it knows nothing of the encoder."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from scipy import stats
from scipy.special import expit

from aecli.evaluation import annealed as module
from aecli.evaluation.annealed import Annealing, annealed
from aecli.evaluation.likelihood import Annealed, Likelihood

HOW = Annealing(chains=16, temperatures=100, leapfrog=5, rows=40)


@pytest.fixture(scope="module")
def linear(make):
    """The maker of a linear-Gaussian model (once a kind), its exact -log p, and rows drawn from it."""
    _, w, b = make.linear(6, 3, 0.4)
    exact = stats.multivariate_normal(b, w @ w.T + 0.4 * np.eye(6))
    x = exact.rvs(40, random_state=5).astype(np.float32)
    return cache(lambda **wrong: make.linear(6, 3, 0.4, **wrong)[0]), -exact.logpdf(x), x


def test_a_linear_gaussian_model_has_its_exact_likelihood(linear):
    maker, exact, x = linear
    nll, acceptance = annealed(maker(), x, np.arange(40), HOW)
    assert np.abs(nll - exact).max() < 0.5
    assert nll.mean() == pytest.approx(exact.mean(), abs=0.05)
    assert 0.5 < acceptance.mean() < 0.9


def test_a_wrong_encoder_changes_nothing(linear):
    """Not a bit: where importance sampling with few draws is far off."""
    maker, _, x = linear
    right, _ = annealed(maker(), x, np.arange(40), HOW)
    wrong, _ = annealed(maker(shift=3.0, widen=0.3), x, np.arange(40), HOW)
    np.testing.assert_array_equal(right, wrong)


def test_the_estimate_of_p_has_no_bias(linear):
    """The mean of p_hat / p over rows alike but for their noise is 1: few temperatures make it noisy, not wrong."""
    maker, _, x = linear
    trained, row = maker(), x[0]
    exact = linear[1][0]
    how = Annealing(chains=1, temperatures=20, leapfrog=3, rows=4000)
    nll, _ = annealed(trained, np.tile(row, (4000, 1)), np.arange(4000), how)
    ratio = np.exp(exact - nll)
    assert nll.std() > 0.2
    assert ratio.mean() == pytest.approx(1, abs=5 * ratio.std() / np.sqrt(4000))
    assert nll.mean() > exact  # Jensen


def test_a_bernoulli_model_against_quadrature(make):
    model = {"encoder": {"widths": []}, "bottleneck": {"kind": "gaussian", "size": 1}}
    trained = make.build((5,), model, {"reconstruction": "bernoulli"})
    draw = np.random.default_rng(6)
    w, b = draw.normal(size=(1, 5)), draw.normal(size=5)
    make.set_weights(trained, head={"kernel": np.zeros((5, 2)), "bias": np.zeros(2)}, decoder={"kernel": w, "bias": b})
    x = draw.integers(0, 2, (40, 5)).astype(np.float32)
    z, weight = hermegauss(80)
    p = expit(z[:, None] @ w + b)
    joint = np.prod(np.where(x[:, None] == 1, p, 1 - p), axis=-1) @ (weight / np.sqrt(2 * np.pi))
    found = make.measured(Annealed(trained, HOW, 2000, lambda text: None), x).metrics
    assert found["nll_ais"].value == pytest.approx(-np.log(joint).mean(), abs=0.02)
    assert found["nll_beside"].value == pytest.approx(-np.log(joint).mean(), abs=0.01)
    assert "16 annealed chains of 100 temperatures (19,200 decoder gradients each)" in found["nll_ais"].unit


def test_a_row_depends_on_its_number_alone(linear):
    maker, _, x = linear
    whole = annealed(maker(), x, np.arange(40), HOW)[0]
    some = annealed(maker(), x[17:20], np.arange(17, 20), HOW)[0]
    np.testing.assert_array_equal(whole[17:20], some)


def test_temperatures_that_fill_no_segment(linear):
    maker, exact, x = linear
    nll, acceptance = annealed(maker(), x, np.arange(40), Annealing(16, module.SEGMENT + 23, 5, 40))
    assert nll.mean() == pytest.approx(exact.mean(), abs=0.08)
    assert acceptance.max() <= 1


def test_the_schedule_goes_from_nothing_to_one_and_never_back():
    betas = np.concatenate([module._betas(120, start)[: module.SEGMENT] for start in (0, 50, 100)])
    assert betas[0] == 0
    assert betas[119] < 1
    assert (betas[120:] == 1).all()
    assert all(b >= a for a, b in pairwise(betas))


def test_a_sample_of_many_rows_and_a_deterministic_bottleneck(linear, make):
    maker, _, x = linear
    found = make.measured(Annealed(maker(), Annealing(2, 10, 2, 7), 5, lambda text: None), x)
    assert "mean over 7 of the examples" in found.metrics["nll_ais"].unit
    dense = make.build((6,), {"bottleneck": {"kind": "dense", "size": 2}}, {})
    none = make.measured(Annealed(dense, HOW, 5, lambda text: None), x)
    assert none.metrics == {}
    assert "dense bottleneck is deterministic" in none.notes[0]


def test_the_gap_is_the_divergence_from_the_exact_posterior(linear, make):
    """KL(N(s, v^2) || N(0, 1)) for each of 3 units, in units of the posterior's own deviation."""
    maker, exact, x = linear
    found = make.measured(Likelihood(maker(shift=0.5, widen=1.2), 3000), x).metrics
    gap = 3 * 0.5 * (1.2**2 + 0.5**2 - 1 - 2 * np.log(1.2))
    assert found["posterior_gap"].value == pytest.approx(gap, abs=0.05)
    assert found["nll_at_1"].value > found["nll_at_50"].value > found["nll"].value - 0.01
    assert found["nll"].value == pytest.approx(exact.mean(), abs=0.02)
