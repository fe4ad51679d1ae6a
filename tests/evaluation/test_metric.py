from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aecli.evaluation.metric import Metric, share_metric
from aecli.evaluation.moments import Moments

FLOATS = st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=50)


def mean_metric(values: np.ndarray, unit: str) -> Metric:
    found = Moments("x")
    found.add({"x": values})
    return found.metric("x", unit)


@given(FLOATS)
def test_the_mean_and_its_standard_error_are_scipys(values):
    found = mean_metric(np.array(values, np.float32), "nats")
    assert found.value == pytest.approx(np.mean(values), rel=1e-9, abs=1e-9)
    assert found.stderr == pytest.approx(stats.sem(values), rel=1e-9, abs=1e-9)


def test_one_example_has_no_standard_error():
    assert mean_metric(np.array([3.0]), "nats") == (3.0, "nats", None)


def test_a_large_float32_mean_is_summed_in_float64():
    values = np.full(2**20, 2**24 + 2, np.float32)
    assert mean_metric(values, "nats").value == 2**24 + 2


@pytest.mark.parametrize(("value", "mean"), [(np.nan, np.nan), (np.inf, np.inf), (-np.inf, -np.inf)])
@pytest.mark.parametrize("at", [0, 700, 1299])
def test_what_is_not_finite_is_not_left_out(value, mean, at):
    values = np.ones(1300)
    values[at] = value
    found = mean_metric(values, "nats")
    assert found.value == pytest.approx(mean, nan_ok=True)
    assert found.stderr == pytest.approx(np.nan, nan_ok=True)


def test_infinities_of_both_signs_have_no_mean():
    found = mean_metric(np.array([np.inf, 1.0, -np.inf]), "nats")
    assert (np.isnan(found.value), np.isnan(found.stderr)) == (True, True)


def test_equal_values_have_no_error_at_all():
    assert mean_metric(np.full(1301, 0.1, np.float32), "nats") == (float(np.float32(0.1)), "nats", 0.0)


@given(st.integers(0, 30), st.integers(0, 30))
def test_the_standard_error_of_a_share_is_the_binomials(hits, misses):
    count = hits + misses + 1
    found = share_metric(hits, count, "share")
    assert found.value == hits / count
    assert found.stderr == pytest.approx(stats.binom(count, hits / count).std() / count, abs=1e-12)
