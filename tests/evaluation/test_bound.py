from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aecli.evaluation.bound import Bound
from aecli.model.sums import per_example

VAE = {"encoder": {"widths": [5]}, "bottleneck": {"kind": "gaussian", "size": 4}}
ROWS = np.random.default_rng(2).random((700, 6)).astype(np.float32)


@pytest.mark.parametrize("reconstruction", ["bernoulli", "squared_error", {"kind": "gaussian", "variance": 0.3}])
def test_the_bound_is_minus_the_sum_of_its_sides_at_weight_one(make, reconstruction):
    objective = {"reconstruction": reconstruction, "rate": {"weight": 7.0, "free_bits": 2.0}}
    found = make.metrics(Bound(make.build((6,), VAE, objective)), ROWS)
    sides = found["distortion"].value + found["rate"].value
    assert found["elbo"].value == pytest.approx(-sides, rel=1e-12)


def test_the_exact_posterior_gives_the_log_likelihood(make):
    trained, w, b = make.linear(6, 3, 0.4)
    exact = stats.multivariate_normal(b, w @ w.T + 0.4 * np.eye(6))
    x = exact.rvs(3000, random_state=3).astype(np.float32)
    found = make.metrics(Bound(trained), x)
    mean = exact.logpdf(x).mean()
    assert found["elbo"].value == pytest.approx(mean, abs=5 * found["elbo"].stderr)
    shifted = make.metrics(Bound(make.linear(6, 3, 0.4, shift=2.0)[0]), x)
    gap = 0.5 * 3 * 2.0**2  # KL(q || posterior) of a shift by 2 sd in 3 units
    assert shifted["elbo"].value == pytest.approx(mean - gap, abs=5 * shifted["elbo"].stderr)


def test_the_distortion_against_its_closed_form(make):
    trained, w, b = make.linear(6, 3, 0.4, widen=3.0)
    x = np.random.default_rng(4).normal(size=(4000, 6)).astype(np.float32)
    found = make.metrics(Bound(trained), x)["distortion"]
    s = 1 / (1 + np.square(w).sum(axis=0) / 0.4)
    mean = (x - b) @ (w * s / 0.4)
    squared = np.square(x - b - mean @ w.T).sum(axis=1) + (np.square(w) * s * 9).sum()
    expected = 0.5 * (6 * np.log(2 * np.pi * 0.4) + squared / 0.4)
    assert found.value == pytest.approx(expected.mean(), abs=5 * found.stderr)


@pytest.mark.parametrize(("spread", "active"), [(0.0, 0), (0.09, 0), (0.11, 1), (5.0, 1)])
def test_active_units_on_a_constructed_posterior(make, spread, active):
    trained, w, b = make.linear(2, 2, 1.0)
    head = {"kernel": np.array([[spread, 0, 0, 0], [0, 0.01, 0, 0]]), "bias": np.array([3.0, 4.0, 0, 0])}
    make.set_weights(trained, head=head, decoder={"kernel": w.T, "bias": b})
    x = np.tile(np.array([[1.0, 1.0], [-1.0, -1.0]], np.float32), (40, 1))  # variance 1: mu varies by spread^2
    assert make.metrics(Bound(trained), x)["active_units"].value == active


def test_a_row_depends_on_its_number_alone(make):
    trained = make.build((6,), VAE, {"reconstruction": "bernoulli"})
    twice = np.concatenate([ROWS[:1], ROWS[:1]])
    one, two = make.metrics(Bound(trained), ROWS[:1]), make.metrics(Bound(trained), twice)
    assert one["distortion"].value != two["distortion"].value  # the same row, drawn anew
    assert one["rate"].value == two["rate"].value
    assert make.metrics(Bound(trained), twice) == two


@pytest.mark.parametrize("shape", [(3,), (3, 5), (3, 4, 5, 2)])
def test_sums_per_example(shape):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected = values.astype(np.float64).reshape(3, -1).sum(axis=1)
    np.testing.assert_allclose(per_example(values), expected, rtol=1e-5, atol=1e-5)


def test_a_collapsed_posterior_is_named(make):
    trained, w, b = make.linear(2, 2, 1.0)
    for spread, told in ((0.0, True), (5.0, False)):
        head = {"kernel": np.array([[spread, 0, 0, 0], [0, 0.01, 0, 0]]), "bias": np.zeros(4)}
        make.set_weights(trained, head=head, decoder={"kernel": w.T, "bias": b})
        notes = make.measured(Bound(trained), np.array([[1.0, 1.0], [-1.0, -1.0]], np.float32)).notes
        assert [("collapsed" in note) for note in notes] == [True] * told
