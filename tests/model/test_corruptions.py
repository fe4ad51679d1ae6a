"""The corruptions' statistics, and the emphasis in the loss."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aecli.model.corruptions import CORRUPTIONS
from aecli.model.objective import terms
from tests.helpers import built, experiment, images

X = jnp.full((400, 500), 0.4)


def drawn(kind, **numbers):
    return map(np.asarray, CORRUPTIONS[kind]().build()(X, jax.random.key(0), numbers))


def test_gaussian():
    noisy, touched = drawn("gaussian", scale=0.3)
    assert touched.all()
    assert (noisy - 0.4).mean() == pytest.approx(0, abs=0.005)
    assert (noisy - 0.4).std() == pytest.approx(0.3, rel=0.01)


def test_masking():
    noisy, touched = drawn("masking", rate=0.25)
    assert touched.mean() == pytest.approx(0.25, abs=0.005)
    assert (noisy[touched] == 0).all()
    assert (noisy[~touched] == np.float32(0.4)).all()


def test_salt_and_pepper():
    noisy, touched = drawn("salt_and_pepper", rate=0.3)
    assert touched.mean() == pytest.approx(0.3, abs=0.005)
    assert set(np.unique(noisy[touched])) == {0.0, 1.0}
    assert noisy[touched].mean() == pytest.approx(0.5, abs=0.01)
    assert (noisy[~touched] == np.float32(0.4)).all()


def test_nothing_is_touched_without_a_corruption():
    same, touched = drawn("none")
    np.testing.assert_array_equal(same, X)
    assert not touched.any()


@pytest.mark.parametrize("emphasis", [0.25, 1.0])
def test_emphasis_weighs_untouched_features(emphasis):
    """loss = sum_touched l + (1 - e) sum_untouched l, with the same draw."""
    corruption = {"kind": "masking", "rate": 0.5}
    autoencoder, weights = built(experiment(objective={"corruption": corruption | {"emphasis": emphasis}}))
    x, key, mask = images(5), jax.random.key(4), jnp.ones(5, bool)
    found, _ = terms(autoencoder, weights, x, key, train=True, mask=mask)
    passed, _ = autoencoder.forward(weights, x, key, train=True, mask=mask)
    each = np.square(np.asarray(x - passed.output.mean, np.float64))
    weight = np.where(np.asarray(passed.touched), 1, 1 - emphasis)
    np.testing.assert_allclose(found["reconstruction"], (each * weight).sum((1, 2, 3)), rtol=1e-5)
