"""Steps towards the manifold: the nearest point against minimisation, and fields whose angle is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from aecli.data.raw import Want
from aecli.data.sources import read
from aecli.data.synthetic import manifolds
from aecli.evaluation import projection
from aecli.evaluation.projection import POINTS, Manifold, Projection, angle

DRAW = np.random.default_rng(4)
ARMS = Manifold(manifolds.arms(POINTS))


def on_arm(r: float, arm: int) -> np.ndarray:
    """The equation of the docstring."""
    return r * np.array([np.cos(3 * np.pi * r + np.pi * arm), np.sin(3 * np.pi * r + np.pi * arm)])


def test_rows_lie_on_the_arms_but_for_their_noise():
    distance = ARMS.nearest(read("spirals", Want(rows=3000)).x)[1]
    assert distance.mean() == pytest.approx(manifolds.NOISE * np.sqrt(2 / np.pi), rel=0.08)  # half a Gaussian
    assert manifolds.arms(7).shape == (7, 2)


def test_the_nearest_point_is_the_projection():
    points = DRAW.uniform(-1, 1, (40, 2))
    near, distance = ARMS.nearest(points)
    for x, p, d in zip(points, near, distance, strict=True):
        best = np.inf
        for arm in (0, 1):
            for low in np.linspace(0, 1, 40, endpoint=False):
                found = minimize_scalar(
                    lambda r, arm=arm, x=x: np.linalg.norm(on_arm(r, arm) - x),
                    bounds=(low, low + 1 / 40),
                    method="bounded",
                )
                best = min(best, float(found.fun))
        assert d == pytest.approx(best, abs=1e-4)
        assert np.linalg.norm(p - x) == pytest.approx(d)


def test_what_is_not_finite_has_neither_projection_nor_angle():
    x = np.array([[np.inf, 0.0], [0.0, np.nan], [0.5, 0.5]])
    near, distance = ARMS.nearest(x)
    assert np.isnan(distance).tolist() == [True, True, False]
    assert np.isnan(angle(near - x, x)).tolist() == [True, True, False]


def test_angles():
    a = np.array([[1.0, 0], [1, 0], [1, 0], [1, 0], [0, 0]])
    b = np.array([[2.0, 0], [0, 3], [-1, 0], [1, 1], [1, 0]])
    np.testing.assert_allclose(angle(a, b), [0, 90, 180, 45, 90], atol=1e-6)


@pytest.mark.parametrize(("share", "degrees"), [(1.0, 0.0), (0.5, 0.0), (0.0, 90.0), (-1.0, 180.0)])
def test_a_field_that_leads_a_share_of_the_way(make, monkeypatch, share, degrees):
    trained = made(make)
    noisy = DRAW.uniform(-1, 1, (300, 2)).astype(np.float32)
    near, distance = ARMS.nearest(noisy)
    led = (noisy + share * (near - noisy), noisy)
    monkeypatch.setattr(projection, "corrupted", lambda *_: (noisy, led[0]))
    found = make.metrics(Projection(trained), noisy)
    assert found["projection_angle"].value == pytest.approx(degrees, abs=0.5)
    assert found["distance_before"].value == pytest.approx(distance.mean())
    if share in (1.0, 0.5):
        assert found["distance_after"].value == pytest.approx((1 - share) * distance.mean(), abs=1e-3)


def test_an_unknown_manifold_is_said(make):
    trained: Any = make.build((2,), {"encoder": {"widths": []}}, {"corruption": "gaussian"})
    rows = np.zeros((20, 2), np.float32)
    assert "known of spirals alone" in make.measured(Projection(trained), rows)[1][0]


def made(make) -> Any:
    """An autoencoder of spirals in their own units."""
    trained = make.build((2,), {"encoder": {"widths": []}}, {"corruption": "gaussian"})
    trained.experiment = trained.experiment.model_copy(
        update={"data": trained.experiment.data.model_copy(update={"source": "spirals"})}
    )
    trained.features = SimpleNamespace(transform=lambda x: x)
    return trained
