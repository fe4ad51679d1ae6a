"""The closed form against scipy, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aecli.evaluation.exact import Exact
from aecli.layout import Layout

GAUSSIAN = {"kind": "gaussian", "size": 3}


@pytest.mark.parametrize("wrong", [{}, {"shift": 2.0, "widen": 0.5}])
def test_against_scipy_whatever_the_encoder(make, wrong):
    trained, w, b = make.linear(6, 3, 0.4, **wrong)
    exact = stats.multivariate_normal(b, w @ w.T + 0.4 * np.eye(6))
    x = exact.rvs(50, random_state=1).astype(np.float32)
    found = make.metrics(Exact(trained), x)["nll_exact"]
    assert found.value == pytest.approx(-exact.logpdf(x).mean(), rel=1e-6)


def test_a_variance_of_each_feature(make):
    objective = {"reconstruction": {"kind": "gaussian", "variance": "learned_per_feature"}}
    trained = make.build((2, 3, 1), {"encoder": {"widths": []}, "bottleneck": GAUSSIAN}, objective)
    draw = np.random.default_rng(0)
    w, b, log_variance = draw.normal(size=(6, 3)), draw.normal(size=6), draw.normal(size=(2, 3, 1))
    make.set_weights(trained, head=trained.weights.parameters["head"], decoder={"kernel": w.T, "bias": b})
    trained.weights.parameters["reconstruction"]["log_variance"] = log_variance.astype(np.float32)
    exact = stats.multivariate_normal(b, w @ w.T + np.diag(np.exp(log_variance.ravel())))
    x = exact.rvs(50, random_state=1).astype(np.float32)
    found = make.metrics(Exact(trained), x.reshape(50, 2, 3, 1))["nll_exact"]
    assert found.value == pytest.approx(-exact.logpdf(x).mean(), rel=1e-6)


def test_squared_error_is_a_variance_of_a_half(make):
    trained = make.build((6,), {"encoder": {"widths": []}, "bottleneck": GAUSSIAN}, {})
    last = trained.weights.parameters["decoder"]["last"]
    w, b = np.asarray(last["kernel"], np.float64).T, np.asarray(last["bias"], np.float64)
    x = np.random.default_rng(0).random((20, 6)).astype(np.float32)
    exact = stats.multivariate_normal(b, w @ w.T + 0.5 * np.eye(6)).logpdf(x)
    assert make.metrics(Exact(trained), x)["nll_exact"].value == pytest.approx(-exact.mean(), rel=1e-6)


@pytest.mark.parametrize(
    ("model", "objective"),
    [
        ({"encoder": {"widths": []}, "bottleneck": {"kind": "dense", "size": 3}}, {}),
        ({"encoder": {"widths": [4]}, "bottleneck": GAUSSIAN}, {}),
        ({"encoder": {"widths": []}, "bottleneck": GAUSSIAN}, {"reconstruction": "bernoulli"}),
        ({"encoder": {"widths": []}, "bottleneck": GAUSSIAN | {"prior": {"kind": "mixture", "components": 2}}}, {}),
    ],
)
def test_other_models_have_none(make, model, objective):
    assert make.metrics(Exact(make.build((6,), model, objective)), np.ones((4, 6))) == {}


def test_a_hole_that_training_did_not_have_leaves_it_out(make):
    trained, _, _ = make.linear(6, 3, 0.4)
    x = np.zeros((4, 6), np.float32)
    x[2, 1] = np.nan
    assert make.metrics(Exact(trained), x) == {}


def test_categories_and_holes_have_none(make):
    layout = Layout((3,), True, (0, 3, 0), (False, False, True), (0.0, 1.0, 0.0), (0.0, -0.1, 0.0))
    trained = make.build(layout, {"encoder": {"widths": []}, "bottleneck": GAUSSIAN}, {})
    assert Exact(trained).model is None
