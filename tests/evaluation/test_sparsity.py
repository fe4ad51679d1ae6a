"""How sparse codes are, with codes that are known."""

from __future__ import annotations

import numpy as np
import pytest

from aecli.evaluation.sparsity import Sparsity, hoyer

CODES = np.array([[1.0, 0, 0, 0], [0, -2, 0, 0], [3, 4, 0, 0], [0, 0, 0, 0]], np.float32)


def test_codes_are_counted(make):
    found = make.metrics(Sparsity(make.identity(4)), CODES)
    assert found["l0"].value == 1.0
    assert found["l0"].stderr == pytest.approx(np.std([1, 1, 2, 0], ddof=1) / 2)
    assert found["dead_units"].value == 0.5
    assert found["hoyer"].value == pytest.approx(np.mean([1, 1, 2 - 7 / 5, 0]))


def test_hoyer_is_as_it_is_written():
    z = np.random.default_rng(0).normal(size=(50, 9))
    expected = (3 - np.abs(z).sum(1) / np.sqrt((z**2).sum(1))) / 2
    np.testing.assert_allclose(hoyer(z), expected)
    assert (hoyer(z[:, :1]) == 1).all()
    np.testing.assert_allclose(hoyer(np.ones((2, 16))), 0, atol=1e-12)
    np.testing.assert_array_equal(hoyer(np.array([[0.0, 0, 0, 0], [1e-300, 0, 0, 0], [0, 0, -1e300, 0]])), [0, 1, 1])


def test_codes_that_are_not_finite_are_left_out_and_said(make):
    x = CODES.copy()
    x[1, 2] = np.nan
    assert make.measured(Sparsity(make.identity(4)), x) == ({}, ["sparsity is left out: some codes are not finite"])


def test_blocks_change_nothing_and_a_unit_is_alive_wherever_it_speaks(make):
    x = np.zeros((1300, 3), np.float32)
    x[1299, 2] = 1
    trained = make.identity(3)
    assert make.metrics(Sparsity(trained), x) == make.metrics(Sparsity(trained), x, size=512)
    assert make.metrics(Sparsity(trained), x)["dead_units"].value == pytest.approx(2 / 3)


def test_top_k_has_its_own_l0(make):
    model = {"encoder": {"widths": []}, "bottleneck": {"kind": "top_k", "size": 8, "k": 3.0, "alpha": 2.0}}
    x = np.random.default_rng(1).normal(size=(600, 5)).astype(np.float32)
    assert make.metrics(Sparsity(make.build((5,), model, {})), x)["l0"].value == 6


def test_unexplained_variance_is_of_all_rows_together(make):
    """Not the mean of the rows' own ratios: a row near the mean would weigh as much as any other."""
    model = {"encoder": {"widths": []}, "bottleneck": {"kind": "top_k", "size": 8, "k": 3.0}}
    trained = make.build((5,), model, {})
    x = np.random.default_rng(2).normal([0, 1, 2, 3, 40], size=(700, 5)).astype(np.float32)
    found = make.metrics(Sparsity(trained), x, size=512)["unexplained_variance"]
    left = (x - np.asarray(trained.autoencoder.reconstruct(trained.weights, x))).astype(np.float64)
    assert found.value == pytest.approx((left**2).sum() / ((x - x.mean(0, dtype=np.float64)) ** 2).sum(), rel=1e-5)
    assert found.unit == "share of the evaluated rows' variance that is left in x - x_hat, sum over features"
