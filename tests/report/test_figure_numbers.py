"""The numbers in the figures, against scikit-learn and against hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score, roc_auc_score, roc_curve

from aecli.report.anomalies import roc_points, score_bins
from aecli.report.codes import principal
from aecli.report.curves import best_epoch, terms_of
from aecli.report.interpolations import scaled
from aecli.report.labels import read_labels
from aecli.report.pictures import NOT_FINITE, displayable, tiled
from aecli.report.reconstructions import r_squared
from aecli.report.samples import _density, _edges
from aecli.report.style import PALETTE, colours, limits, name_of, power_of_ten, spans_decades

NAN = float("nan")
MODERATE = st.floats(-1e6, 1e6, allow_nan=False).map(lambda v: round(v, 3))


@given(arrays(np.float64, st.tuples(st.integers(2, 20), st.integers(1, 4)), elements=MODERATE), st.integers(0, 9))
def test_r_squared_is_scikit_learns(x, seed):
    x_hat = x + np.random.default_rng(seed).normal(size=x.shape)
    varied = x.std(0) > 1e-3
    expected = r2_score(x[:, varied], x_hat[:, varied], multioutput="raw_values") if varied.any() else []
    np.testing.assert_allclose(r_squared(x, x_hat)[varied], expected, rtol=1e-6, atol=1e-9)


def test_r_squared_of_a_constant_is_undefined_and_holes_are_left_out():
    x = np.array([[0.1, 1.0, NAN], [0.1, 2.0, NAN], [0.1, NAN, NAN], [0.1, 3.0, NAN]])
    x_hat = np.array([[0.0, 1.0, 1.0], [0.0, 2.0, 1.0], [0.0, 9.0, 1.0], [0.0, 2.0, 1.0]])
    np.testing.assert_allclose(r_squared(x, x_hat), [NAN, 0.5, NAN])


@given(st.lists(st.tuples(st.integers(-3, 3) | st.just(float("inf")), st.booleans()), min_size=2, max_size=40))
def test_the_roc_is_scikit_learns_ties_included(rows):
    values, anomalous = np.array([v for v, _ in rows], float), np.array([a for _, a in rows])
    if anomalous.all() or not anomalous.any():
        return
    false, true = roc_points(values, anomalous)
    finite = np.where(np.isinf(values), 99.0, values)
    expected = roc_curve(anomalous, finite, drop_intermediate=False)
    np.testing.assert_allclose(false, expected[0])
    np.testing.assert_allclose(true, expected[1])
    assert np.trapezoid(true, false) == pytest.approx(roc_auc_score(anomalous, finite))


@pytest.mark.parametrize("shape", [(50, 5), (5, 50), (3, 3), (1, 4), (2, 2)])
def test_the_components_are_scikit_learns_up_to_their_sign(shape):
    code = np.random.default_rng(1).normal(size=shape) * np.arange(1, shape[1] + 1) + 7
    points, shares = principal(code)
    if shape[0] == 1:
        np.testing.assert_array_equal(points, [[0.0, 0.0]])
        return
    known = PCA(2).fit(code)
    np.testing.assert_allclose(np.abs(points), np.abs(known.transform(code)), atol=1e-6)
    np.testing.assert_allclose(shares, known.explained_variance_ratio_, atol=1e-12)
    again, _ = principal(code[::-1])
    np.testing.assert_allclose(again[::-1], points, atol=1e-6)


def record(epoch, split, **values):
    return {"step": epoch, "epoch": epoch, "split": split, "values": values}


def test_curves_keep_order_gaps_and_the_latest_record_of_an_epoch():
    terms = terms_of([
        record(1, "train", loss=3.0, rate=1.0),
        record(1, "validation", loss=4.0),
        record(2, "train", loss=None, rate=float("inf")),
        record(2, "train", loss=2.0, rate=float("inf")),
        record(3, "train", loss=None),
    ])  # fmt: skip
    assert list(terms) == ["loss", "rate"]
    np.testing.assert_array_equal(terms["loss"]["train"], ([1, 2, 3], [3.0, 2.0, NAN]))
    np.testing.assert_array_equal(terms["rate"]["train"], ([1, 2], [1.0, NAN]))
    np.testing.assert_array_equal(terms["loss"]["validation"], ([1], [4.0]))


@pytest.mark.parametrize(
    ("losses", "best"), [([3.0, 1.0, 1.0, 2.0], 2), ([None, 5.0], 2), ([None, None], None), ([], None)]
)
def test_the_best_epoch_is_the_first_of_the_least_validation_loss(losses, best):
    found = [record(i, "validation", loss=loss) for i, loss in enumerate(losses, 1)]
    assert best_epoch(terms_of([record(1, "train", loss=0.0), *found])) == best


def test_images_become_rgb_in_0_to_1():
    grey = displayable(np.array([[[[-1.0, 9.0]], [[0.5, 9.0]], [[2.0, 9.0]], [[NAN, 9.0]]]]))
    np.testing.assert_array_equal(grey[0, :, 0], [[0.0] * 3, [0.5] * 3, [1.0] * 3, NOT_FINITE])
    np.testing.assert_array_equal(displayable(np.full((1, 1, 3), 51, np.uint8)), np.full((1, 1, 3), 0.2))
    with pytest.raises(ValueError, match="channels"):
        displayable(np.zeros((4, 4)))


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 3))
def test_tiles_stand_where_they_belong(count, columns, pad):
    images = np.arange(1, count * 6 + 1, dtype=float).reshape(count, 2, 3)
    sheet = tiled(images, columns, pad, blank=-1.0)
    rows = -(-count // columns)
    assert sheet.shape == (rows * (2 + pad) - pad, columns * (3 + pad) - pad)
    assert (sheet != -1).sum() == images.size
    for i, image in enumerate(images):
        top, left = i // columns * (2 + pad), i % columns * (3 + pad)
        np.testing.assert_array_equal(sheet[top : top + 2, left : left + 3], image)


def test_columns_are_scaled_to_their_range():
    ways = np.array([[[0.0, 5.0, NAN], [10.0, 5.0, 1.0]], [[5.0, 5.0, 3.0], [2.5, 5.0, 1.0]]])
    expected = [[[0.0, 0.5, NAN], [1.0, 0.5, 0.0]], [[0.5, 0.5, 1.0], [0.25, 0.5, 0.0]]]
    np.testing.assert_array_equal(scaled(ways), expected)


@given(arrays(np.float64, st.integers(1, 200), elements=st.floats(-1e9, 1e9)))
def test_densities_integrate_to_the_share_inside(values):
    edges = _edges([values])
    inside = ((values >= edges[0]) & (values <= edges[-1])).mean()
    assert (_density(values, edges) * np.diff(edges)).sum() == pytest.approx(inside)
    assert (np.diff(edges) > 0).all()


def test_whole_numbers_get_a_bin_each():
    np.testing.assert_array_equal(_edges([np.array([0.0, 1.0, 1.0, 3.0])]), [-0.5, 0.5, 1.5, 2.5, 3.5])


@settings(max_examples=200)
@given(
    arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e12, 1e12)),
    st.none() | st.floats(-1e12, 1e12),
)
def test_score_bins_rise_and_hold_the_least_score_and_the_threshold(scores, threshold):
    edges, _ = score_bins(scores, threshold)
    assert len(edges) == 61
    assert (np.diff(edges) > 0).all()
    assert edges[0] <= scores.min()
    assert threshold is None or edges[0] <= threshold <= edges[-1]


def test_one_wild_score_does_not_squeeze_the_histogram():
    edges, geometric = score_bins(np.append(np.linspace(1, 2, 5000), 1e9), None)
    assert edges[-1] < 2.1
    assert not geometric


@pytest.mark.parametrize(
    ("labels", "kind", "names", "number"),
    [
        ([2, 10, 2], "classes", ("2", "10"), [0, 1, 0]),
        ([2.0, 10.5, NAN], "classes", ("2", "10.5", "unknown"), [0, 1, 2]),
        (["class 10", "class 2", ""], "classes", ("class 2", "class 10", "unknown"), [1, 0, 2]),
        ([True, False, None], "classes", ("False", "True", "unknown"), [1, 0, 2]),
        ([1, "a", 1], "classes", ("1", "a"), [0, 1, 0]),
        ([None, NAN, ""], "none", (), []),
    ],
)
def test_labels_are_read(labels, kind, names, number):
    found = read_labels(np.array(labels, object), np.full(3, True))
    assert (found.kind, found.names, found.number.tolist()) == (kind, names, number)
    assert sum(found.counts) == len(number)


def test_many_labels_are_a_scale_or_the_most_frequent():
    keep = np.full(50, True)
    scale = read_labels(np.array([NAN, *range(49)]), keep)
    assert scale.kind == "scale"
    np.testing.assert_array_equal(scale.value, [NAN, *range(49)])
    assert scale.notes == ("1 without a label in grey",)
    names = read_labels(np.array(["often"] * 10 + [f"n{i}" for i in range(40)]), keep)
    assert len(names.names) == 20
    assert names.counts[names.names.index("often")] == 10
    assert (names.names[names.other], names.counts[names.other]) == ("22 other labels", 22)
    assert read_labels(None, keep).kind == "none"
    keep[:9] = False
    assert len(read_labels(np.array(["often"] * 10 + ["b"] * 40), keep).number) == 41


def test_every_class_has_its_own_colour():
    assert len(set(colours(21))) == 21
    assert tuple(colours(8)) == tuple(c.lower() for c in PALETTE)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.001, "0.001"), (2000.0, "2000"), (1e5, "10⁵"), (2e-7, "2·10⁻⁷"), (0.0, ""), (-1.0, "")],
)
def test_decades_are_written_without_mathtext(value, text):
    assert power_of_ten(value) == text


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_limits_hold_both_ends_and_are_never_one_point(a, b):
    low, high = limits(min(a, b), max(a, b))
    assert low <= min(a, b) <= max(a, b) <= high
    assert low < high


def test_a_logarithm_is_for_positive_values_over_decades():
    assert spans_decades(np.array([0.01, NAN, 1.0]))
    assert not spans_decades(np.array([0.0, 1.0]))
    assert not spans_decades(np.array([1.0, 99.0]))
    assert not spans_decades(np.array([NAN]))


@given(st.text())
def test_a_name_is_one_short_visible_line(text):
    found = name_of(text, 10)
    assert len(found) <= 11
    assert found.isprintable()
    assert not found.startswith("_")
