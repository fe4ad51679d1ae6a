"""The Jacobian's norm and singular values, against numpy in float64 by hand."""

from __future__ import annotations

import numpy as np
import pytest

from aecli.evaluation import jacobian as module
from aecli.evaluation.jacobian import Jacobian, jacobian, rows_for, singular_values
from aecli.report import figures


def by_hand(trained, x):
    """J = C W_2' S_1 W_1' of tanh layers with a sigmoid code."""
    p = trained.weights.parameters
    layer = {k: np.asarray(v, np.float64) for k, v in next(iter(p["encoder"]["layers"].values()))["linear"].items()}
    head = {k: np.asarray(v, np.float64) for k, v in p["head"].items()}
    found = []
    for row in x.astype(np.float64):
        t = np.tanh(row @ layer["kernel"] + layer["bias"])
        z = 1 / (1 + np.exp(-(t @ head["kernel"] + head["bias"])))
        found.append((layer["kernel"] * (1 - t**2)) @ head["kernel"] * (z * (1 - z)))
    return np.stack(found).transpose(0, 2, 1)


MODEL = {
    "encoder": {"widths": [7], "activation": "tanh"},
    "bottleneck": {"kind": "dense", "size": 4, "activation": "sigmoid"},
}


@pytest.mark.parametrize("size", [4, 9])
def test_norm_spectrum_and_directions(make, size):
    model = {**MODEL, "bottleneck": {**MODEL["bottleneck"], "size": size}}
    trained = make.build((6,), model, {})
    x = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
    wanted = by_hand(trained, x)
    np.testing.assert_allclose(jacobian(trained, x), wanted, rtol=1e-4, atol=1e-6)
    values = np.linalg.svd(wanted, compute_uv=False)
    np.testing.assert_allclose(singular_values(trained, x), values, rtol=1e-3, atol=1e-6)
    found = make.metrics(Jacobian(trained), x)
    norms = np.sqrt((wanted**2).sum((1, 2)))
    assert found["jacobian_norm"].value == pytest.approx(norms.mean(), rel=1e-4)
    assert found["jacobian_norm"].stderr == pytest.approx(norms.std(ddof=1) / np.sqrt(30), rel=1e-3)
    assert found["jacobian_largest"].value == pytest.approx(values[:, 0].mean(), rel=1e-4)
    directions = (values > 0.01 * values[:, :1]).sum(1)
    assert found["jacobian_directions"].value == pytest.approx(directions.mean(), abs=0.04)


def test_images_are_differentiated_pixel_by_pixel(make):
    model = {"encoder": {"kind": "conv", "channels": [3]}, "bottleneck": {"kind": "dense", "size": 2}}
    trained = make.build((6, 5, 1), model, {})
    x = np.random.default_rng(1).uniform(size=(3, 6, 5, 1)).astype(np.float32)
    found, step = jacobian(trained, x), 1e-2
    assert found.shape == (3, 2, 30)
    for at in (0, 17, 29):
        moved = [x.reshape(3, 30).copy() for _ in range(2)]
        moved[0][:, at] += step
        moved[1][:, at] -= step
        up, down = (trained.encode(m.reshape(x.shape)) for m in moved)
        np.testing.assert_allclose(found[:, :, at], (up - down) / (2 * step), atol=2e-2)


def test_many_rows_are_a_sample_that_blocks_do_not_change(make, monkeypatch):
    monkeypatch.setattr(module, "MOST", 50)
    trained = make.build((6,), MODEL, {})
    x = np.random.default_rng(2).normal(size=(1100, 6)).astype(np.float32)
    one = make.measured(Jacobian(trained), x)
    assert one == make.measured(Jacobian(trained), x, size=512)
    assert one.notes == ["jacobian looks at 50 rows, drawn at random"]
    monkeypatch.setattr(module, "VALUES", 100)  # a few rows at a time
    assert make.measured(Jacobian(trained), x).metrics["jacobian_norm"].value == pytest.approx(
        one.metrics["jacobian_norm"].value, rel=1e-6
    )


def test_time_bounds_the_rows(make):
    assert rows_for(make.build((6,), MODEL, {})) == 500
    wide = {"encoder": {"widths": []}, "bottleneck": {"kind": "dense", "size": 1000}}
    assert 10 <= rows_for(make.build((784,), wide, {})) < 200


def test_what_is_not_finite_is_said(make):
    x = np.full((3, 6), np.nan, np.float32)
    told = make.measured(Jacobian(make.build((6,), MODEL, {})), x)
    assert told == ({}, ["jacobian is left out: of some rows it is not finite"])


def test_a_code_that_stands_still_has_no_direction(make):
    trained = make.identity(4)
    zero = trained.weights.parameters["head"]["kernel"] * 0
    trained.weights.parameters["head"]["kernel"] = zero
    found = make.metrics(Jacobian(trained), np.ones((5, 4), np.float32))
    assert (found["jacobian_norm"].value, found["jacobian_directions"].value) == (0, 0)


def test_the_figure_is_drawn_and_needs_something_to_draw(tmp_path):
    values = np.sort(np.random.default_rng(0).exponential(size=(20, 9)))[:, ::-1]
    values[:, -1] = 0
    assert figures.jacobian(values, tmp_path / "j.png", small=0.01).stat().st_size > 5000
    with pytest.raises(ValueError, match="no singular value"):
        figures.jacobian(np.zeros((3, 2)), tmp_path / "none.png", small=0.01)
