from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import mean_squared_error, r2_score

from aecli.evaluation.reconstruction import Reconstruction, errors

MODEL = {"encoder": {"widths": [8]}, "bottleneck": {"kind": "dense", "size": 3}}
ROWS = np.random.default_rng(1).random((700, 4, 3, 1)).astype(np.float32)  # more than one batch


def flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1).astype(np.float64)


@pytest.mark.parametrize("bottleneck", [{"kind": "dense", "size": 3}, {"kind": "gaussian", "size": 3}])
@pytest.mark.parametrize(("scale", "peak"), [(1.0, 1.0), (3.0, None)])
def test_against_scikit_learn(make, bottleneck, scale, peak):
    trained = make.build((4, 3, 1), {**MODEL, "bottleneck": bottleneck}, {})
    x = ROWS * np.float32(scale)
    found, x_hat = make.metrics(Reconstruction(trained), x), trained.reconstruct(x)
    mse = mean_squared_error(flat(x), flat(x_hat))
    each = np.square(flat(x) - flat(x_hat)).sum(axis=1)
    peak = peak or float(x.max()) - float(x.min())
    assert found["mse"].value == pytest.approx(mse, rel=1e-5)
    assert found["squared_error"].value == pytest.approx(12 * mse, rel=1e-5)
    assert found["squared_error"].stderr == pytest.approx(each.std(ddof=1) / math.sqrt(700), rel=1e-4)
    assert found["psnr"].value == pytest.approx(10 * math.log10(peak**2 / mse), rel=1e-5)
    assert f"peak {peak:.6g}" in found["psnr"].unit
    r2 = r2_score(flat(x), flat(x_hat), multioutput="variance_weighted")
    assert found["explained_variance"].value == pytest.approx(r2, rel=1e-5)


def test_the_mean_reconstructed_everywhere_explains_nothing(make):
    trained = make.identity(3)
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    nothing = {"kernel": np.zeros((3, 3)), "bias": np.zeros(3)}
    make.set_weights(trained, head=nothing, decoder={**nothing, "bias": x.mean(axis=0)})
    assert make.metrics(Reconstruction(trained), x)["explained_variance"].value == pytest.approx(0, abs=1e-6)


def test_a_perfect_reconstruction(make):
    x = np.random.default_rng(0).random((9, 3)).astype(np.float32)
    found = make.metrics(Reconstruction(make.identity(3)), x)
    assert found["squared_error"][::2] == (0.0, 0.0)
    assert found["psnr"].value == math.inf
    assert found["explained_variance"].value == 1.0


@pytest.mark.parametrize("value", [0.5, 7.0])
def test_rows_that_do_not_vary_have_no_explained_variance(make, value):
    trained = make.build((4, 3, 1), MODEL, {})
    found = make.metrics(Reconstruction(trained), np.full((600, 4, 3, 1), value, np.float32))
    assert math.isnan(found["explained_variance"].value)
    assert math.isnan(found["psnr"].value) == (value > 1)  # within [0, 1] the peak is known


def test_a_row_does_not_depend_on_its_neighbours(make):
    trained = make.build((4, 3, 1), MODEL, {})
    assert np.array_equal(errors(trained, ROWS).squared[:17], errors(trained, ROWS[:17]).squared)
