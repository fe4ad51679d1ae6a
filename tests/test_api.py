"""The Python API: the functions behind the commands, word for word as the README has them."""

from __future__ import annotations

import numpy as np
import pytest

import aecli
from aecli.config.problems import UserError

CONFIG = {
    "data": {"source": "x.npy", "split": {"validation": 0.2, "test": 0.2}},
    "model": {"encoder": {"widths": [8]}, "bottleneck": {"kind": "gaussian", "size": 2}},
    "training": {"epochs": 2, "batch_size": 32},
}


@pytest.fixture(name="run")
def _run():
    np.save("x.npy", np.random.default_rng(0).normal(3.0, 2.0, (120, 4)))
    return aecli.train(CONFIG, ["seed=3"], figures=False)


def test_a_trained_run_embeds_arrays_lists_and_files(run):
    x = np.load("x.npy")
    assert run.experiment.seed == 3
    assert run.embed().shape == (24, 2)
    codes = run.embed(x)
    np.testing.assert_array_equal(run.embed("x.npy"), codes)
    np.testing.assert_allclose(run.embed(x[:3].tolist()), codes[:3], rtol=1e-6)


def test_reconstructions_and_samples_are_in_the_data_s_units(run):
    x = np.load("x.npy")
    assert abs(run.reconstruct(x).mean() - x.mean()) < 1.0
    assert abs(run.sample(50).mean() - x.mean()) < 1.5
    assert run.decode(np.zeros((2, 2))).shape == (2, 4)
    np.testing.assert_array_equal(run.sample(5, seed=1), run.sample(5, seed=1))


def test_a_run_opens_again_and_is_the_same(run):
    again = aecli.open_run("latest")
    assert again.path.resolve() == run.path.resolve()
    np.testing.assert_array_equal(again.embed(), run.embed())
    assert again.evaluate()["metrics"]["elbo"] == run.evaluate()["metrics"]["elbo"]
    assert again.record["status"] == "completed"


def test_anomalies_are_judged(run):
    odd = np.full((1, 4), 1000.0)
    found = run.anomalies(np.concatenate([np.load("x.npy")[:5], odd]))
    assert found.flags[-1]
    assert found.p_values[-1] < 0.05


def test_more_epochs(run):
    assert aecli.resume(run.path, ["training.epochs=3"]).trained.step > run.trained.step


def test_errors_are_those_of_the_command_line():
    with pytest.raises(UserError, match="did you mean 'model'"):
        aecli.train({"data": {"source": "digits"}, "modle": {}})
    with pytest.raises(AttributeError, match="no attribute"):
        aecli.nothing  # noqa: B018
