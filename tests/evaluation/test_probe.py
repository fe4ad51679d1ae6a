from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from aecli.config.problems import UserError
from aecli.evaluation import probe as module
from aecli.evaluation.probe import linear_probe
from aecli.experiment import Probe, load

CLASSES = 3


def sparse_codes(rows: int, seed: int, size: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Units of very different loudness, a quarter of them in use; and classes that hang together with them."""
    draw = np.random.default_rng(seed)
    codes = draw.exponential(size=(rows, size)) * (draw.random((rows, size)) < 0.2) * np.logspace(-2, 1, size)
    map_ = np.random.default_rng(5).normal(size=(size, CLASSES)) / np.logspace(-2, 1, size)[:, None]
    return codes.astype(np.float32), (codes @ map_ + draw.gumbel(size=(rows, CLASSES))).argmax(axis=1)


def by_hand(probe: Probe, known, classes, codes) -> np.ndarray:
    """The predictions where the objective of the docstring is least, found by scipy in float64."""
    known, codes = known.astype(np.float64), codes.astype(np.float64)
    mean, size = (known.mean(0), known.std(0)) if probe.scale == "unit" else (0.0, np.sqrt(np.mean(known**2)))
    known, codes, width = (known - mean) / size, (codes - mean) / size, known.shape[1]
    onehot = np.eye(CLASSES)[classes]

    def objective(flat):
        kernel, bias = flat[:-CLASSES].reshape(width, CLASSES), flat[-CLASSES:]
        log = log_softmax(known @ kernel + bias, axis=1)
        slope = np.exp(log) - onehot
        value = -(log * onehot).sum() + (kernel**2).sum() / (2 * probe.C)
        return value, np.append((known.T @ slope + kernel / probe.C).ravel(), slope.sum(0))

    found = minimize(objective, np.zeros((width + 1) * CLASSES), jac=True, tol=1e-10, options={"maxiter": 5000}).x
    return (codes @ found[:-CLASSES].reshape(width, CLASSES) + found[-CLASSES:]).argmax(axis=1)


@pytest.mark.parametrize("scale", ["unit", "code"])
@pytest.mark.parametrize("strength", [0.01, 1.0, 100.0])
def test_the_probe_is_the_minimum_of_its_objective(scale, strength):
    probe = Probe(scale=scale, C=strength)
    (known, classes), (codes, _) = sparse_codes(400, 0), sparse_codes(500, 1)
    expected = by_hand(probe, known, classes, codes)
    notes: list[str] = []
    found = linear_probe(probe, known, classes.astype(str), codes, expected.astype(str), notes)
    assert notes == []
    assert found.value >= 0.994  # equal but for rows on the line between two classes: the solver stops at 1e-4


def test_zeros_that_are_left_out_change_nothing(monkeypatch):
    sets = (*sparse_codes(400, 0), *sparse_codes(500, 1))
    probe = Probe(scale="code", C=1.0)
    left_out = linear_probe(probe, *sets, [])
    monkeypatch.setattr(module, "FEW", 0.0)
    assert linear_probe(probe, *sets, []).value == pytest.approx(left_out.value, abs=0.004)


def test_codes_of_zeros_are_no_error():
    found = linear_probe(Probe(scale="code"), np.zeros((9, 2)), np.arange(9) % 3, np.zeros((3, 2)), np.arange(3), [])
    assert found.value == pytest.approx(1 / 3)


def test_the_unit_tells_of_scale_and_strength():
    sets = (*sparse_codes(60, 0), *sparse_codes(60, 1))
    assert linear_probe(Probe(), *sets, []).unit.endswith("regression on standardised training codes")
    assert linear_probe(Probe(scale="code", C=0.1), *sets, []).unit.endswith("codes of mean square 1, C = 0.1")


@pytest.mark.parametrize("wrong", ["evaluation.probe.C=0", "evaluation.probe.C=inf", "evaluation.probe.scale=row"])
def test_what_is_no_probe_is_refused(wrong):
    with pytest.raises(UserError, match=r"evaluation.probe"):
        load({"data": {"source": "digits"}}, [wrong])
