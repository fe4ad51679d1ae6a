"""Flows fitted to codes: what they learn, that they are kept, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from aecli.config.problems import DamagedError, UserError
from aecli.tasks import flow as flows
from aecli.tasks.flow import fit, flow_of
from aecli.tasks.mixture import fit as fit_mixture
from aecli.tasks.sample import sample
from tests.tasks.small import GAUSSIAN, table, trained


@pytest.fixture
def short(monkeypatch):
    """Few steps."""
    monkeypatch.setattr(flows, "MOST", 100)


def banana(rows, seed=0):
    """(a, a^2 + noise): no Gaussian, and no mixture of few."""
    draw = np.random.default_rng(seed)
    a = draw.normal(size=rows)
    return np.stack([3 + 10 * a, a**2 + 0.1 * draw.normal(size=rows)], axis=1)


def test_a_bent_density_is_learned_and_drawn_from():
    """The entropy of the banana is known: log p = log N(a) + log N(noise) - log 10."""
    codes, new = banana(4000), banana(2000, seed=1)
    exact = 0.5 * 2 * (1 + np.log(2 * np.pi)) + np.log(0.1) + np.log(10)
    found = fit(codes)
    assert -found.log_prob(new).mean() == pytest.approx(exact, abs=0.25)
    drawn = found.sample(20_000, 0).astype(np.float64)
    a = (drawn[:, 0] - 3) / 10
    assert np.std(drawn[:, 1] - a**2) < 0.25
    gaussian = fit_mixture(codes, components=1).sample(20_000, 0).astype(np.float64)
    assert np.std(gaussian[:, 1] - ((gaussian[:, 0] - 3) / 10) ** 2) > 1


def test_draws_are_equal_for_equal_seeds_and_units_that_do_not_vary_stay(short):
    codes = np.concatenate([banana(300), np.full((300, 1), 7.0)], axis=1)
    found = fit(codes)
    np.testing.assert_array_equal(found.sample(50, 3), fit(codes).sample(50, 3))
    assert (found.sample(50, 3) != found.sample(50, 4)).any()
    assert (found.sample(50, 3)[:, 2] == 7).all()


def test_it_is_kept_with_the_run_and_refuses_what_is_damaged(tmp_path, short, monkeypatch):
    model = trained(tmp_path, table(), model=GAUSSIAN)
    first = sample(model, 9, "flow", seed=3)
    assert first.sampler == "flow"
    with monkeypatch.context() as patched:
        patched.setattr(flows, "fit", lambda *args: pytest.fail("fitted again"))
        np.testing.assert_array_equal(sample(model, 9, "flow", seed=3).codes, first.codes)
    path = model.run.path / "flow.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DamagedError, match="damaged"):
        flow_of(model)


def test_a_code_of_one_unit_is_refused(short):
    with pytest.raises(UserError, match="has one"):
        fit(np.zeros((10, 1)))


def test_codes_that_are_not_finite_are_refused():
    with pytest.raises(UserError, match="not finite"):
        fit(np.array([[0.0, 1.0], [np.nan, 2.0], [1.0, 3.0]]))
