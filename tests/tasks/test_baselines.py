from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from aecli.evaluation import principal
from aecli.tasks import baselines
from aecli.tasks.baselines import Baselines
from tests.tasks.small import table

ROWS = table(5000, 12).astype(np.float32)
NEW = table(700, 12, seed=1).astype(np.float32)


def test_the_z_norm_is_that_of_numpy():
    z = (NEW.astype(float) - ROWS.astype(float).mean(axis=0)) / ROWS.astype(float).std(axis=0)
    np.testing.assert_allclose(Baselines.fit(ROWS, 3).z_norm(NEW), np.sqrt((z**2).sum(axis=1)), rtol=1e-6)


@pytest.mark.parametrize("k", [1, 4, 11])
@pytest.mark.parametrize("wide", [False, True])
def test_the_residual_is_that_of_scikit_learn(k, wide, monkeypatch):
    monkeypatch.setattr(principal, "WIDE", 5 if wide else 2000)
    pca = PCA(k, svd_solver="full").fit(ROWS.astype(float))
    residual = NEW - pca.inverse_transform(pca.transform(NEW.astype(float)))
    expected = (residual**2).sum(axis=1)
    found = Baselines.fit(ROWS, k).pca_residual(NEW)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.mean())


def test_components_are_capped_so_that_something_is_left_over():
    assert Baselines.fit(ROWS, 64).components.shape == (11, 12)
    assert Baselines.fit(ROWS[:3], 64).components.shape == (2, 12)
    one = Baselines.fit(ROWS[:, :1], 4)
    np.testing.assert_allclose(one.pca_residual(NEW[:, :1]), (NEW[:, 0] - one.mean) ** 2, rtol=1e-5)


def test_a_constant_feature_does_not_explode():
    rows = np.concatenate([ROWS, np.full((5000, 1), 0.1, np.float32)], axis=1)
    new = np.concatenate([NEW, np.full((700, 1), 0.2, np.float32)], axis=1)
    before, after = Baselines.fit(ROWS, 3).z_norm(NEW), Baselines.fit(rows, 3).z_norm(new)
    np.testing.assert_allclose(after**2 - before**2, 0.01, atol=1e-3)


@pytest.mark.parametrize("name", baselines.NAMES)
def test_a_row_scores_the_same_in_any_company(name):
    fitted = Baselines.fit(ROWS, 4)
    whole = fitted.scores(NEW)[name]
    for rows in (slice(0, 1), slice(300, 301), slice(17, 640), slice(None, None, -1)):
        np.testing.assert_array_equal(fitted.scores(NEW[rows])[name], whole[rows])


def test_a_score_beyond_float32_is_infinite_and_not_a_failure():
    assert np.isinf(Baselines.fit(ROWS, 4).pca_residual(np.full((1, 12), 1e30, np.float32))).all()
