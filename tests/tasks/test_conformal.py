from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aecli.tasks.anomaly.conformal import p_values, rank, threshold, too_few

TEN = np.array([5, 1, 9, 3, 7, 2, 10, 8, 6, 4.0])  # 1 to 10


@pytest.mark.parametrize(
    ("rate", "expected"),
    # ceil(11 (1 - rate)): 0.5 -> 6th, 0.3 -> ceil(7.7) = 8th, 0.2 -> ceil(8.8) = 9th, 0.1 -> ceil(9.9) = 10th
    [(0.5, 6), (0.3, 8), (0.2, 9), (0.1, 10), (1 / 11 + 1e-9, 10), (0.05, 10), (0.95, 1)],
)
def test_the_threshold_of_ten_scores_by_hand(rate, expected):
    assert threshold(TEN, rate) == expected


@pytest.mark.parametrize(("n", "rate", "expected"), [(9, 0.1, 9), (99, 0.01, 99), (999, 0.001, 999), (29, 0.3, 21)])
def test_a_rate_is_the_decimal_it_is_written_as(n, rate, expected):
    assert rank(n, rate) == expected  # in binary 30 * 0.7 and the like lie on either side of the whole number


@pytest.mark.parametrize(("n", "rate", "needed"), [(98, 0.01, 99), (8, 0.1, 9), (1, 0.3, 3)])
def test_too_few_rows_are_said_with_what_they_support(n, rate, needed):
    text = too_few(n, rate)
    assert text is not None
    assert f"{n} held-out normal rows support a false-positive rate of {1 / (n + 1):.3g} or more" in text
    assert f"{needed} rows are needed" in text
    assert too_few(needed, rate) is None
    assert too_few(needed - 1, rate) is not None


def test_p_values_by_hand():
    found = p_values(np.array([0, 1, 5.5, 10, 11]), TEN)
    np.testing.assert_allclose(found, np.array([11, 11, 6, 2, 1]) / 11)


whole = st.lists(st.integers(0, 12), min_size=1, max_size=60).map(lambda v: np.array(v, float))


@given(whole, whole, st.floats(0.001, 0.999))
def test_above_the_threshold_is_a_p_value_within_the_rate(calibration, scores, rate):
    """Ties included; where n is too small for the rate nothing but the largest score is a threshold."""
    flagged = scores > threshold(calibration, rate)
    if too_few(len(calibration), rate):
        np.testing.assert_array_equal(flagged, scores > calibration.max())
    else:
        n, allowed = len(calibration), Fraction(repr(rate))
        counts = np.rint(p_values(scores, calibration) * (n + 1)).astype(int)
        assert flagged.tolist() == [Fraction(int(count), n + 1) <= allowed for count in counts]


@given(whole, st.floats(0.01, 0.9))
def test_the_threshold_is_the_smallest_that_holds_the_rate(calibration, rate):
    """Held against all n + 1 rows: each of them as likely to be the new one."""
    if too_few(len(calibration), rate):
        return
    n, at = len(calibration), threshold(calibration, rate)
    assert at in calibration
    below = calibration[calibration < at]
    allowed = Fraction(repr(rate)) * (n + 1)
    assert 1 + int((calibration > at).sum()) <= allowed
    if len(below):
        assert 1 + int((calibration > below.max()).sum()) > allowed


@given(st.integers(5, 60), st.integers(0, 10**6))
def test_exchangeable_rows_get_uniform_p_values(n, seed):
    """p (n + 1) is uniform on 1 ... n + 1 for every n: exact, so every n and seed pass at this level."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_gamma(2.0, (400, n + 1))
    found = np.array([p_values(row[-1:], row[:-1])[0] for row in scores])
    counts = np.bincount(np.rint(found * (n + 1)).astype(int), minlength=n + 2)[1:]
    assert counts.sum() == 400
    assert stats.chisquare(counts).pvalue > 1e-7


@pytest.mark.parametrize(("n", "rate"), [(19, 0.05), (50, 0.1), (200, 0.05), (99, 0.01)])
def test_the_false_positive_rate_of_normals_is_the_nominal_one(n, rate):
    rng = np.random.default_rng(0)
    flagged = [rng.normal(size=200) > threshold(rng.normal(size=n), rate) for _ in range(1000)]
    exact = 1 - rank(n, rate) / (n + 1)  # for a continuous score
    assert exact <= rate + 1e-12
    assert abs(np.mean(flagged) - exact) < 0.2 * exact
