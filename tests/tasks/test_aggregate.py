"""How far training codes are from the prior: against moments and a divergence in numpy, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from aecli.config.problems import Problem, UserError
from aecli.tasks import aggregate
from aecli.tasks.aggregate import Aggregate, aggregate_of
from aecli.tasks.sample import sample
from tests.tasks.small import GAUSSIAN, pixels, table, trained


@pytest.mark.parametrize("rows", [table(), pixels()], ids=["table", "pixels"])
def test_the_measure_is_the_mean_divergence_of_the_moments(rows, tmp_path):
    model = trained(tmp_path, rows, model=GAUSSIAN)
    posterior = model.autoencoder.encode(model.weights, model.dataset.train.x).posterior
    means, variances = np.asarray(posterior.mean, np.float64), np.exp(np.asarray(posterior.log_variance, np.float64))
    rng = np.random.default_rng(0)
    drawn = (means + np.sqrt(variances) * rng.standard_normal((4000, *means.shape))).reshape(-1, means.shape[1])
    found = aggregate_of(model)
    np.testing.assert_allclose(found.mean, means.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.mean, drawn.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(found.variance, drawn.var(axis=0), rtol=0.02)
    m, v = drawn.mean(axis=0), drawn.var(axis=0)
    assert found.misfit == pytest.approx((0.5 * (m**2 + v - 1 - np.log(v))).mean(), rel=0.03, abs=2e-3)


@pytest.mark.parametrize(
    ("misfit", "far", "said"),
    [(0.02, False, "0.02"), (0.1, False, "0.1"), (0.11, True, "0.11"), (np.inf, True, "∞"), (np.nan, True, "-")],
)
def test_far_is_above_a_tenth_of_a_nat(misfit, far, said):
    found = Aggregate(np.zeros(2), np.ones(2), misfit)
    assert found.far == far
    assert found.said.startswith(f"by mean and variance the training codes are {said}")
    assert found.said.endswith("does not fit them") == far


def test_it_is_measured_once_for_a_checkpoint(tmp_path, monkeypatch):
    model = trained(tmp_path, table(), model=GAUSSIAN)
    first = aggregate_of(model)
    monkeypatch.setattr(aggregate, "training_rows", lambda trained: pytest.fail("measured again"))
    assert aggregate_of(model).misfit == first.misfit


@pytest.mark.parametrize("misfit", [0.05, 1.5])
def test_a_prior_that_was_not_asked_for_is_spoken_of_where_it_does_not_fit(misfit, tmp_path, monkeypatch):
    model = trained(tmp_path, table(60), model=GAUSSIAN)
    monkeypatch.setattr(aggregate, "aggregate_of", lambda trained: Aggregate(np.zeros(3), np.ones(3), misfit))
    said: list[str] = []
    for name in ("prior", "mixture", "auto"):
        assert said == []
        sample(model, 4, name, warn=said.append)
    assert len(said) == (misfit > 1)
    assert all("1.5 nats per unit" in text and "--sampler mixture" in text for text in said)


def test_without_its_data_it_says_that_it_does_not_know(tmp_path, monkeypatch):
    model = trained(tmp_path, table(60), model=GAUSSIAN)

    def gone(trained):
        raise UserError(Problem("no file 'rows.npy'"))

    monkeypatch.setattr(aggregate, "training_rows", gone)
    said: list[str] = []
    assert len(sample(model, 4, warn=said.append).samples) == 4
    assert said == ["whether the prior fits the codes is not known: no file 'rows.npy'"]
