"""PCA beside the run: against scikit-learn, and with decoders whose span is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from aecli.evaluation.pca import Pca
from aecli.evaluation.principal import angles, principal
from aecli.layout import Layout
from tests.helpers import bitwise

DRAW = np.random.default_rng(5)
SIZE, FEATURES = 3, 8
ROWS = (DRAW.normal(size=(5000, FEATURES)) * np.linspace(2, 0.2, FEATURES) + 1.5).astype(np.float32)
NEW = (DRAW.normal(size=(700, FEATURES)) * np.linspace(2, 0.2, FEATURES) + 1.5).astype(np.float32)
REFERENCE = PCA(FEATURES, svd_solver="full").fit(ROWS.astype(float))


def linear(make, basis: np.ndarray, x=ROWS, shape=(FEATURES,)):
    """A linear autoencoder that projects onto the span of these orthonormal rows, around the rows' mean."""
    model = {"encoder": {"widths": []}, "bottleneck": {"kind": "dense", "size": len(basis)}}
    trained = make.build(shape, model, {})
    mean = REFERENCE.mean_
    make.set_weights(
        trained, head={"kernel": basis.T, "bias": -mean @ basis.T}, decoder={"kernel": basis, "bias": mean}
    )
    make.with_rows(trained, x)
    return trained


def test_the_error_is_that_of_scikit_learn(make):
    found = make.metrics(Pca(linear(make, REFERENCE.components_[:SIZE])), NEW)
    cut = PCA(SIZE, svd_solver="full").fit(ROWS.astype(float))
    best = np.square(NEW - cut.inverse_transform(cut.transform(NEW.astype(float)))).sum(axis=1)
    assert found["pca_squared_error"].value == pytest.approx(best.mean(), rel=1e-6)
    assert found["pca_squared_error"].stderr == pytest.approx(best.std(ddof=1) / np.sqrt(len(NEW)), rel=1e-6)
    assert found["pca_error_ratio"].value == pytest.approx(1, rel=1e-5)
    assert found["largest_angle"].value == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("degrees", [5.0, 30.0, 80.0])
def test_a_decoder_turned_out_of_the_subspace_is_seen_at_its_angle(make, degrees):
    basis = REFERENCE.components_[:SIZE].copy()
    turn = np.radians(degrees)
    basis[2] = np.cos(turn) * basis[2] + np.sin(turn) * REFERENCE.components_[5]
    found = make.metrics(Pca(linear(make, basis)), NEW)
    assert found["largest_angle"].value == pytest.approx(degrees, abs=0.05)
    assert found["mean_angle"].value == pytest.approx(degrees / 3, abs=0.05)
    residual = NEW - REFERENCE.mean_
    error = np.square(residual - residual @ basis.T @ basis).sum(axis=1).mean()
    assert found["pca_error_ratio"].value * found["pca_squared_error"].value == pytest.approx(error, rel=1e-5)


def test_a_decoder_that_spans_too_little_is_at_a_right_angle(make):
    basis = REFERENCE.components_[:SIZE].copy()
    trained = linear(make, basis)
    basis[2] = 0
    trained = linear(make, basis)
    metrics, notes = make.measured(Pca(trained), NEW)
    assert metrics["largest_angle"].value == 90
    assert notes == ["the reconstructions span 2 dimensions, fewer than the 3 of the code"]


def test_rounding_spans_nothing(make, monkeypatch):
    trained = linear(make, REFERENCE.components_[:SIZE])
    ulp = np.random.default_rng(0).normal(0, 1e-7, (len(ROWS), FEATURES))
    monkeypatch.setattr(trained, "reconstruct", lambda x: (1 + ulp[: len(x)]).astype(np.float32))
    metrics, notes = make.measured(Pca(trained), NEW[: len(ROWS)])
    assert metrics["mean_angle"].value == 90
    assert notes == ["the reconstructions span 0 dimensions, fewer than the 3 of the code"]


def test_what_cannot_be_compared_is_left_out_and_said(make):
    def said(trained, x):
        metrics, notes = make.measured(Pca(trained), x)
        assert not metrics
        return notes[0]

    assert "can hold all 8 features" in said(linear(make, REFERENCE.components_), NEW)
    assert "have no 3 components" in said(linear(make, REFERENCE.components_[:3], ROWS[:3]), NEW)
    holed = NEW.copy()
    holed[3, 2] = np.nan
    assert "evaluated rows have holes" in said(linear(make, REFERENCE.components_[:3]), holed)
    layout = Layout((FEATURES,), True, (0,) * FEATURES, (True,) + (False,) * 7)
    trained = make.build(layout, {"encoder": {"widths": []}, "bottleneck": {"kind": "dense", "size": 3}}, {})
    make.with_rows(trained, ROWS)
    assert "holes or categories" in said(trained, NEW)


@bitwise
def test_blocks_change_nothing(make):
    trained = linear(make, REFERENCE.components_[:SIZE])
    whole = make.metrics(Pca(trained), NEW)
    assert make.metrics(Pca(trained), NEW, size=512) == whole


@pytest.mark.parametrize("k", [1, 4])
def test_components_and_angles_are_those_of_scikit_learn_and_of_the_cosines(k):
    found = principal(ROWS, k)
    sign = np.sign((found.components * REFERENCE.components_[:k]).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found.components * sign, REFERENCE.components_[:k], atol=1e-5)
    np.testing.assert_allclose(found.deviation, ROWS.astype(float).std(axis=0), rtol=1e-6)
    other = np.linalg.qr(DRAW.normal(size=(FEATURES, k)))[0].T
    cosines = np.linalg.svd(found.components @ other.T, compute_uv=False)
    np.testing.assert_allclose(angles(found.components, other), np.degrees(np.arccos(cosines)), atol=1e-6)
